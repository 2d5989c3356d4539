// SPDX-License-Identifier: MIT
#pragma once

// The WebSocket of one handler (outrider/websocket.h): beside its HandlerRun, which runs the coroutine, from the
// handshake until that has ended.
//
//   Opening ──open(), accept()──► Accepted ──the session is closed──► over
//   Opening ──reject(), or the exchange's end──► over
//
// Thread: loop only.

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/socket_group.h"
#include "outrider/response.h"
#include "outrider/websocket.h"
#include "outrider/websocket_group.h"
#include "websocket/handshake.h"
#include "websocket/session.h"

namespace outrider::app {

class HandlerRun;
struct Route;

class SocketRun final : private websocket::SessionHandler {
 public:
  /// The handshake is of a head that `run` keeps, as is the route.
  SocketRun(HandlerRun& run, websocket::Handshake handshake, const Route& route);
  ~SocketRun();
  SocketRun(const SocketRun&) = delete;
  SocketRun& operator=(const SocketRun&) = delete;

  WebSocket& face() { return face_; }
  HandlerRun& run() { return run_; }

  // For WebSocket; outrider/websocket.h says what they do.
  const std::vector<std::string_view>& offered_subprotocols() const { return handshake_.subprotocols; }
  std::string_view subprotocol() const { return subprotocol_; }
  void accept(std::optional<std::string_view> subprotocol, std::initializer_list<Header> fields);
  void reject(Response response);
  void send(websocket::MessageType type, std::string_view bytes);
  void close(int code, std::string_view reason);
  WebSocketHandle handle();
  const websocket::Closure* closure() const;

  // For the waits.

  /// Accepts the handshake, if that is to be done and can be.
  void open();
  /// Lets go of the message that was taken.
  void drop_taken();
  bool has_message() const;
  /// Nothing without a message.
  std::optional<WebSocketMessage> take();
  bool is_closed() const;
  /// Neither over nor closing.
  bool can_send() const;
  bool is_writable() { return session_->is_writable(); }

  // For groups.

  /// As the session's; the peer is to be can_send().
  websocket::Session& session() { return *session_; }
  Member* member_of(const SocketGroup& group) const;
  void add_member(std::unique_ptr<Member> member) { members_.push_back(std::move(member)); }
  void remove_member(const SocketGroup& group);

  // For the handler's run.

  bool is_accepted() const { return session_ != nullptr; }
  /// The handler returned. False: the exchange isn't answered, and can't be accepted any more.
  bool finish();
  /// The handler threw.
  void fail();

 private:
  void check_unanswered() const;
  std::string_view choose_subprotocol() const;

  // websocket::SessionHandler
  void on_message() override;
  void on_writable() override;
  void on_closed() override;
  void on_cancel() override;

  HandlerRun& run_;
  const websocket::Handshake handshake_;
  const Route& route_;
  WebSocket face_;
  std::string_view subprotocol_;  // of the handshake
  std::unique_ptr<websocket::Session> session_;
  std::vector<std::unique_ptr<Member>> members_;
  std::shared_ptr<SocketGroup> handle_;  // shared with the handles; null until there is one
  bool is_rejected_ = false;
  bool has_taken_ = false;  // the oldest message
};

/// Throws std::invalid_argument, as WebSocket's functions do.
void check_message(websocket::MessageType type, std::string_view bytes);
void check_closure(int code, std::string_view reason);

}  // namespace outrider::app
