// SPDX-License-Identifier: MIT
// Exchanges that become tunnels: bytes both ways after a 101 (RFC 9110 §7.8).
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <span>
#include <string>

#include "cases.h"
#include "routes.h"

namespace outrider::testing {
namespace {

using http::More;
using namespace std::string_literals;

const std::string kAsk = "GET /t HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: x\r\n\r\n";
const std::string kSwitched =
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nx-a: b\r\nconnection: upgrade\r\n\r\n";

// Sends back what comes, and keeps notes.
struct Echo final : http::TunnelHandler {
  explicit Echo(http::Exchange& on) : exchange(&on) {}
  ~Echo() {
    if (exchange != nullptr) exchange->abort();
  }

  void open(More more = More::Yes) {
    exchange->begin_tunnel("x", *this);
    CHECK(exchange->add_field("x-a", "b") == http::ResponseFault::None);
    CHECK(exchange->add_field("content-length", "1") == http::ResponseFault::FieldForbidden);
    CHECK(exchange->add_field("transfer-encoding", "chunked") == http::ResponseFault::FieldForbidden);
    CHECK(exchange->add_field("upgrade", "y") == http::ResponseFault::FieldForbidden);
    send("", more);
  }
  void send(std::string_view bytes, More more) {
    CHECK(exchange->write({bytes, nullptr, nullptr}, more) == http::ResponseFault::None);
    if (more == More::No) exchange = nullptr;
  }

  void on_data(std::span<char> bytes) override {
    received.append(bytes.data(), bytes.size());
    for (char& byte : bytes) byte = '#';  // they are ours to overwrite
    send(received.substr(received.size() - bytes.size()), More::Yes);
    if (received.find("bye") != std::string::npos) send("!", More::No);
  }
  void on_writable() override { ++writable; }
  void on_half_close() override { ended = true; }
  void on_disconnect(http::Disconnect) override {
    exchange = nullptr;
    ++disconnects;
  }
  void on_stop() override { ++stops; }
  void on_cancel() override { ++cancels; }

