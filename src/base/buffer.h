// SPDX-License-Identifier: MIT
#pragma once

// A growable run of bytes, appended at the back and consumed from the front. Unlike std::string it doesn't clear
// what it is about to overwrite and gives its memory back when told to.
//
// Views of it are valid until the next non-const call.

#include <cstddef>
#include <cstring>
#include <string_view>

namespace outrider {

class Buffer {
 public:
  Buffer() = default;
  ~Buffer();
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  const char* data() const { return memory_ + begin_; }
  char* data() { return memory_ + begin_; }
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  std::size_t capacity() const { return capacity_; }
  std::string_view view() const { return {memory_ + begin_, size()}; }

  /// Room for at least `count` more bytes; write them there, then commit().
  char* reserve(std::size_t count) {
    if (capacity_ - end_ < count) grow(count);
    return memory_ + end_;
  }
  void commit(std::size_t count) { end_ += count; }

  void append(std::string_view bytes) {
    if (bytes.empty()) return;
    std::memcpy(reserve(bytes.size()), bytes.data(), bytes.size());
    end_ += bytes.size();
  }
  void append(char byte) {
    *reserve(1) = byte;
    ++end_;
  }

  /// Drops `count` bytes from the front.
  void consume(std::size_t count) {
    begin_ += count;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  /// Keeps the first `size` bytes.
  void truncate(std::size_t size) { end_ = begin_ + size; }
  void clear() { begin_ = end_ = 0; }

  /// Empties the buffer, and frees its memory when it holds more than `keep_max` bytes of it.
  void recycle(std::size_t keep_max);

 private:
  void grow(std::size_t count);

  char* memory_ = nullptr;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace outrider
