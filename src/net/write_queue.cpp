// SPDX-License-Identifier: MIT
#include "net/write_queue.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "net/stream.h"

namespace outrider::net {
namespace {

// What the pool keeps: enough for all connections of a busy pass, each large enough for a response of a few KiB.
constexpr std::size_t kSpareBuffersMax = 256;
constexpr std::size_t kSpareBytesMax = 16 * 1024;

// Read of a file at once, when the kernel doesn't take more of it directly.
constexpr std::size_t kFilePieceBytes = 64 * 1024;

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
  for (Behind& behind : behind_) drop(behind.batch);
  drop(in_flight_);
}

Buffer& WriteQueue::buffer() {
  Batch& batch = last();
  if (batch.buffer.capacity() == 0) batch.buffer = pool_.acquire();
  return batch.buffer;
}

void WriteQueue::append_through(Stream& stream, std::string_view bytes) {
  if (is_in_flight() || !behind_.empty() || !waiting_.owned.empty()) return buffer().append(bytes);
  std::array<std::string_view, 2> both{waiting_.buffer.view(), bytes};
  const std::span<std::string_view> pieces(both);
  const std::ptrdiff_t written = stream.try_write(waiting_.buffer.empty() ? pieces.last(1) : pieces);
  const std::size_t taken = written < 0 ? 0 : static_cast<std::size_t>(written);
  const std::size_t before = std::min(taken, waiting_.buffer.size());
  waiting_.buffer.consume(before);
  buffer().append(bytes.substr(taken - before));
}

void WriteQueue::append_owned(std::string_view bytes, void* owner, void (*release)(void*)) {
  Batch& batch = last();
  batch.owned.push_back({batch.buffer.size(), bytes, owner, release});
  batch.owned_bytes += bytes.size();
}

void WriteQueue::append_file(FilePart part) {
  if (part.left() > 0) behind_.push_back({std::move(part), {}});
}

std::size_t WriteQueue::behind_bytes() const {
  std::size_t bytes = 0;
  for (const Behind& behind : behind_) bytes += behind.file.left() + behind.batch.size();
  return bytes;
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
  while (true) {
    const Flush flushed = waiting_.size() == 0 ? Flush::Done : flush_waiting(stream);
    if (flushed != Flush::Done || behind_.empty()) return flushed;
    if (const Flush sent = flush_file(stream); sent != Flush::Done) return sent;
    std::swap(waiting_, behind_.front().batch);
    behind_.erase(behind_.begin());
  }
}

// What the kernel doesn't take of a file at once goes on through memory: when that has left, there is room again.
WriteQueue::Flush WriteQueue::flush_file(Stream& stream) {
  FilePart& file = behind_.front().file;
  if (file.left() == 0) return Flush::Done;
  const std::ptrdiff_t sent = stream.try_send_file(file);
  if (sent < 0) return Flush::Broken;
  file.advance(static_cast<uint64_t>(sent));
  if (file.left() == 0) return Flush::Done;
  in_flight_.buffer = pool_.acquire();
  char* to = in_flight_.buffer.reserve(kFilePieceBytes);
  const std::size_t count = file.read({to, kFilePieceBytes});
  if (count == 0) return Flush::Broken;  // the file has become shorter than it was said to be
  in_flight_.buffer.commit(count);
  file.advance(count);
  const std::string_view piece = in_flight_.buffer.view();
  stream.write({&piece, 1});
  return Flush::Pending;
}

WriteQueue::Flush WriteQueue::flush_waiting(Stream& stream) {
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
