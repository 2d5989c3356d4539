// SPDX-License-Identifier: MIT
#pragma once

// A client on a thread of its own, over a real TCP socket, with calls that wait: for tests of whole servers.
//
// Thread: the one that made it.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace outrider::testing {

class BlockingClient {
 public:
  /// Connects to the loopback address; is_connected() says whether that worked.
  explicit BlockingClient(uint16_t port) : fd_(open_socket()) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    // No test waits for ever.
    const timeval bound{20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
  }
  ~BlockingClient() { close(); }
  BlockingClient(BlockingClient&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        is_connected_(other.is_connected_),
        received_(std::move(other.received_)) {}
  BlockingClient& operator=(BlockingClient&&) = delete;

  bool is_connected() const { return is_connected_; }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void get(const std::string& path) { send("GET " + path + " HTTP/1.1\r\nhost: a\r\n\r\n"); }

  /// Reads until `text` has come; false when the connection ends, or nothing comes any more.
  bool read_until(std::string_view text) {
    while (received_.find(text) == std::string::npos) {
      if (!read_some()) return false;
    }
    return true;
  }
  /// Reads what comes next; false when nothing comes any more.
  bool read_more() { return read_some(); }
  /// Reads until the connection ends; true when that was in order.
  bool read_to_end() {
    while (read_some()) {
    }
    return ended_in_order_;
  }
  /// Everything that came and wasn't forgotten.
  const std::string& received() const { return received_; }
  void forget() { received_.clear(); }

  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  static int open_socket() { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }

  bool read_some() {
    char bytes[16 * 1024];
    const ssize_t count = ::recv(fd_, bytes, sizeof bytes, 0);
    ended_in_order_ = count == 0;
    if (count > 0) received_.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
  }

  int fd_;
  bool is_connected_ = false;
  bool ended_in_order_ = false;
  std::string received_;
};

}  // namespace outrider::testing
