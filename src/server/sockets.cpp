// SPDX-License-Identifier: MIT
#include "server/sockets.h"

#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include "outrider/error.h"

namespace outrider::server {
namespace {

using net::BoundSocket;
using net::PortSharing;

int parse_number(std::string_view text, int most, const std::string& what) {
  int number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0 || number > most) {
    throw Error(ErrorKind::Option,
                "can't bind \"" + what + "\": expected HOST:PORT, [IPV6]:PORT, unix:PATH or fd:NUMBER");
  }
  return number;
}

class Binder {
 public:
  explicit Binder(int threads) : sockets_(static_cast<std::size_t>(threads)) {}

  void tcp(const std::string& host, uint16_t port) {
    if (sockets_.size() == 1) {
      sockets_[0].push_back(BoundSocket::tcp(host, port, PortSharing::Exclusive));
      return;
    }
    // A shared port could be shared with another server, too, or with this one; that nobody has it is found out by
    // taking it for oneself. (Port 0 gives one that nobody has.)
    net::Address address;
    if (port != 0) {
      address = BoundSocket::tcp(host, port, PortSharing::Exclusive).address();
      for (const BoundSocket& other : sockets_[0]) {
        if (other.address().to_string() != address.to_string()) continue;
        throw Error(ErrorKind::Bind, "can't bind " + address.to_string() + " twice: name each place once");
      }
    } else {
      sockets_[0].push_back(BoundSocket::tcp(host, port, PortSharing::Shared));
      address = sockets_[0].back().address();
    }
    for (std::size_t i = port != 0 ? 0 : 1; i < sockets_.size(); ++i) {
      sockets_[i].push_back(BoundSocket::tcp(address, PortSharing::Shared));
    }
  }

  void uds(const std::string& path) { spread(BoundSocket::unix_path(path)); }
  void fd(int number) { spread(BoundSocket::adopt(number)); }

  void place(const std::string& text) {
    const std::string_view view = text;
    if (view.starts_with("unix:")) return uds(text.substr(5));
    if (view.starts_with("fd:")) return fd(parse_number(view.substr(3), INT32_MAX, text));
    const std::size_t colon = view.rfind(':');
    if (colon == std::string_view::npos) parse_number("", 0, text);
    const int port = parse_number(view.substr(colon + 1), 65535, text);
    std::string_view host = view.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    tcp(std::string(host), static_cast<uint16_t>(port));
  }

  std::vector<std::vector<BoundSocket>> take() { return std::move(sockets_); }

 private:
  // The others accept from duplicates of the first one's socket.
  void spread(BoundSocket socket) {
    for (std::size_t i = 1; i < sockets_.size(); ++i) sockets_[i].push_back(BoundSocket::adopt(socket.fd()));
    sockets_[0].push_back(std::move(socket));
  }

  std::vector<std::vector<BoundSocket>> sockets_;
};

}  // namespace

std::vector<std::vector<BoundSocket>> bind_sockets(const Config& config) {
  Binder binder(config.threads);
  if (!config.uds.empty()) binder.uds(config.uds);
  for (const int fd : config.fds) binder.fd(fd);
  for (const std::string& place : config.bind) binder.place(place);
  if (config.uds.empty() && config.fds.empty() && config.bind.empty()) {
    binder.tcp(config.host, static_cast<uint16_t>(config.port));
  }
  return binder.take();
}

}  // namespace outrider::server
