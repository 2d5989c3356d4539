// SPDX-License-Identifier: MIT
#pragma once

// A socket address: IPv4, IPv6 or the path of a Unix socket. Value type; any thread.

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace outrider::net {

class Address {
 public:
  /// No address: what an unnamed Unix peer or an in-memory stream has.
  Address() = default;
  Address(const sockaddr* address, socklen_t length);

  /// The addresses of a host name or a numeric address, in the resolver's order. An empty host means every
  /// interface. Blocks while a name is looked up. Throws Error(Address) with the host when there is none.
  static std::vector<Address> resolve(const std::string& host, uint16_t port);
  /// "192.0.2.1" or "2001:db8::1", without a zone: nothing is looked up, nothing thrown. None for all else.
  static std::optional<Address> parse(std::string_view host, uint16_t port = 0);
  /// The 4 or 16 bytes of an IPv4 or IPv6 address, in network order.
  static Address ipv4(std::span<const uint8_t, 4> bytes, uint16_t port);
  static Address ipv6(std::span<const uint8_t, 16> bytes, uint16_t port);
  /// Throws Error(Address) when the path is empty or longer than the system allows (107 bytes on Linux).
  static Address unix_path(const std::string& path);
  /// The address that the socket is bound to, or of its peer; empty when it has none.
  static Address of_socket(int fd);
  static Address of_peer(int fd);

  int family() const { return length_ == 0 ? AF_UNSPEC : storage_.ss_family; }
  bool is_unix() const { return family() == AF_UNIX; }
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t length() const { return length_; }

  /// "127.0.0.1", "::1", or the path; empty when there is none.
  std::string host() const;
  /// 0 for a Unix socket.
  uint16_t port() const;
  /// As 16 bytes, IPv4 as an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2); none for what is neither.
  std::optional<std::array<uint8_t, 16>> ip() const;
  /// "127.0.0.1:8000", "[::1]:8000", "unix:/run/x.sock".
  std::string to_string() const;
  /// What a client on this machine uses: an unspecified address (0.0.0.0, ::) is shown as the loopback one, since
  /// nobody can connect to the former everywhere. "http+unix://%2Frun%2Fx.sock" for a Unix socket.
  std::string url(const std::string& scheme) const;

 private:
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

}  // namespace outrider::net
