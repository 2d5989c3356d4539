// SPDX-License-Identifier: MIT
#pragma once
// The bytes that a connection has still to send, as views of what somebody else keeps: a message of 1 MiB isn't
// copied for each time that it is sent.

#include <sys/uio.h>

#include <cstddef>
#include <deque>
#include <span>
#include <string_view>

namespace bench {

class Output {
 public:
  // `bytes` must stay where they are until they are sent, or this is cleared.
  void push(std::string_view bytes) { pieces_.push_back(bytes); }
  bool is_empty() const { return pieces_.empty(); }
  void clear() { pieces_.clear(); }

  // Describes the first pieces, as many as there is room for; returns how many.
  std::size_t describe(std::span<iovec> room) const {
    std::size_t count = 0;
    for (; count < room.size() && count < pieces_.size(); ++count) {
      room[count] = {const_cast<char*>(pieces_[count].data()), pieces_[count].size()};
    }
    return count;
  }

  // That many bytes were sent.
  void consume(std::size_t size) {
    while (size > 0 && size >= pieces_.front().size()) {
      size -= pieces_.front().size();
      pieces_.pop_front();
    }
    if (size > 0) pieces_.front().remove_prefix(size);
  }

 private:
  std::deque<std::string_view> pieces_;  // none is empty
};

}  // namespace bench
