// SPDX-License-Identifier: MIT
#pragma once

// A server with a WebSocket that sends back what it is sent, and one client of it.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "routes.h"
#include "testing/websocket_client.h"
#include "websocket/session.h"

namespace outrider::testing {

// Takes every message and sends it back, and keeps notes.
struct Echo final : websocket::SessionHandler {
  Echo(http::Exchange& exchange, const websocket::Handshake& handshake) {
    session.emplace(exchange, handshake, *this);
  }

  void take() {
    while (session->has_message()) {
      taken.emplace_back(session->message());
      session->send(session->message_type(), {session->message(), nullptr, nullptr});
      session->pop_message();
    }
  }
  void on_message() override {
    ++messages;
    if (takes) take();
  }
  void on_writable() override { ++writable; }
  void on_closed() override {
    ++closed;
    code = session->closure().code;
    reason = session->closure().reason;
    if (lets_go) session.reset();
  }
  void on_cancel() override { ++cancels; }

  std::optional<websocket::Session> session;
  std::vector<std::string> taken;
  bool takes = true;
  bool lets_go = false;  // of the session, when it is told that it is over
  int messages = 0, writable = 0, closed = 0, cancels = 0;
  int code = 0;
  std::string reason;
};

struct EchoServer : Server {
  explicit EchoServer(const Limits& limits = {}, Transport transport = Transport::Memory)
      : Server(limits, transport) {
    application().route("/ws", [this](Recorded& recorded) {
      const auto handshake = websocket::read_handshake(recorded.exchange().head());
      if (!handshake) return websocket::refuse(recorded.exchange(), handshake.error());
      echo = std::make_unique<Echo>(recorded.exchange(), handshake.value());
      echo->session->accept("");
    });
  }

  /// A client that has asked for it, and been answered.
  void open(std::string_view fields = {}) {
    client = &connect_memory();
    exchange(*client, websocket_request("/ws", fields));
    REQUIRE(echo != nullptr);
    head = client->received();
    client->forget();
  }
  void say(std::string_view bytes) { exchange(*client, bytes); }
  /// For what must not happen meanwhile.
  void let_pass(std::chrono::milliseconds time) {
    const auto later = loop().now_ms() + static_cast<uint64_t>(time.count());
    REQUIRE(run_until([&] { return loop().now_ms() >= later; }));
  }
  std::vector<ServerFrame> frames() const { return server_frames(client->received()); }
  /// All frames, as "1:hello 8:1000 ": opcodes with payloads, or codes of close frames. And "end" when that came.
  std::string heard() const {
    std::string text;
    for (const ServerFrame& frame : frames()) {
      const std::string what = frame.opcode == 8 ? std::to_string(frame.close_code()) : frame.payload;
      text += std::to_string(frame.opcode) + (frame.is_compressed ? "z:" : ":") + what + " ";
    }
    if (client->was_reset()) return text + "reset";
    return client->is_ended() ? text + "end" : text;
  }

  std::unique_ptr<Echo> echo;
  MemoryClient* client = nullptr;
  std::string head;
};

}  // namespace outrider::testing
