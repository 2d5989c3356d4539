// SPDX-License-Identifier: MIT
#include "net/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>

#include "base/ascii.h"
#include "outrider/error.h"

namespace outrider::net {
namespace {

std::string percent_encode(const std::string& text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (ascii::is_alpha(c) || ascii::is_digit(c) || std::string_view("-._~").find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += kDigits[static_cast<uint8_t>(c) >> 4];
      encoded += kDigits[static_cast<uint8_t>(c) & 15];
    }
  }
  return encoded;
}

}  // namespace

Address::Address(const sockaddr* address, socklen_t length) : length_(length) {
  std::memcpy(&storage_, address, length);
}

std::vector<Address> Address::resolve(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int status = getaddrinfo(host.empty() ? nullptr : host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (status != 0) {
    throw Error(ErrorKind::Address,
                "can't resolve host '" + host + "': " + gai_strerror(status) +
                    "; use a numeric address such as 127.0.0.1, or a name that this machine knows",
                status == EAI_SYSTEM ? errno : 0);
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  std::vector<Address> addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    addresses.emplace_back(entry->ai_addr, entry->ai_addrlen);
  }
  return addresses;
}

std::optional<Address> Address::parse(std::string_view host, uint16_t port) {
  // inet_pton() wants a terminated string, and takes no more than this.
  char text[INET6_ADDRSTRLEN] = "";
  if (host.size() >= sizeof text || host.find('\0') != std::string_view::npos) return std::nullopt;
  std::copy(host.begin(), host.end(), text);
  std::array<uint8_t, 4> four{};
  if (inet_pton(AF_INET, text, four.data()) == 1) return ipv4(four, port);
  std::array<uint8_t, 16> sixteen{};
  if (inet_pton(AF_INET6, text, sixteen.data()) == 1) return ipv6(sixteen, port);
  return std::nullopt;
}

Address Address::ipv4(std::span<const uint8_t, 4> bytes, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  std::memcpy(&address.sin_addr, bytes.data(), bytes.size());
  return {reinterpret_cast<const sockaddr*>(&address), sizeof address};
}

Address Address::ipv6(std::span<const uint8_t, 16> bytes, uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  std::memcpy(&address.sin6_addr, bytes.data(), bytes.size());
  return {reinterpret_cast<const sockaddr*>(&address), sizeof address};
}

std::optional<std::array<uint8_t, 16>> Address::ip() const {
  std::array<uint8_t, 16> bytes{};
  if (family() == AF_INET6) {
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr, 16);
    return bytes;
  }
  if (family() != AF_INET) return std::nullopt;
  bytes[10] = bytes[11] = 0xff;
  std::memcpy(bytes.data() + 12, &reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr, 4);
  return bytes;
}

Address Address::unix_path(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.find('\0') != std::string::npos) {
    throw Error(ErrorKind::Address,
                "can't use a path with a zero byte for a Unix socket: bind an abstract one yourself, "
                "and pass its descriptor");
  }
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    throw Error(ErrorKind::Address, "can't use '" + path + "' as the path of a Unix socket: it must have 1 to " +
                                        std::to_string(sizeof address.sun_path - 1) + " bytes");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return {reinterpret_cast<const sockaddr*>(&address),
          static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1)};
}

Address Address::of_socket(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return {reinterpret_cast<const sockaddr*>(&storage), length};
}

Address Address::of_peer(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return {reinterpret_cast<const sockaddr*>(&storage), length};
}

std::string Address::host() const {
  char text[INET6_ADDRSTRLEN] = "";
  switch (family()) {
    case AF_INET:
      inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr, text, sizeof text);
      return text;
    case AF_INET6:
      inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr, text, sizeof text);
      return text;
    case AF_UNIX: {
      const auto* address = reinterpret_cast<const sockaddr_un*>(&storage_);
      const std::size_t room = length_ - offsetof(sockaddr_un, sun_path);
      if (length_ <= offsetof(sockaddr_un, sun_path)) return {};
      // An abstract name starts with a zero byte and is not terminated; it is shown with '@', as ss(8) does.
      if (address->sun_path[0] == '\0') return "@" + std::string(address->sun_path + 1, room - 1);
      return {address->sun_path, strnlen(address->sun_path, room)};
    }
    default:
      return {};
  }
}

uint16_t Address::port() const {
  switch (family()) {
    case AF_INET:
      return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
    case AF_INET6:
      return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
    default:
      return 0;
  }
}

std::string Address::to_string() const {
  switch (family()) {
    case AF_INET:
      return host() + ":" + std::to_string(port());
    case AF_INET6:
      return "[" + host() + "]:" + std::to_string(port());
    case AF_UNIX:
      return "unix:" + host();
    default:
      return "(none)";
  }
}

std::string Address::url(const std::string& scheme) const {
  switch (family()) {
    case AF_INET: {
      const std::string name = host();
      return scheme + "://" + (name == "0.0.0.0" ? "127.0.0.1" : name) + ":" + std::to_string(port());
    }
    case AF_INET6: {
      const std::string name = host();
      return scheme + "://[" + (name == "::" ? "::1" : name) + "]:" + std::to_string(port());
    }
    case AF_UNIX:
      return scheme + "+unix://" + percent_encode(host());
    default:
      return scheme + "://memory";
  }
}

}  // namespace outrider::net
