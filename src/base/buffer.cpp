// SPDX-License-Identifier: MIT
#include "base/buffer.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

namespace outrider {
namespace {

// The first allocation: a request head of a browser, or the head and small body of a response, fit without growing.
constexpr std::size_t kFirstCapacity = 1024;

}  // namespace

Buffer::~Buffer() { std::free(memory_); }

Buffer::Buffer(Buffer&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)),
      begin_(std::exchange(other.begin_, 0)),
      end_(std::exchange(other.end_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(begin_, other.begin_);
  std::swap(end_, other.end_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

void Buffer::recycle(std::size_t keep_max) {
  begin_ = end_ = 0;
  if (capacity_ <= keep_max) return;
  std::free(std::exchange(memory_, nullptr));
  capacity_ = 0;
}

void Buffer::grow(std::size_t count) {
  if (begin_ > 0) {
    // Room at the front is used before memory is asked for.
    std::memmove(memory_, memory_ + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (capacity_ - end_ >= count) return;
  }
  const std::size_t wanted = std::max({kFirstCapacity, capacity_ * 2, end_ + count});
  auto* memory = static_cast<char*>(std::realloc(memory_, wanted));
  if (memory == nullptr) throw std::bad_alloc();
  memory_ = memory;
  capacity_ = wanted;
}

}  // namespace outrider
