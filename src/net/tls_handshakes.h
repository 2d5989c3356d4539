// SPDX-License-Identifier: MIT
#pragma once

// How many handshakes a server does at the same time, counted over all of its loop threads. Those that come when
// there are enough wait, in the order in which they came, whichever loop they are on.

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>

#include "base/list.h"
#include "loop/mailbox.h"

namespace outrider::net {

/// One handshake of those that may be under way, as long as the last copy lives. Null: there is no limit, or no
/// place.
using HandshakePlace = std::shared_ptr<const void>;

struct HandshakeWaiterTag;

/// A connection that waits for a place.
class HandshakeWaiter : public ListNode<HandshakeWaiterTag> {
 public:
  /// Thread: its loop's.
  virtual void on_place(HandshakePlace place) = 0;

 protected:
  ~HandshakeWaiter() = default;
};

/// The waiting connections of one loop. Thread: that loop's, but for post().
class HandshakeQueue : public std::enable_shared_from_this<HandshakeQueue> {
 public:
  explicit HandshakeQueue(loop::Mailbox& mailbox) : mailbox_(&mailbox) {}

  void push(HandshakeWaiter& waiter) { waiters_.push_back(waiter); }
  /// Before its loop dies.
  void close();
  /// Gives the first of them the place, soon, on the loop; nobody, if none waits any more. Thread: any.
  void post(const HandshakePlace& place);

 private:
  std::mutex mutex_;  // guards mailbox_
  loop::Mailbox* mailbox_;
  List<HandshakeWaiter, HandshakeWaiterTag> waiters_;
};

/// Thread: any.
class TlsHandshakes : public std::enable_shared_from_this<TlsHandshakes> {
 public:
  /// 0: no limit.
  explicit TlsHandshakes(std::size_t most) : most_(most) {}

  bool has_limit() const { return most_ != 0; }
  /// Null when there are enough, or others wait; then wait().
  HandshakePlace enter();
  /// One more of `queue` waits.
  void wait(const std::shared_ptr<HandshakeQueue>& queue);

 private:
  HandshakePlace make_place();
  void leave();

  const std::size_t most_;
  std::mutex mutex_;  // guards the rest
  std::size_t count_ = 0;
  std::deque<std::weak_ptr<HandshakeQueue>> waiting_;  // an entry for each that waits
};

}  // namespace outrider::net
