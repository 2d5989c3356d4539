// SPDX-License-Identifier: MIT
#pragma once

// Many WebSockets that are sent the same (outrider/websocket_group.h).
//
//   send(), any thread ──a reference for each loop──► Shard::queue ──woken, in a step──► Member ──► Session
//                                                                        ▲ what its peer doesn't take waits
//
// The queues of all loops are filled under one lock, so that the order is the same everywhere. A shard exists while
// its loop has members: these end before their loop does, so a shard that is there can be woken.

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/list.h"
#include "loop/loop.h"
#include "outrider/websocket_group.h"
#include "websocket/session.h"
#include "websocket/shared_message.h"

namespace outrider::app {

class Member;
class SocketGroup;
class SocketRun;

/// What a group is sent: a message or, without one, a close frame. Shared by all queues that it waits in.
struct Outgoing {
  std::optional<websocket::SharedMessage> message;
  uint16_t close_code = 0;
  std::string close_reason;
  std::size_t bytes = 0;  // that it counts for
};
using OutgoingRef = std::shared_ptr<const Outgoing>;

struct MemberTag;

/// A group's members on one loop. Thread: the loop's, but for what the group's lock guards.
class Shard {
 public:
  Shard(SocketGroup& group, loop::Loop& loop);

  /// Hands on what waits in the queue, as much as is good for a step.
  void deliver();

 private:
  friend class SocketGroup;
  friend class Member;

  SocketGroup& group_;
  loop::Loop& loop_;
  const std::thread::id thread_;
  List<Member, MemberTag> members_;
  loop::Deferred step_;
  // Guarded by the group's lock.
  std::deque<OutgoingRef> queue_;
  std::size_t queued_bytes_ = 0;
  std::size_t member_count_ = 0;
  bool is_woken_ = false;
};

/// A socket in a group. Thread: the loop's.
class Member : public ListNode<MemberTag> {
 public:
  Member(std::shared_ptr<SocketGroup> group, Shard& shard, SocketRun& socket);
  ~Member();

  const SocketGroup& group() const { return *group_; }
  void send(const OutgoingRef& item);
  /// Its peer takes more.
  void on_writable();

 private:
  void wait(const OutgoingRef& item);

  const std::shared_ptr<SocketGroup> group_;  // kept alive by its members
  Shard& shard_;
  SocketRun& socket_;
  std::deque<OutgoingRef> waiting_;
  std::size_t waiting_bytes_ = 0;
};

class SocketGroup : public std::enable_shared_from_this<SocketGroup> {
 public:
  explicit SocketGroup(const WebSocketGroupOptions& options) : options_(options) {}

  /// Thread: the socket's.
  void join(SocketRun& socket);

  // Thread: any.
  bool send(websocket::MessageType type, std::string_view bytes);
  void close(int code, std::string_view reason);
  std::size_t size() const;
  const WebSocketGroupOptions& options() const { return options_; }

 private:
  friend class Shard;
  friend class Member;

  bool send(OutgoingRef item);
  void wake(const std::shared_ptr<Shard>& shard);
  std::vector<OutgoingRef> take(Shard& shard);
  void leave(Shard& shard);

  const WebSocketGroupOptions options_;
  mutable std::mutex mutex_;                    // guards all below, and the shards' queues
  std::vector<std::shared_ptr<Shard>> shards_;  // shared with messages that wake them
};

}  // namespace outrider::app
