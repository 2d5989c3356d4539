// SPDX-License-Identifier: MIT
#pragma once

// A part of an open regular file, on its way to a peer. Owns its descriptor.
//
// Thread: one at a time.

#include <cstddef>
#include <cstdint>
#include <span>

namespace outrider::net {

class FilePart {
 public:
  /// Takes the descriptor.
  FilePart(int fd, uint64_t offset, uint64_t size) : fd_(fd), offset_(offset), left_(size) {}
  FilePart(FilePart&& other) noexcept;
  FilePart& operator=(FilePart&& other) noexcept;
  ~FilePart();

  int fd() const { return fd_; }
  uint64_t offset() const { return offset_; }
  /// How much is still to be sent.
  uint64_t left() const { return left_; }
  void extend(uint64_t count) { left_ += count; }
  void advance(uint64_t count) {
    offset_ += count;
    left_ -= count;
  }
  /// Reads from the beginning of what is left, without advancing. Returns how much that was: 0 when the file has
  /// become shorter, or can't be read.
  std::size_t read(std::span<char> into) const;

 private:
  int fd_;
  uint64_t offset_;
  uint64_t left_;
};

}  // namespace outrider::net
