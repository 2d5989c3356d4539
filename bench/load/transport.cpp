// SPDX-License-Identifier: MIT
#include "transport.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace bench {

Stream::~Stream() { close(fd_); }

ssize_t Stream::read(char* data, std::size_t size) { return recv(fd_, data, size, 0); }

ssize_t Stream::write(const Output& output) {
  std::array<iovec, 64> pieces;
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = output.describe(pieces);
  return sendmsg(fd_, &message, MSG_NOSIGNAL);
}

std::string Stream::trouble() const { return std::strerror(errno); }

}  // namespace bench
