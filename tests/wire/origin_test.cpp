// SPDX-License-Identifier: MIT
// Behind a proxy: who the client of a request is, by the PROXY protocol and by header fields.
#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include "cases.h"
#include "routes.h"
#include "testing/fragmenter.h"
#include "testing/proxy_header.h"

namespace outrider::testing {
namespace {

using ProxyHeader = server::Engine::ProxyHeader;

const net::Address kProxy = net::Address::parse("10.0.0.1", 40000).value();
const net::Address kStranger = net::Address::parse("198.51.100.1", 40000).value();
const net::Address kClient = net::Address::parse("203.0.113.7", 50412).value();
const net::Address kServer = net::Address::parse("10.0.0.2", 8000).value();

const std::vector<std::string> kAll = {"forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"};

struct ProxiedServer : Server {
  explicit ProxiedServer(const std::vector<std::string>& trusted, ProxyHeader header = ProxyHeader::None,
                         const Limits& limits = {})
      : Server(limits) {
    add_routes(application());
    engine().trust({net::TrustedProxies::parse(trusted), http::ForwardedFields::parse(kAll)}, header);
    engine().on_refused([this](const auto& describe) { refused.push_back(describe()); });
    engine().on_record(
        [this](const http::ExchangeRecord& record) { logged.push_back(record.client_address().to_string()); });
  }

