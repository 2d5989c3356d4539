// SPDX-License-Identifier: MIT
#include "websocket/message_queue.h"

#include <utility>

namespace outrider::websocket {
namespace {

// Places that an empty queue keeps, so that messages that come one by one cost no allocation.
constexpr std::size_t kKeepPlaces = 2;

}  // namespace

void MessageQueue::push(Message message) {
  // Places in front are used before memory is asked for; moving costs no more than was taken since the last time.
  if (messages_.size() == messages_.capacity() && first_ >= messages_.size() - first_) {
    messages_.erase(messages_.begin(), messages_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  bytes_ += message.view().size();
  messages_.push_back(std::move(message));
}

Message MessageQueue::pop() {
  Message message = std::move(messages_[first_]);
  bytes_ -= message.view().size();
  ++first_;
  if (empty()) {
    messages_.clear();
    first_ = 0;
    if (messages_.capacity() > kKeepPlaces) messages_.shrink_to_fit();
  }
  return message;
}

void MessageQueue::clear() { *this = MessageQueue(); }

}  // namespace outrider::websocket
