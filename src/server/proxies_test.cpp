// SPDX-License-Identifier: MIT

// A whole C++ server behind a proxy, over real sockets, and its options.

#include "server/proxies.h"

#include <doctest/doctest.h>

#include <mutex>
#include <string>
#include <vector>

#include "outrider/outrider.h"
#include "testing/blocking_client.h"

namespace outrider::server {
namespace {

using testing::BlockingClient;

// Answers "CLIENT SCHEME HOST".
App telling_app() {
  App app;
  app.get("/", [](Request& request) {
    std::string client = request.client_address();
    if (client == request.peer_address()) client = "the peer";
    return client + " " + std::string(request.scheme()) + " " + std::string(request.header("host").value());
  });
  return app;
}

std::string ask(const Server& server, const std::string& fields, const std::string& before = {}) {
  BlockingClient client(static_cast<uint16_t>(server.port()));
  client.send(before + "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n" + fields + "\r\n");
  client.read_to_end();
  const std::size_t end = client.received().find("\r\n\r\n");
  return end == std::string::npos ? "" : client.received().substr(end + 4);
}

std::string complaint(Config config) {
  try {
    const Server server = serve(App(), std::move(config));
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Option);
    return error.what();
  }
  return "";
}

TEST_CASE("a C++ handler sees the client that a trusted proxy names") {
  const Server server = serve(telling_app(), {.trusted_proxies = {"127.0.0.0/8"}});
  CHECK(ask(server, "") == "the peer http a");
  CHECK(ask(server, "x-forwarded-for: 203.0.113.7\r\nx-forwarded-proto: https\r\n") == "203.0.113.7 https a");
  CHECK(ask(server, "forwarded: for=\"[2001:db8::7]:99\";host=b\r\n") == "[2001:db8::7]:99 http b");
  CHECK(ask(server, "forwarded: for=unknown\r\n") == " http a");
  CHECK(ask(server, "x-forwarded-host: b\r\n") == "the peer http a");
}

TEST_CASE("a C++ server believes nobody by default, and only the fields that it is told") {
  const Server nobody = serve(telling_app());
  CHECK(ask(nobody, "x-forwarded-for: 6.6.6.6\r\n") == "the peer http a");
  const Server one = serve(telling_app(), {.trusted_proxies = {"*"}, .proxy_headers = {"x-forwarded-proto"}});
  CHECK(ask(one, "x-forwarded-for: 6.6.6.6\r\nx-forwarded-proto: https\r\n") == "the peer https a");
}

TEST_CASE("a C++ server takes PROXY headers, and says at level debug whom it closed") {
  std::mutex mutex;
  std::vector<std::string> lines;
  Config config{.trusted_proxies = {"127.0.0.1"}, .proxy_protocol = true};
  config.log_level = LogLevel::Debug;
  config.log = [&](LogLevel level, std::string_view line) {
    const std::lock_guard lock(mutex);
    if (level == LogLevel::Debug) lines.emplace_back(line);
  };
  {
    const Server server = serve(telling_app(), config);
    CHECK(ask(server, "", "PROXY TCP4 203.0.113.7 192.0.2.1 99 443\r\n") == "the peer http a");
    CHECK(ask(server, "").empty());
  }
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find("closed a connection of 127.0.0.1:") == 0);
  CHECK(lines[0].find("doesn't begin with a PROXY header") != std::string::npos);
}

TEST_CASE("options of proxies that can't be used are refused by name, with what to write") {
  CHECK(complaint({.trusted_proxies = {"10.0.0.0/8", "proxy.example"}})
            .find("Config::trusted_proxies: \"proxy.example\" is neither an address nor a network: expected") == 0);
  CHECK(complaint({.trusted_proxies = {"10.0.0.1/8"}}).find("write \"10.0.0.0/8\"") != std::string::npos);
  CHECK(complaint({.proxy_headers = {"x-real-ip"}}).find("Config::proxy_headers: \"x-real-ip\" is no field") == 0);
  CHECK(complaint({.proxy_protocol = true}).find("Config::proxy_protocol is on, but trusted_proxies is empty") == 0);
}

}  // namespace
}  // namespace outrider::server