  std::vector<std::string> refused;
  std::vector<std::string> logged;
};

std::string request(const std::string& fields = {}, const std::string& version = "1.1") {
  return "GET /hello HTTP/" + version + "\r\n" + (version == "1.1" ? "Host: a\r\n" : "") + fields + "\r\n";
}

TEST_CASE("nobody is believed by default") {
  ProxiedServer server({});
  MemoryClient& client = server.connect_memory(kProxy, kServer);
  server.exchange(client, request("Forwarded: for=6.6.6.6;proto=https;host=evil\r\nX-Forwarded-For: 7.7.7.7\r\n"));
  REQUIRE(server.application().count() == 1);
  CHECK(server.application().last().client == "10.0.0.1:40000");
  CHECK(server.application().last().scheme == "http");
  CHECK(server.application().last().authority == "a");
  CHECK(server.logged == std::vector<std::string>{"10.0.0.1:40000"});
}

TEST_CASE("who isn't trusted isn't believed, and what it says isn't even read") {
  ProxiedServer server({"10.0.0.0/8"});
  MemoryClient& client = server.connect_memory(kStranger, kServer);
  server.exchange(client, request("Forwarded: for=\"\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\n"));
  REQUIRE(server.application().count() == 1);
  CHECK(server.application().last().client == "198.51.100.1:40000");
  CHECK(server.application().last().authority == "a");
}

TEST_CASE("each request of a proxy's connection has the origin that its own fields tell") {
  ProxiedServer server({"10.0.0.0/8"});
  MemoryClient& client = server.connect_memory(kProxy, kServer);
  server.exchange(client, request("X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n") +
                              request("Forwarded: for=203.0.113.8;host=example.com\r\n") + request() +
                              request("X-Forwarded-For: unknown\r\n"));
  REQUIRE(server.application().count() == 4);
  const auto seen = [&](std::size_t index) {
    const Recorded& exchange = server.application().exchange(index);
    return exchange.client + " " + exchange.scheme + " " + exchange.authority;
  };
  CHECK(seen(0) == "203.0.113.7:0 https a");
  CHECK(seen(1) == "203.0.113.8:0 http example.com");
  CHECK(seen(2) == "10.0.0.1:40000 http a");
  CHECK(seen(3) == "(none) http a");
  CHECK(server.logged == std::vector<std::string>{"203.0.113.7:0", "203.0.113.8:0", "10.0.0.1:40000", "(none)"});
}

TEST_CASE("the host that a proxy tells takes the place of the Host field") {
  ProxiedServer server({"*"});
  MemoryClient& client = server.connect_memory();
  server.exchange(client, request("X-Forwarded-Host: example.com\r\nX-A: 1\r\n"));
  CHECK(server.application().last().fields ==
        Fields{{"host", "example.com"}, {"x-forwarded-host", "example.com"}, {"x-a", "1"}});
  server.exchange(client, "GET http://a/hello HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: [2001:db8::1]:81\r\n\r\n");
  CHECK(server.application().last().authority == "[2001:db8::1]:81");
  CHECK(server.application().last().target == "http://a/hello");
  // HTTP/1.0 has no Host field that could be replaced.
  server.exchange(client, request("X-Forwarded-Host: example.com\r\n", "1.0"));
  CHECK(server.application().last().fields == Fields{{"x-forwarded-host", "example.com"}, {"host", "example.com"}});
}

TEST_CASE("a proxy's fields that can't be understood are answered 400") {
  const std::string sentence = "what a proxy says of the request's origin (Forwarded, X-Forwarded) is not valid";
  for (const char* fields :
       {"X-Forwarded-For: example.com\r\n", "Forwarded: for=\"1.2.3.4\r\n", "X-Forwarded-Proto: gopher\r\n",
        "X-Forwarded-Host: a/b\r\n", "X-Forwarded-Host: a@b\r\n", "Forwarded: for=1.2.3.4;host=\"a:b\"\r\n",
        "X-Forwarded-Host: a b\r\n", "X-Forwarded-Host: :80\r\n", "X-Forwarded-Host: \xc3\xa4\r\n"}) {
    INFO(fields);
    ProxiedServer server({"10.0.0.0/8"});
    MemoryClient& client = server.connect_memory(kProxy, kServer);
    server.exchange(client, request(fields) + request());
    CHECK(client.received() == error_answer("400 Bad Request", sentence));
    CHECK(client.is_ended());
    CHECK(server.application().count() == 0);
  }
}

TEST_CASE("a proxy's fields that contradict each other are answered 400") {
  ProxiedServer server({"10.0.0.0/8"});
  MemoryClient& client = server.connect_memory(kProxy, kServer);
  server.exchange(client, request("Forwarded: for=6.6.6.6\r\nX-Forwarded-For: 203.0.113.7\r\n"));
  CHECK(client.received() ==
        error_answer("400 Bad Request", "the Forwarded and the X-Forwarded fields say different things"));
  CHECK(server.application().count() == 0);
}

TEST_CASE("behind a PROXY header the client is the one that it names, however it is cut") {
  for (const std::string& header :
       {std::string("PROXY TCP4 203.0.113.7 192.0.2.1 50412 443\r\n"), binary_header(kClient, kServer)}) {
    const std::string bytes = header + request("X-Forwarded-For: 6.6.6.6\r\n") + request();
    for_each_fragmentation(bytes, [&](const Fragments& fragments) {
      ProxiedServer server({"10.0.0.0/8"}, ProxyHeader::Required);
      MemoryClient& client = server.connect_memory(kProxy, kServer);
      for (const std::string_view fragment : fragments) client.send(fragment);
      server.settle();
      REQUIRE(server.application().count() == 2);
      // It isn't trusted: what it says of others isn't believed.
      CHECK(server.application().exchange(0).client == "203.0.113.7:50412");
      CHECK(server.application().exchange(1).client == "203.0.113.7:50412");
      CHECK(server.refused.empty());
    });
  }
}

TEST_CASE("a trusted proxy that a PROXY header names is believed; whoever is there by an asterisk isn't") {
  const std::string bytes = "PROXY TCP4 10.1.1.1 192.0.2.1 1 2\r\n" + request("X-Forwarded-For: 203.0.113.9\r\n");
  ProxiedServer network({"10.0.0.0/8"}, ProxyHeader::Required);
  network.exchange(network.connect_memory(kProxy, kServer), bytes);
  CHECK(network.application().last().client == "203.0.113.9:0");
  ProxiedServer everybody({"*"}, ProxyHeader::Required);
  everybody.exchange(everybody.connect_memory(kProxy, kServer), bytes);
  CHECK(everybody.application().last().client == "10.1.1.1:1");
}

TEST_CASE("a proxy that doesn't know its client isn't believed what that says") {
  ProxiedServer server({"*", "10.0.0.0/8"}, ProxyHeader::Required);
  MemoryClient& client = server.connect_memory(kProxy, kServer);
  server.exchange(client, "PROXY UNKNOWN\r\n" + request("X-Forwarded-For: 6.6.6.6\r\n"));
  CHECK(server.application().last().client == "10.0.0.1:40000");
}

TEST_CASE("a proxy that speaks for itself is believed as one that is connected") {
  ProxiedServer server({"10.0.0.0/8"}, ProxyHeader::Required);
  MemoryClient& client = server.connect_memory(kProxy, kServer);
  server.exchange(client, binary_header(0x20, 0, "") + request("X-Forwarded-For: 203.0.113.9\r\n"));
  CHECK(server.application().last().client == "203.0.113.9:0");
}

TEST_CASE("a stranger can't speak the PROXY protocol") {
  ProxiedServer server({"10.0.0.0/8"}, ProxyHeader::Required);
  MemoryClient& client = server.connect_memory(kStranger, kServer);
  server.exchange(client, "PROXY TCP4 10.0.0.1 192.0.2.1 1 2\r\n" + request());
  CHECK(client.is_closed());
  CHECK(client.received().empty());
  CHECK(server.application().count() == 0);
  CHECK(server.engine().connection_count() == 0);
  CHECK(server.refused == std::vector<std::string>{"closed a connection of 198.51.100.1:40000: it is none of the "
                                                   "trusted proxies, and only these can speak the PROXY protocol"});
}

TEST_CASE("a connection without a PROXY header is closed without a word") {
  ProxiedServer server({"10.0.0.0/8"}, ProxyHeader::Required);
  MemoryClient& client = server.connect_memory(kProxy, kServer);
  server.exchange(client, request());
  CHECK(client.is_closed());
  CHECK(client.received().empty());
  CHECK(server.engine().connection_count() == 0);
  CHECK(server.refused == std::vector<std::string>{"closed a connection of 10.0.0.1:40000: the connection doesn't "
                                                   "begin with a PROXY header"});
}

TEST_CASE("a PROXY header has the time of a request's head") {
  Limits limits;
  limits.head_timeout = std::chrono::milliseconds(20);
  ProxiedServer server({"10.0.0.0/8"}, ProxyHeader::Required, limits);
  MemoryClient& client = server.connect_memory(kProxy, kServer);
  server.exchange(client, "PROXY TCP4 ");
  CHECK(server.run_until([&] { return client.is_closed(); }));
  CHECK(client.received().empty());
  CHECK(server.refused.size() == 1);
}

TEST_CASE("a stop doesn't wait for a PROXY header") {
  ProxiedServer server({"10.0.0.0/8"}, ProxyHeader::Required);
  MemoryClient& silent = server.connect_memory(kProxy, kServer);
  MemoryClient& begun = server.connect_memory(kProxy, kServer);
  server.exchange(begun, "PROXY TCP4 ");
  server.drain(StopPolicy::production());
  CHECK(server.run_until([&] { return server.reports().size() == 1; }));
  CHECK(silent.is_closed());
  CHECK(begun.is_closed());
}

TEST_CASE("a PROXY header that is held back with its connection is read when that goes on") {
  ProxiedServer server({"10.0.0.0/8"}, ProxyHeader::Required);
  MemoryClient& client = server.connect_memory(kProxy, kServer);
  server.exchange(client, "PROXY TCP4 203.0.113.7 192.0");
  server.engine().hold([](bool) {});
  server.exchange(client, ".2.1 50412 443\r\n" + request());
  CHECK(server.application().count() == 0);
  server.engine().go_on();
  server.settle();
  REQUIRE(server.application().count() == 1);
  CHECK(server.application().last().client == "203.0.113.7:50412");
}

TEST_CASE("a proxy isn't counted as one client, unless it is trusted only because it is connected") {
  Limits limits;
  limits.connections_per_address_max = 1;
  ProxiedServer server({"10.0.0.0/8", "*"}, ProxyHeader::None, limits);
  for (int i = 0; i < 3; ++i) CHECK(!server.connect_memory(kProxy, kServer).is_closed());
  CHECK(!server.connect_memory(kStranger, kServer).is_closed());
  CHECK(server.connect_memory(kStranger, kServer).is_closed());
}

}  // namespace
}  // namespace outrider::testing
