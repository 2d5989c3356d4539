// SPDX-License-Identifier: MIT
#pragma once

// A listening socket before it listens: bound, so that its address is known and nobody else can take it, while the
// application still starts. One owner; any thread, one at a time.

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "net/address.h"

namespace outrider::net {

enum class PortSharing {
  Exclusive,  ///< a second server on the same port is refused
  Shared,     ///< SO_REUSEPORT: the kernel spreads connections over all sockets bound so
};

class BoundSocket {
 public:
  /// Binds the first of the addresses that can be; port 0 takes a free one. Throws Error(Bind) naming the address.
  static BoundSocket tcp(const std::string& host, uint16_t port, PortSharing sharing);
  static BoundSocket tcp(const Address& address, PortSharing sharing);
  /// Binds a Unix socket. A socket file that a dead server left behind is replaced, a living one is not. The file
  /// is removed when this object dies, unless another one has taken its place.
  static BoundSocket unix_path(const std::string& path);
  /// Takes a socket that the caller bound (and perhaps listens on already): the descriptor is duplicated, the
  /// caller's own stays the caller's. Throws Error(Bind) when it isn't a stream socket.
  static BoundSocket adopt(int fd);

  BoundSocket(BoundSocket&& other) noexcept;
  BoundSocket& operator=(BoundSocket&& other) noexcept;
  ~BoundSocket();

  int fd() const { return fd_; }
  const Address& address() const { return address_; }

  /// In a forked child: closes its copy of the descriptor, and leaves the file of a Unix socket to the parent.
  void close_after_fork();
  /// Gives the descriptor away (to the loop's handle, which closes it).
  int release();
  /// Removes the file of a Unix socket that this object made. Idempotent.
  void unlink_path();

 private:
  explicit BoundSocket(int fd);

  int fd_;
  Address address_;
  std::string path_to_unlink_;
  std::pair<dev_t, ino_t> file_{};  // which file was made there
};

}  // namespace outrider::net
