// SPDX-License-Identifier: MIT
#include "net/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "outrider/error.h"

namespace outrider::net {
namespace {

bool is_socket(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

std::string hint(const Address& address, int code) {
  switch (code) {
    case EADDRINUSE:
      if (!address.is_unix()) return " (another server has it; stop that one, or use port 0 for any free port)";
      return is_socket(address.host()) ? " (another server answers there; stop that one, or use another path)"
                                       : " (something that is no socket is there; remove it, or use another path)";
    case EACCES:
      if (address.is_unix()) return " (its folder isn't writable for this user)";
      return " (ports below 1024 need a privilege; try port 8000, or port 0 for any free port)";
    case ENOENT:
      return " (its folder doesn't exist)";
    case EADDRNOTAVAIL:
      return " (the address is not one of this machine's)";
    default:
      return "";
  }
}

[[noreturn]] void throw_bind(const Address& address, int code) {
  throw Error(ErrorKind::Bind, "can't bind " + address.to_string() + hint(address, code), code);
}

int open_socket(int family) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw Error(ErrorKind::Resource, "can't create a socket", errno);
  return fd;
}

// Whether somebody accepts connections at the path.
bool is_answered(const Address& address) {
  const int fd = open_socket(AF_UNIX);
  const bool is_answered = ::connect(fd, address.raw(), address.length()) == 0;
  const bool is_of_another_kind = !is_answered && errno == EPROTOTYPE;
  ::close(fd);
  return is_answered || is_of_another_kind;
}

}  // namespace

BoundSocket::BoundSocket(int fd) : fd_(fd) {}

BoundSocket::BoundSocket(BoundSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      address_(other.address_),
      path_to_unlink_(std::exchange(other.path_to_unlink_, {})),
      file_(other.file_) {}

BoundSocket& BoundSocket::operator=(BoundSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(address_, other.address_);
  std::swap(path_to_unlink_, other.path_to_unlink_);
  std::swap(file_, other.file_);
  return *this;
}

BoundSocket::~BoundSocket() {
  if (fd_ >= 0) ::close(fd_);
  unlink_path();
}

int BoundSocket::release() { return std::exchange(fd_, -1); }

void BoundSocket::close_after_fork() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  path_to_unlink_.clear();
}

void BoundSocket::unlink_path() {
  if (path_to_unlink_.empty()) return;
  const std::string path = std::exchange(path_to_unlink_, {});
  struct stat status {};
  // Whoever replaced the file has its own server there by now.
  if (::stat(path.c_str(), &status) != 0 || std::pair(status.st_dev, status.st_ino) != file_) return;
  ::unlink(path.c_str());
}

BoundSocket BoundSocket::tcp(const std::string& host, uint16_t port, PortSharing sharing) {
  const std::vector<Address> addresses = Address::resolve(host, port);
  for (std::size_t i = 0;; ++i) {
    try {
      return tcp(addresses[i], sharing);
    } catch (const Error&) {
      if (i + 1 == addresses.size()) throw;
    }
  }
}

BoundSocket BoundSocket::tcp(const Address& address, PortSharing sharing) {
  BoundSocket socket(open_socket(address.family()));
  const int on = 1;
  // Connections of an earlier server in TIME_WAIT must not keep its port from being bound again.
  ::setsockopt(socket.fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (sharing == PortSharing::Shared) ::setsockopt(socket.fd_, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  // An IPv6 socket serves IPv6 only, whatever the system's default, so that 0.0.0.0 and :: can be bound together.
  if (address.family() == AF_INET6) ::setsockopt(socket.fd_, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(socket.fd_, address.raw(), address.length()) != 0) throw_bind(address, errno);
  socket.address_ = Address::of_socket(socket.fd_);
  return socket;
}

BoundSocket BoundSocket::unix_path(const std::string& path) {
  const Address address = Address::unix_path(path);
  BoundSocket socket(open_socket(AF_UNIX));
  if (::bind(socket.fd_, address.raw(), address.length()) != 0) {
    const int code = errno;
    const bool is_stale = code == EADDRINUSE && is_socket(path) && !is_answered(address);
    if (!is_stale) throw_bind(address, code);
    ::unlink(path.c_str());
    if (::bind(socket.fd_, address.raw(), address.length()) != 0) throw_bind(address, errno);
  }
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) socket.file_ = {status.st_dev, status.st_ino};
  std::error_code ignored;  // the program may change its working directory before the end
  socket.path_to_unlink_ = std::filesystem::absolute(path, ignored).string();
  socket.address_ = address;
  return socket;
}

BoundSocket BoundSocket::adopt(int fd) {
  int type = 0;
  socklen_t length = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0) {
    throw Error(ErrorKind::Bind, "can't serve on descriptor " + std::to_string(fd), errno);
  }
  if (type != SOCK_STREAM) {
    throw Error(ErrorKind::Bind, "can't serve on descriptor " + std::to_string(fd) + ": it is not a stream socket");
  }
  BoundSocket socket(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (socket.fd_ < 0) throw Error(ErrorKind::Resource, "can't duplicate descriptor " + std::to_string(fd), errno);
  socket.address_ = Address::of_socket(socket.fd_);
  const Address& address = socket.address_;
  if (address.is_unix() ? address.host().empty() : address.port() == 0) {
    throw Error(ErrorKind::Bind,
                "can't serve on descriptor " + std::to_string(fd) + ": it is bound to no address; bind it first");
  }
  return socket;
}

}  // namespace outrider::net
