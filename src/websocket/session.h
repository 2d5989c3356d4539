// SPDX-License-Identifier: MIT
#pragma once

// A WebSocket (RFC 6455) over an exchange's tunnel: the frames, messages, pings and the closing handshake between an
// exchange and a face. It knows no socket: what HTTP/1.1 tunnels after a 101, HTTP/2 may tunnel after a CONNECT.
//
// A face makes one of an exchange that asks for it:
//
//   exchange.begin_tunnel("websocket", …)  is done by begin(), then come the face's own fields (add_field())
//   session.accept(subprotocol)            sends the head: the WebSocket is open
//
// or drops the head again and answers something else. Closing, as RFC 6455 §7 and the application see it:
//
//   Opening ──accept()──► Open ──close(), or a peer's mistake──► Closing ──peer's close frame──► Closed
//                          Open ──peer's close frame, answered at once──► Closed
//      any ──connection broken, abort(), websocket_close_timeout or websocket_ping_timeout over──► Closed
//
// A close frame, or a mistake, behind messages that the face hasn't taken is dealt with once it has, or after
// websocket_close_timeout, so that it may answer them first: what it sends as it takes the last one still goes.
//
// Back-pressure: what arrives waits here in messages, websocket_queue_max and websocket_queue_bytes_max of them, then
// the peer isn't read from; what is sent waits in the connection's queue, and is_writable() says so.
//
// Thread: loop only. Callbacks come in the step phase, never from inside a call of the face; on_closed() in any
// phase.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/exchange.h"
#include "websocket/closure.h"
#include "websocket/handshake.h"
#include "websocket/message.h"

namespace outrider::websocket {

class Core;
class SharedMessage;

/// What a face is told.
class SessionHandler {
 public:
  /// A message can be taken, where none could be before.
  virtual void on_message() = 0;
  /// is_writable() has become true again.
  virtual void on_writable() = 0;
  /// It is over, as closure() says; messages that came before can still be taken. The last callback, but for
  /// on_cancel(). Nothing that is sent from now on goes anywhere. It comes when the peer's close frame has come, or
  /// the connection has gone, or it is the server that closes: for a mistake of the peer's, an unanswered ping, or
  /// its stop. After the face's own close() it comes when the closing handshake is over, or was given up. No
  /// on_message() comes for the last messages when the connection breaks, or the server stops, in the same pass: the
  /// queue is to be looked at here, too.
  virtual void on_closed() = 0;
  /// The server stops, and the session's exchange didn't end when told: cancel the handler.
  virtual void on_cancel() = 0;

 protected:
  ~SessionHandler() = default;
};

class Session {
 public:
  /// `exchange` must offer a tunnel, `handshake` be its own; both must live until accept() or drop(). Begins the
  /// head. `objects`: see message_object().
  Session(http::Exchange& exchange, const Handshake& handshake, SessionHandler& handler,
          ObjectMaker* objects = nullptr);
  /// Aborts what isn't over. A session that is closing in order is left to end by itself: only its handler is
  /// forgotten. One that wasn't accepted leaves its exchange alone: that is to be answered after drop(), or has
  /// ended.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Opening.

  /// A field of the head. Sec-WebSocket-Accept, -Extensions and -Protocol are the session's own: FieldForbidden.
  http::ResponseFault add_field(std::string_view name, std::string_view value);
  /// Undoes the head, so that the exchange can be answered otherwise; the session is then to be destroyed.
  void drop();
  /// Sends the head. `subprotocol` is one of the handshake's, or empty for none. From here on the exchange is the
  /// session's, and the face isn't to touch it; its Connection and the head are valid until on_closed().
  void accept(std::string_view subprotocol);

  // Receiving.

  bool has_message() const;
  /// The oldest message; only if has_message(), valid until pop_message(). Text is valid UTF-8.
  MessageType message_type() const;
  std::string_view message() const;
  /// The object of the maker's that is the message, the session's until pop_message(); null when none is.
  void* message_object() const;
  void pop_message();

  // Sending. None of these does anything once is_closing().

  /// Sends a message. Text must be valid UTF-8: what isn't is the caller's mistake, and not looked for here. A
  /// payload with an owner is released in any case.
  void send(MessageType type, http::Piece payload);
  /// Sends a message that other sessions send, too.
  void send(const SharedMessage& message);
  /// False while more than write_buffer_bytes_max waits for the peer; on_writable() comes once that has changed.
  bool is_writable();
  /// Sends a ping of the application's own; the answer goes unnoticed. At most 125 bytes of payload.
  void ping(std::string_view payload);

  // Ending.

  /// Sends a close frame and waits for the peer's; messages that still come are dropped. `code` is one that
  /// is_valid_close_code() takes, `reason` at most 123 bytes of UTF-8.
  void close(uint16_t code, std::string_view reason);
  /// A close frame was sent, or it is over.
  bool is_closing() const;
  /// on_closed() came, or would have.
  bool is_closed() const;
  const Closure& closure() const;
  /// Cuts the connection. No callback follows.
  void abort();

 private:
  std::unique_ptr<Core> core_;
};

}  // namespace outrider::websocket
