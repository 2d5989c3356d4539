// SPDX-License-Identifier: MIT
#include "socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace bench {
namespace {

sockaddr_in loopback(int port, int host) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + static_cast<std::uint32_t>(host));
  return address;
}

int give_up(int fd) {
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

}  // namespace

void set_nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

void set_nodelay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int connect_loopback(int port, int source_host) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  set_nodelay(fd);
  if (source_host != 1) {
    const sockaddr_in source = loopback(0, source_host);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0) return give_up(fd);
  }
  const sockaddr_in destination = loopback(port, 1);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&destination), sizeof destination) != 0) return give_up(fd);
  return fd;
}

int listen_loopback(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = loopback(port, 1);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return give_up(fd);
  if (listen(fd, 4096) != 0) return give_up(fd);
  return fd;
}

}  // namespace bench
