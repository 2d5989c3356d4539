// SPDX-License-Identifier: MIT
#include "net/proxied_stream.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "loop/loop.h"
#include "testing/fragmenter.h"
#include "testing/memory_stream.h"
#include "testing/proxy_header.h"

namespace outrider::net {
namespace {

const Address kProxy = Address::parse("10.0.0.1", 40000).value();
const Address kServer = Address::parse("10.0.0.2", 8000).value();
const Address kClient = Address::parse("203.0.113.7", 50412).value();
const Address kSite = Address::parse("192.0.2.1", 443).value();

struct Owner final : StreamHandler {
  void on_data(std::span<char> bytes) override { data.append(bytes.data(), bytes.size()); }
  void on_end() override { is_ended = true; }
  void on_error(int code) override { error = code; }
  void on_write_done(int) override {}

  std::string data;
  bool is_ended = false;
  int error = 0;
};

// A proxied stream on a loop that the test turns.
struct Proxied {
  explicit Proxied(uint64_t timeout_ms = 0) : reception{deadlines, timeout_ms, {}} {
    reception.on_refused = [this](const Address& proxy, std::string_view reason) {
      refused.push_back(proxy.to_string() + ": " + std::string(reason));
    };
    client.set_addresses(kProxy, kServer);
    stream = std::make_unique<ProxiedStream>(client.take_stream(), reception);
    stream->set_handler(&owner);
    stream->start_reading();
  }

  void send(const testing::Fragments& fragments) {
    for (const std::string_view fragment : fragments) client.send(fragment);
    settle();
  }
  void send(std::string_view bytes) { send(testing::Fragments{bytes}); }
  void settle() {
    for (int quiet = 0; quiet < 3;) quiet = loop.pass().count() == 0 ? 0 : quiet + 1;
  }

  loop::Loop loop;
  loop::DeadlineWheel deadlines{loop};
  ProxyReception reception;
  std::vector<std::string> refused;
  testing::MemoryClient client{loop};
  Owner owner;
  std::unique_ptr<ProxiedStream> stream;
};

TEST_CASE("a PROXY header is taken off however it is cut, and what follows passes") {
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const std::string& header : {std::string("PROXY TCP4 203.0.113.7 192.0.2.1 50412 443\r\n"),
                                    testing::binary_header(kClient, kSite, testing::extension(2, "example.com"))}) {
    const std::string bytes = header + request;
    testing::for_each_fragmentation(bytes, [&](const testing::Fragments& fragments) {
      Proxied server;
      server.send(fragments);
      CHECK(server.owner.data == request);
      CHECK(server.owner.error == 0);
      CHECK(server.stream->peer_address().to_string() == "203.0.113.7:50412");
      CHECK(server.stream->local_address().to_string() == "192.0.2.1:443");
      CHECK(server.stream->peer_knowledge() == PeerKnowledge::Announced);
      server.client.end();
      server.settle();
      CHECK(server.owner.is_ended);
      CHECK(server.refused.empty());
    });
  }
}

TEST_CASE("until the header is there the peer is the proxy") {
  Proxied server;
  server.send("PROXY TCP4 203.0.113.7");
  CHECK(server.stream->peer_address().to_string() == "10.0.0.1:40000");
  CHECK(server.stream->local_address().to_string() == "10.0.0.2:8000");
  CHECK(server.owner.data.empty());
}

TEST_CASE("a proxy that speaks for itself, or for nobody it knows, has its own address") {
  Proxied itself;
  itself.send(testing::binary_header(0x20, 0, "") + "x");
  CHECK(itself.owner.data == "x");
  CHECK(itself.stream->peer_address().to_string() == "10.0.0.1:40000");
  CHECK(itself.stream->peer_knowledge() == PeerKnowledge::Connected);
  for (const std::string& header : {std::string("PROXY UNKNOWN\r\n"), testing::binary_header(0x21, 0, "")}) {
    Proxied nobody;
    nobody.send(header + "x");
    CHECK(nobody.owner.data == "x");
    CHECK(nobody.stream->peer_address().to_string() == "10.0.0.1:40000");
    CHECK(nobody.stream->peer_knowledge() == PeerKnowledge::Unknown);
  }
}

TEST_CASE("only the first header is one") {
  Proxied server;
  server.send("PROXY TCP4 203.0.113.7 192.0.2.1 1 2\r\nPROXY TCP4 6.6.6.6 192.0.2.1 1 2\r\n");
  CHECK(server.owner.data == "PROXY TCP4 6.6.6.6 192.0.2.1 1 2\r\n");
  CHECK(server.stream->peer_address().to_string() == "203.0.113.7:1");
}

TEST_CASE("what is no PROXY header breaks the connection, and its owner gets none of it") {
  for (const std::string& bytes : {std::string("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
                                   std::string("PROXY TCP4 1.2.3.4\r\nGET / HTTP/1.1\r\n\r\n")}) {
    testing::for_each_fragmentation(bytes, [&](const testing::Fragments& fragments) {
      Proxied server;
      server.send(fragments);
      CHECK(server.owner.error == EPROTO);
      CHECK(server.owner.data.empty());
      CHECK(!server.client.is_being_read());
      REQUIRE(server.refused.size() == 1);
      CHECK(server.refused[0].find("10.0.0.1:40000: the ") == 0);
    });
  }
}

TEST_CASE("a connection that ends before its header does has ended") {
  Proxied server;
  server.client.send("PROXY");
  server.client.end();
  server.settle();
  CHECK(server.owner.is_ended);
  CHECK(server.owner.data.empty());
  CHECK(server.refused.empty());
}

TEST_CASE("a header that doesn't come in time breaks the connection") {
  Proxied server(20);
  server.send("PROXY TCP4");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (server.owner.error == 0 && std::chrono::steady_clock::now() < end) server.loop.pass();
  CHECK(server.owner.error == ETIMEDOUT);
  CHECK(server.refused == std::vector<std::string>{"10.0.0.1:40000: the PROXY header took too long"});
}

TEST_CASE("a header that came in time has no deadline any more, nor has a stream that isn't read") {
  Proxied server(20), held(20), other(20);
  server.send("PROXY UNKNOWN\r\n");
  held.stream->stop_reading();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (other.owner.error == 0 && std::chrono::steady_clock::now() < end) {
    for (Proxied* each : {&other, &server, &held}) each->loop.pass();
  }
  CHECK(other.owner.error == ETIMEDOUT);  // it began last
  CHECK(server.owner.error == 0);
  CHECK(held.owner.error == 0);
}

TEST_CASE("a proxied stream can be destroyed while its header is awaited") {
  Proxied server(20);
  server.send("PROXY");
  server.stream.reset();
  server.settle();
  CHECK(server.client.is_closed());
}

}  // namespace
}  // namespace outrider::net
