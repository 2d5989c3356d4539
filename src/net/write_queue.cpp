// SPDX-License-Identifier: MIT
#include "net/write_queue.h"

#include <algorithm>
#include <span>
#include <utility>

#include "net/stream.h"

namespace outrider::net {
namespace {

// What the pool keeps: enough for all connections of a busy pass, each large enough for a response of a few KiB.
constexpr std::size_t kSpareBuffersMax = 256;
constexpr std::size_t kSpareBytesMax = 16 * 1024;

// Takes the first `count` bytes off the pieces.
std::span<std::string_view> advance(std::span<std::string_view> pieces, std::size_t count) {
  while (!pieces.empty() && count >= pieces.front().size()) {
    count -= pieces.front().size();
    pieces = pieces.subspan(1);
  }
  if (count > 0) pieces.front().remove_prefix(count);
  return pieces;
}

}  // namespace

Buffer BufferPool::acquire() {
  if (spare_.empty()) return {};
  Buffer buffer = std::move(spare_.back());
  spare_.pop_back();
  return buffer;
}

void BufferPool::release(Buffer&& buffer) {
  buffer.recycle(kSpareBytesMax);
  if (buffer.capacity() > 0 && spare_.size() < kSpareBuffersMax) {
    spare_.push_back(std::move(buffer));
  } else {
    const Buffer freed = std::move(buffer);
  }
}

WriteQueue::~WriteQueue() {
  drop(waiting_);
  drop(in_flight_);
}

Buffer& WriteQueue::buffer() {
  if (waiting_.buffer.capacity() == 0) waiting_.buffer = pool_.acquire();
  return waiting_.buffer;
}

void WriteQueue::append_owned(std::string_view bytes, void* owner, void (*release)(void*)) {
  waiting_.owned.push_back({waiting_.buffer.size(), bytes, owner, release});
  waiting_.owned_bytes += bytes.size();
}

void WriteQueue::drop(Batch& batch) {
  if (batch.buffer.capacity() > 0) pool_.release(std::move(batch.buffer));
  batch.owned_bytes = 0;
  if (batch.owned.empty()) return;
  // A release may run code of the application, which may write again.
  const std::vector<Owned> released = std::exchange(batch.owned, {});
  for (const Owned& owned : released) owned.release(owned.owner);
}

void WriteQueue::collect(const Batch& batch, std::vector<std::string_view>& pieces) {
  std::size_t buffered = 0;
  for (const Owned& owned : batch.owned) {
    const std::size_t before = owned.buffered_before - buffered;
    if (before > 0) pieces.push_back(batch.buffer.view().substr(buffered, before));
    buffered = owned.buffered_before;
    if (!owned.bytes.empty()) pieces.push_back(owned.bytes);
  }
  if (buffered < batch.buffer.size()) pieces.push_back(batch.buffer.view().substr(buffered));
}

WriteQueue::Flush WriteQueue::flush(Stream& stream) {
  if (is_in_flight()) return Flush::Pending;
  if (waiting_.size() == 0) return Flush::Done;

  std::string_view single;
  std::vector<std::string_view> several;
  std::span<std::string_view> pieces;
  if (waiting_.owned.empty()) {
    single = waiting_.buffer.view();
    pieces = {&single, 1};
  } else {
    collect(waiting_, several);
    pieces = several;
  }
  while (!pieces.empty()) {
    const std::span<std::string_view> now = pieces.first(std::min(pieces.size(), Stream::kPiecesMax));
    std::size_t wanted = 0;
    for (const std::string_view piece : now) wanted += piece.size();
    const std::ptrdiff_t written = stream.try_write(now);
    if (written < 0) return Flush::Broken;
    pieces = advance(pieces, static_cast<std::size_t>(written));
    if (static_cast<std::size_t>(written) == wanted) continue;
    // The batch moves to where new pieces can't touch its memory.
    std::swap(waiting_, in_flight_);
    stream.write(pieces);
    return Flush::Pending;
  }
  drop(waiting_);
  return Flush::Done;
}

}  // namespace outrider::net