  http::Exchange* exchange;
  std::string received;
  bool ended = false;
  int writable = 0, disconnects = 0, stops = 0, cancels = 0;
};

// A server whose path /t is such a tunnel, and one client.
struct Tunnelled : Server {
  explicit Tunnelled(const Limits& limits = {}) : Server(limits) {
    application().route("/t", [this](Recorded& exchange) {
      offered = exchange.exchange().offers_tunnel();
      if (!offered) return exchange.respond(200, "no\n");
      echo = std::make_unique<Echo>(exchange.exchange());
      if (opens) echo->open();
    });
    client = &connect_memory();
  }
  std::unique_ptr<Echo> echo;
  MemoryClient* client;
  bool offered = false;
  bool opens = true;
};

TEST_CASE("what follows the 101 goes both ways as it is, at every split") {
  for (std::size_t split = 1; split < kAsk.size() + 8; ++split) {
    Tunnelled server;
    const std::string all = kAsk + "\r\n\0ello"s + "bye";
    server.exchange(*server.client, all.substr(0, split));
    server.exchange(*server.client, all.substr(split));
    CHECK(server.client->received() == kSwitched + "\r\n\0ellobye!"s);
    CHECK(server.client->is_ended());
    CHECK(server.echo->disconnects == 0);
  }
}

TEST_CASE("a tunnel opened later gets what the peer didn't wait with, in order") {
  Tunnelled server;
  server.opens = false;
  server.exchange(*server.client, kAsk + "early ");
  server.client->send("bird");
  server.echo->open();
  server.settle();
  CHECK(server.client->received() == kSwitched + "early bird");
}

TEST_CASE("a request that asks for no protocol, or has content, offers no tunnel") {
  for (const std::string& request :
       {"GET /t HTTP/1.1\r\nHost: a\r\n\r\n"s, "GET /t HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n"s,
        "GET /t HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"s,
        "POST /t HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\nx"s}) {
    Tunnelled server;
    server.exchange(*server.client, request);
    CHECK_FALSE(server.offered);
    CHECK(server.client->received().find(" 200 ") != std::string::npos);
  }
}

TEST_CASE("a protocol that was asked for and not given ends the connection behind the answer") {
  Tunnelled server;
  server.application().route("/no", [](Recorded& exchange) { exchange.respond(403, "no\n"); });
  server.exchange(*server.client,
                  "GET /no HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
                  "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(server.client->received().find("connection: close\r\n") != std::string::npos);
  CHECK(server.application().count() == 1);
  CHECK(server.client->is_ended());
}

TEST_CASE("a tunnel's head can be dropped, and the request answered otherwise") {
  Tunnelled server;
  server.opens = false;
  server.exchange(*server.client, kAsk);
  server.echo->exchange->begin_tunnel("x", *server.echo);
  server.echo->exchange->drop_head();
  server.echo->exchange = nullptr;
  server.application().last().respond(403, "no\n");
  server.settle();
  CHECK(server.client->received().find("HTTP/1.1 403 ") == 0);
}

TEST_CASE("a tunnel that isn't read fills up, and its peer waits") {
  Limits limits;
  limits.pipeline_bytes_max = 1000;
  Tunnelled server(limits);
  server.exchange(*server.client, kAsk);
  server.echo->exchange->set_tunnel_reading(false);
  server.exchange(*server.client, "waits");
  CHECK(server.echo->received.empty());
  server.echo->exchange->set_tunnel_reading(true);
  server.settle();
  CHECK(server.echo->received == "waits");
}

TEST_CASE("the end of the peer's bytes is told behind the last of them, and the tunnel can still be written to") {
  Tunnelled server;
  server.exchange(*server.client, kAsk);
  server.client->send("last");
  server.client->end();
  server.settle();
  CHECK(server.echo->received == "last");
  CHECK(server.echo->ended);
  server.echo->send("words", More::No);
  server.settle();
  CHECK(server.client->received() == kSwitched + "lastwords");
  CHECK_FALSE(server.client->was_reset());
}

TEST_CASE("a tunnel that is opened behind the end of the peer's bytes is told of it, behind the last of them") {
  for (const std::string_view early : {"", "early"}) {
    Tunnelled server;
    server.opens = false;
    server.client->send(kAsk + std::string(early));
    server.client->end();
    server.settle();
    CHECK_FALSE(server.echo->ended);
    server.echo->open();
    server.settle();
    CHECK(server.echo->received == early);
    CHECK(server.echo->ended);
    server.echo->send("!", More::No);
    server.settle();
    CHECK(server.client->received() == kSwitched + std::string(early) + "!");
  }
}

TEST_CASE("a stop tells a tunnel, cancels it, and cuts it off at last") {
  Tunnelled server;
  server.exchange(*server.client, kAsk);
  StopPolicy policy = StopPolicy::beside_program();
  policy.disconnect = policy.cancel = std::chrono::milliseconds(1);
  server.drain(policy);
  CHECK(server.run_until([&] { return !server.reports().empty(); }));
  CHECK(server.echo->stops == 1);
  CHECK(server.echo->cancels == 1);
  CHECK(server.echo->disconnects == 1);
  CHECK(server.reports().front().aborted == 1);
  CHECK(server.client->was_reset());
}

TEST_CASE("the time-out of a request ends with it") {
  Limits limits;
  limits.request_timeout = std::chrono::milliseconds(1);
  limits.body_timeout = std::chrono::milliseconds(1);
  Tunnelled server(limits);
  server.exchange(*server.client, kAsk);
  // The wheel is read every 125 ms: by then the deadline would have passed.
  const uint64_t later = server.loop().now_ms() + 400;
  CHECK(server.run_until([&] { return server.loop().now_ms() >= later; }));
  server.exchange(*server.client, "here");
  CHECK(server.client->received() == kSwitched + "here");
}

}  // namespace
}  // namespace outrider::testing
