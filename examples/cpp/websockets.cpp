// SPDX-License-Identifier: MIT
// WebSockets: messages both ways, groups, and a handle for other threads.

#include <outrider/outrider.h>

#include <chrono>
#include <string>
#include <thread>

#include "client.h"
#include "websocket_client.h"

using client::expect;
using outrider::App;
using outrider::HttpError;
using outrider::SlowMember;
using outrider::Task;
using outrider::WebSocket;
using outrider::WebSocketGroup;
using namespace std::chrono_literals;

namespace {

App make_app(WebSocketGroup prices) {
  App app;
  app.websocket("/echo", [](WebSocket& socket) -> Task<void> {
    while (const auto message = co_await socket.receive()) {
      co_await socket.send_text(message->data);  // waits when the peer reads slowly
    }
  });

  WebSocketGroup room;
  app.websocket("/chat/{name}", [room](WebSocket& socket, std::string name) -> Task<void> {
    room.join(socket);
    room.send_text(name + " came");
    while (const auto message = co_await socket.receive()) room.send_text(name + ": " + std::string(message->data));
    room.send_text(name + " left");
  });

  app.websocket("/clock", [](WebSocket& socket) -> Task<void> {
    auto tick = 10ms;
    while (!socket.is_closed()) {
      // Something of the peer's, or nothing in that time.
      if (const auto message = co_await socket.receive(tick)) {
        tick = std::chrono::milliseconds(std::stoi(std::string(message->data)));
      } else if (!socket.is_closed()) {
        co_await socket.send_text("tick");
      }
    }
  });

  const auto let_members_in = [](WebSocket& socket) -> Task<void> {
    if (socket.request().query("key") != "sesame") throw HttpError(403, "who are you?");
    socket.accept({}, {{"x-member", "yes"}});  // otherwise the first receive() or send_…() does
    co_await socket.send_text("you speak " + std::string(socket.subprotocol()));
    co_await socket.close(4000, "that was all");  // waits for the peer's answer
  };
  app.websocket("/members", let_members_in, {.subprotocols = {"chat.v2", "chat"}});

  app.websocket("/prices", [prices](WebSocket& socket) -> Task<void> {
    prices.join(socket);
    while (co_await socket.receive()) {
    }
    // socket.close_code() and close_reason() say how it ended.
  });
  return app;
}

}  // namespace

int main() {
  WebSocketGroup prices({.slow = SlowMember::DropOldest, .waiting_bytes_max = 64 * 1024});
  auto server = outrider::serve(make_app(prices), {.threads = 2});
  const uint16_t port = server.port();

  client::WebSocket echo(port, "/echo");
  echo.send_text("hello");
  expect(echo.receive() == "hello", "an echo");
  echo.close();
  expect(echo.close_code() == 1000, "an answer to the close");

  client::WebSocket ada(port, "/chat/Ada");
  expect(ada.receive() == "Ada came", "a first word");
  client::WebSocket bob(port, "/chat/Bob");
  expect(ada.receive() == "Bob came" && bob.receive() == "Bob came", "somebody else in the room");
  ada.send_text("good morning");
  expect(bob.receive() == "Ada: good morning", "what the other says");
  bob.close();
  expect(ada.receive() == "Ada: good morning" && ada.receive() == "Bob left", "a last word");

  client::WebSocket clock(port, "/clock");
  clock.send_text("1");
  expect(clock.receive() == "tick" && clock.receive() == "tick", "ticks");

  expect(client::WebSocket(port, "/members").status() == 403, "a handshake that is refused");
  client::WebSocket member(port, "/members?key=sesame", "sec-websocket-protocol: chat, chat.v2\r\n");
  expect(member.head().find("x-member: yes") != std::string::npos, "a field of the handshake");
  expect(member.receive() == "you speak chat.v2", "the subprotocol that the server likes best");
  expect(!member.receive() && member.close_code() == 4000, "a close of the server's");

  client::WebSocket here(port, "/prices");
  client::WebSocket there(port, "/prices");
  // From any thread of the program; made once, for however many.
  prices.send_text("{\"tea\": 4.20}");
  expect(here.receive() == "{\"tea\": 4.20}" && there.receive() == "{\"tea\": 4.20}", "a price");

  ada.close();
  clock.close();
  std::thread stopper([&] { server.stop(); });
  expect(!here.receive() && here.close_code() == 1012, "a close for the stop");
  expect(!there.receive() && there.close_code() == 1012, "a close for the stop");
  stopper.join();
  expect(prices.size() == 0, "nobody there");
}
