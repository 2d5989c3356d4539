// SPDX-License-Identifier: MIT
#include "net/tls_handshakes.h"

#include <utility>

namespace outrider::net {

void HandshakeQueue::close() {
  const std::lock_guard lock(mutex_);
  mailbox_ = nullptr;
}

// The caller keeps a copy of the place: it isn't given back under the lock.
void HandshakeQueue::post(const HandshakePlace& place) {
  const std::lock_guard lock(mutex_);
  if (mailbox_ == nullptr) return;
  mailbox_->post([self = weak_from_this(), place] {
    const std::shared_ptr<HandshakeQueue> queue = self.lock();
    if (queue == nullptr) return;
    if (HandshakeWaiter* waiter = queue->waiters_.pop_front()) waiter->on_place(place);
  });
}

HandshakePlace TlsHandshakes::make_place() {
  return {this, [self = shared_from_this()](const void*) { self->leave(); }};
}

HandshakePlace TlsHandshakes::enter() {
  {
    const std::lock_guard lock(mutex_);
    if (count_ >= most_) return nullptr;
    ++count_;
  }
  return make_place();
}

void TlsHandshakes::wait(const std::shared_ptr<HandshakeQueue>& queue) {
  {
    const std::lock_guard lock(mutex_);
    if (count_ >= most_) return waiting_.push_back(queue);
    ++count_;  // one has ended since enter()
  }
  queue->post(make_place());
}

// The place goes to who has waited longest.
void TlsHandshakes::leave() {
  std::shared_ptr<HandshakeQueue> next;
  {
    const std::lock_guard lock(mutex_);
    while (next == nullptr && !waiting_.empty()) {
      next = waiting_.front().lock();
      waiting_.pop_front();
    }
    if (next == nullptr) {
      --count_;
      return;
    }
  }
  next->post(make_place());
}

}  // namespace outrider::net
