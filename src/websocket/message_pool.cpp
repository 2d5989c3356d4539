// SPDX-License-Identifier: MIT
#include "websocket/message_pool.h"

#include <algorithm>
#include <utility>

namespace outrider::websocket {
namespace {

// What the pool keeps: enough for the messages of a busy pass, each of a few KiB.
constexpr std::size_t kSpareBuffersMax = 64;
constexpr std::size_t kSpareBytesMax = 16 * 1024;

// And for a while as many for large messages: the system would otherwise take their memory back and clear it for each
// message again, which costs more than all the rest of it. Messages that come side by side begin and end together.
constexpr std::size_t kLargeBuffersMax = 64;
constexpr std::size_t kLargeBytesMax = 1024 * 1024;

}  // namespace

Buffer MessagePool::acquire(std::size_t size) {
  const bool takes_large = size > kSpareBytesMax && has_large();
  std::vector<Buffer>& from = takes_large ? large_ : spare_;
  if (from.empty()) return {};
  Buffer buffer = std::move(from.back());
  from.pop_back();
  if (takes_large) unneeded_ = std::min(unneeded_, large_.size());
  return buffer;
}

void MessagePool::release(Buffer&& buffer) {
  buffer.recycle(kLargeBytesMax);
  if (buffer.capacity() > kSpareBytesMax && large_.size() < kLargeBuffersMax) {
    large_.push_back(std::move(buffer));
  } else if (buffer.capacity() > 0 && buffer.capacity() <= kSpareBytesMax && spare_.size() < kSpareBuffersMax) {
    spare_.push_back(std::move(buffer));
  } else {
    const Buffer freed = std::move(buffer);
  }
}

// The last ones stay: they are what acquire() takes next, and still in the processor's caches.
void MessagePool::trim() {
  large_.erase(large_.begin(), large_.begin() + static_cast<std::ptrdiff_t>(unneeded_));
  unneeded_ = large_.size();
}

}  // namespace outrider::websocket
