// SPDX-License-Identifier: MIT
#include "net/file_part.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace outrider::net {

FilePart::FilePart(FilePart&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), offset_(other.offset_), left_(other.left_) {}

FilePart& FilePart::operator=(FilePart&& other) noexcept {
  std::swap(fd_, other.fd_);
  offset_ = other.offset_;
  left_ = other.left_;
  return *this;
}

FilePart::~FilePart() {
  if (fd_ >= 0) ::close(fd_);
}

std::size_t FilePart::read(std::span<char> into) const {
  const auto most = static_cast<std::size_t>(std::min<uint64_t>(into.size(), left_));
  ssize_t count = 0;
  do {
    count = ::pread(fd_, into.data(), most, static_cast<off_t>(offset_));
  } while (count < 0 && errno == EINTR);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

}  // namespace outrider::net
