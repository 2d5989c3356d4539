// SPDX-License-Identifier: MIT
#include "testing/client.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/check.h"

namespace outrider::testing {
namespace {

class SocketClient final : public Client {
 public:
  explicit SocketClient(const net::Address& address)
      : fd_(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    OUTRIDER_CHECK(fd_ >= 0);
    // A listening socket's backlog accepts by itself, so this doesn't wait for the server.
    OUTRIDER_CHECK(::connect(fd_, address.raw(), address.length()) == 0);
    ::fcntl(fd_, F_SETFL, O_NONBLOCK);
  }

  ~SocketClient() override {
    if (fd_ >= 0) ::close(fd_);
  }

  void send(std::string_view bytes) override {
    to_send_.append(bytes);
    pump();
  }

  void end() override {
    ends_ = true;
    pump();
  }

  void reset() override {
    const linger cut{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &cut, sizeof cut);
    ::close(fd_);
    fd_ = -1;
    is_ended_ = true;
  }

  void stop_taking() override { takes_ = false; }
  void go_on_taking() override { takes_ = true; }

  void pump() override {
    if (fd_ < 0) return;
    pump_out();
    if (takes_) pump_in();
  }

 private:
  void pump_out() {
    while (!to_send_.empty()) {
      const ssize_t sent = ::send(fd_, to_send_.data(), to_send_.size(), MSG_NOSIGNAL);
      if (sent < 0) return;
      to_send_.erase(0, static_cast<std::size_t>(sent));
    }
    if (ends_ && !has_ended_) {
      has_ended_ = true;
      ::shutdown(fd_, SHUT_WR);
    }
  }

  void pump_in() {
    std::array<char, 64 * 1024> bytes;  // NOLINT: filled by recv()
    while (!is_ended_) {
      const ssize_t count = ::recv(fd_, bytes.data(), bytes.size(), 0);
      if (count > 0) {
        received_.append(bytes.data(), static_cast<std::size_t>(count));
      } else if (count == 0) {
        is_ended_ = true;
      } else if (errno == EAGAIN || errno == EINTR) {
        return;
      } else {
        is_ended_ = was_reset_ = true;
      }
    }
  }

  int fd_;
  std::string to_send_;
  bool takes_ = true;
  bool ends_ = false;
  bool has_ended_ = false;
};

}  // namespace

std::unique_ptr<Client> connect_socket(const net::Address& address) {
  return std::make_unique<SocketClient>(address);
}

}  // namespace outrider::testing
