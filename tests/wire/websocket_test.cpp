// SPDX-License-Identifier: MIT
// WebSockets (RFC 6455) over whole connections.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "routes.h"
#include "testing/websocket_client.h"
#include "websocket/session.h"

namespace outrider::testing {
namespace {

using namespace std::string_literals;
using websocket::Session;

// Takes every message and sends it back.
struct Echo final : websocket::SessionHandler {
  Echo(http::Exchange& exchange, const websocket::Handshake& handshake) {
    session.emplace(exchange, handshake, *this);
  }

  void on_message() override {
    while (takes && session->has_message()) {
      taken.emplace_back(session->message());
      session->send(session->message_type(), {session->message(), nullptr, nullptr});
      session->pop_message();
    }
  }
  void on_writable() override { ++writable; }
  void on_closed() override { ++closed; }
  void on_cancel() override { ++cancels; }

  std::optional<Session> session;
  std::vector<std::string> taken;
  bool takes = true;
  int writable = 0, closed = 0, cancels = 0;
};

// A server whose path /ws is such a WebSocket, and one client that has asked for it.
struct Opened : Server {
  explicit Opened(const Limits& limits = {}, std::string_view fields = {}) : Server(limits) {
    application().route("/ws", [this](Recorded& recorded) {
      const auto handshake = websocket::read_handshake(recorded.exchange().head());
      if (!handshake) return websocket::refuse(recorded.exchange(), handshake.error());
      echo = std::make_unique<Echo>(recorded.exchange(), handshake.value());
      echo->session->accept("");
    });
    client = &connect_memory();
    exchange(*client, websocket_request("/ws", fields));
  }

  std::vector<ServerFrame> frames() const { return server_frames(behind_head(client->received())); }

  std::unique_ptr<Echo> echo;
  MemoryClient* client;
};

TEST_CASE("a WebSocket is opened, and echoes") {
  Opened server;
  CHECK(server.client->received() ==
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n"
        "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nconnection: upgrade\r\n\r\n");
  server.exchange(*server.client, text_frame("hello") + binary_frame("\0\1"s) + text_frame(""));
  REQUIRE(server.frames().size() == 3);
  CHECK(server.frames()[0].payload == "hello");
  CHECK(server.frames()[1].payload == "\0\1"s);
  CHECK(server.frames()[1].opcode == 2);
  CHECK(server.frames()[2].payload.empty());
  server.exchange(*server.client, close_frame(1000, "bye"));
  REQUIRE(server.frames().size() == 4);
  CHECK(server.frames()[3].opcode == 8);
  CHECK(server.frames()[3].close_code() == 1000);
  CHECK(server.client->is_ended());
  CHECK(server.echo->closed == 1);
  CHECK(server.echo->session->closure().code == 1000);
  CHECK(server.echo->session->closure().reason == "bye");
}

}  // namespace
}  // namespace outrider::testing
