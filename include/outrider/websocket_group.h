// SPDX-License-Identifier: MIT
#pragma once

// Many WebSockets that are sent the same, and the handle of a single one: for any thread.
//
//   WebSocketGroup room;
//   app.websocket("/chat", [room](WebSocket& socket) -> Task<void> {
//     room.join(socket);
//     while (const auto message = co_await socket.receive()) room.send_text(message->data);
//   });
//
// A message is made once, frame and all, and its bytes are the same for every member, on whichever loop thread it is
// (up to 512 bytes they are copied, which costs less than to share them).
// Messages reach all members in the same order. Sending never waits: what a member doesn't take waits for it, up to
// a bound.

#include <cstddef>
#include <memory>
#include <string_view>

namespace outrider {

class WebSocket;

namespace app {
class SocketGroup;
class SocketRun;
}  // namespace app

/// What becomes of a member that takes less than it is sent.
enum class SlowMember {
  Close,       ///< closed with 1013 (try again later): it may connect again and begin anew
  DropOldest,  ///< of what waits for it the oldest is dropped: for measurements and such, of which the last counts
};

struct WebSocketGroupOptions {
  SlowMember slow = SlowMember::Close;
  /// Bytes of messages that may wait for a member beside those in its connection's buffer
  /// (Limits::write_buffer_bytes_max); the bytes are shared, so that a thousand slow members cost about as much as
  /// one. More makes it a slow member. 0: nothing waits.
  std::size_t waiting_bytes_max = 1024 * 1024;
  /// Bytes of messages that may wait for a loop thread that is busy elsewhere; sending then fails.
  std::size_t queue_bytes_max = 16 * 1024 * 1024;
};

/// Copies are the same group, which lives as long as one of them or a member.
/// Thread: any; join() and leave() in the socket's handler.
class WebSocketGroup {
 public:
  explicit WebSocketGroup(const WebSocketGroupOptions& options = {});

  /// The socket is sent what the group is sent, until it leaves or is over. Accepts the handshake if need be. A
  /// second call, and one for a socket that is over, do nothing.
  void join(WebSocket& socket) const;
  void leave(WebSocket& socket) const;
  std::size_t size() const;

  /// Sends a message to all who are members now. False: nothing was sent to anybody, because queue_bytes_max waits
  /// for a loop thread. Text that isn't UTF-8 is std::invalid_argument.
  bool send_text(std::string_view text) const;
  bool send_binary(std::string_view bytes) const;
  /// Closes all who are members now, behind what was sent before. Throws as WebSocket::close() does.
  void close(int code = 1000, std::string_view reason = {}) const;

 private:
  std::shared_ptr<app::SocketGroup> group_;  // shared by the copies, and by the members
};

/// One WebSocket, for another thread than its handler's, and for longer. Copies are of the same WebSocket.
/// Thread: any.
class WebSocketHandle {
 public:
  /// Of no WebSocket: one that is over.
  WebSocketHandle() = default;

  /// Sends a message. False: it is over, or more waits for it than a group's member may have waiting.
  bool send_text(std::string_view text) const;
  bool send_binary(std::string_view bytes) const;
  /// As WebSocket::close(), without waiting.
  void close(int code = 1000, std::string_view reason = {}) const;
  bool is_closed() const;

 private:
  friend app::SocketRun;
  explicit WebSocketHandle(std::shared_ptr<app::SocketGroup> group) : group_(std::move(group)) {}

  std::shared_ptr<app::SocketGroup> group_;  // of that one, shared with the socket
};

}  // namespace outrider
