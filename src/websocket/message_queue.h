// SPDX-License-Identifier: MIT
#pragma once

// Messages that wait for the application. Without memory while empty, but for a few places.
//
// Thread: the connection's.

#include <cstddef>
#include <string_view>
#include <vector>

#include "websocket/message.h"

namespace outrider::websocket {

class MessageQueue {
 public:
  bool empty() const { return first_ == messages_.size(); }
  std::size_t count() const { return messages_.size() - first_; }
  /// Of all payloads.
  std::size_t bytes() const { return bytes_; }

  void push(Message message);
  const Message& front() const { return messages_[first_]; }
  /// Returns it, for its memory.
  Message pop();
  void clear();

 private:
  std::vector<Message> messages_;
  std::size_t first_ = 0;  // those before it were taken
  std::size_t bytes_ = 0;
};

}  // namespace outrider::websocket
