// SPDX-License-Identifier: MIT
#pragma once

// A WebSocket (RFC 6455) as a handler sees it.
//
//   app.websocket("/echo", [](WebSocket& socket) -> Task<void> {
//     while (const auto message = co_await socket.receive()) co_await socket.send_text(message->data);
//   });
//
// That loop is how one goes through the messages: C++20 has no other asynchronous iteration. It ends when the
// WebSocket does, however that comes: the peer closes or has gone, or the server stops.
//
// Opening. The handshake is accepted by the first receive(), send_…(), close() or handle(), by joining a group, by
// the handler's return, or by accept(), which has a say in it. Until then the handler can answer otherwise: an
// HttpError does, any other exception becomes a 500, and reject() sends any response.
//
// Closing. When the handler returns the WebSocket is closed with 1000; when it throws, with 1011, and the exception
// goes to Config::on_error. The peer's close frame is answered by itself. A stop of the server closes with 1012, and
// is for the handler an end like any other.
//
// Lifetime: a WebSocket and all views that it returns are valid until the handler has ended, unless they say less.
// Thread: the handler's loop only; handle() is for the others.

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "outrider/request.h"
#include "outrider/wait.h"

namespace outrider {

class Response;
class WebSocketHandle;

namespace app {
class SocketRun;
}

/// How App::websocket() opens the WebSockets of a route.
struct WebSocketOptions {
  /// The subprotocols that the handler speaks, the one it likes best first. The first that the client offers is
  /// chosen; when it offers none of them, none is, and the client may then end the connection.
  std::vector<std::string> subprotocols = {};
};

/// What a peer sent: valid until the next receive().
struct WebSocketMessage {
  std::string_view data;  ///< text is valid UTF-8
  bool is_text;
};

namespace detail {

/// co_await socket.receive()
class [[nodiscard]] Receive final : public Wait {
 public:
  Receive(app::SocketRun& socket, std::optional<std::chrono::nanoseconds> timeout);
  std::optional<WebSocketMessage> await_resume();

 private:
  bool is_over() override;
  uint64_t wakes_at_ns() const override { return wakes_at_ns_; }

  app::SocketRun& socket_;
  uint64_t wakes_at_ns_ = 0;
  uint64_t began_in_step_;
};

/// co_await socket.send_text(…): the bytes are taken in the call; the wait is for room.
class [[nodiscard]] Send final : public Wait {
 public:
  explicit Send(app::SocketRun& socket);
  void await_resume() const;

 private:
  bool is_over() override;

  app::SocketRun& socket_;
};

/// co_await socket.close(…)
class [[nodiscard]] Close final : public Wait {
 public:
  explicit Close(app::SocketRun& socket);
  void await_resume() const {}

 private:
  bool is_over() override;

  app::SocketRun& socket_;
};

}  // namespace detail

class WebSocket {
 public:
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  /// The request that asked for the WebSocket, with its path, fields and parameters; its sleep(), offload() and
  /// stop_token() serve here as well: they are told when the WebSocket is over.
  Request& request() const;
  /// What the client offers, in its order.
  const std::vector<std::string_view>& offered_subprotocols() const;
  /// The one that was chosen when the handshake was accepted; empty for none.
  std::string_view subprotocol() const;

  /// Accepts the handshake, with one of the subprotocols that the client offers ("" for none) instead of the one
  /// that the route's options choose, and with further fields of the response. Throws std::logic_error when it was
  /// accepted or rejected before, std::invalid_argument for a subprotocol that isn't offered, ResponseError for a
  /// field that can't be sent, Cancelled when the peer has gone or the server stops.
  void accept(std::optional<std::string_view> subprotocol = {}, std::initializer_list<Header> fields = {});
  /// Answers the handshake with a response other than a stream; then the WebSocket is over. Throws std::logic_error
  /// as accept() does, and ResponseError for a response that can't be sent.
  void reject(Response response);

  /// Completes with the next message, or with nothing once the WebSocket is over and its messages have all been
  /// received. The peer isn't read from while Limits::websocket_queue_max messages wait here.
  detail::Receive receive() { return {*run_, std::nullopt}; }
  /// The same, and completes with nothing when that time has passed as well: is_closed() tells which.
  detail::Receive receive(std::chrono::nanoseconds timeout) { return {*run_, timeout}; }

  /// Sends a message; the bytes are taken in the call, and leave, at the latest, when the handler next waits for
  /// something. The co_await completes when there is room for more (Limits::write_buffer_bytes_max); it throws
  /// Cancelled when the WebSocket is over or closing. Text that isn't UTF-8 is std::invalid_argument.
  detail::Send send_text(std::string_view text);
  detail::Send send_binary(std::string_view bytes);

  /// Closes; completes when the peer has answered that, or Limits::websocket_close_timeout has passed. Messages that
  /// the peer still sends are dropped. Nothing happens when it is closing or over. Throws std::invalid_argument when
  /// `code` isn't one that an application may send (1000 to 1003, 1007 to 1014, 3000 to 4999), or `reason` isn't at
  /// most 123 bytes of UTF-8.
  detail::Close close(int code = 1000, std::string_view reason = {});

  /// It is over: only messages that came before can still be received.
  bool is_closed() const;
  /// How it ended: the peer's code when the peer closed (1005 when it gave none), the server's when the server did
  /// (1002, 1007 and 1009 for the peer's mistakes, 1011 for a ping that wasn't answered, 1012 for a stop), 1006 when
  /// the connection broke. 0 before.
  int close_code() const;
  /// The text beside it; often empty. Valid as long as the WebSocket.
  std::string_view close_reason() const;

  /// For other threads, and for keeping: it does no harm once the WebSocket is over.
  WebSocketHandle handle();

 private:
  friend app::SocketRun;
  friend class WebSocketGroup;
  explicit WebSocket(app::SocketRun& run) : run_(&run) {}

  app::SocketRun* run_;
};

}  // namespace outrider
