// SPDX-License-Identifier: MIT
#pragma once

// Memory that messages are put together in, so that one that is sent often costs no allocation and an idle connection
// keeps none.
//
// Thread: any, one at a time.

#include <cstddef>
#include <vector>

#include "base/buffer.h"

namespace outrider::websocket {

class MessagePool {
 public:
  /// `size`: what is to come into it, as far as that is known.
  Buffer acquire(std::size_t size = 0);
  void release(Buffer&& buffer);

  bool has_large() const { return !large_.empty(); }
  /// Frees the large buffers that weren't needed since the last call: to be called now and then while has_large().
  void trim();

 private:
  std::vector<Buffer> spare_;
  std::vector<Buffer> large_;
  std::size_t unneeded_ = 0;  // the fewest that were in large_ since the last trim()
};

}  // namespace outrider::websocket
