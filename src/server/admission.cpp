// SPDX-License-Identifier: MIT
#include "server/admission.h"

#include <netinet/in.h>

#include <algorithm>

namespace outrider::server {

std::optional<std::string> client_key(const net::Address& address) {
  const auto text = [](const void* bytes, std::size_t count) {
    return std::string(static_cast<const char*>(bytes), count);
  };
  if (address.family() == AF_INET) {
    return text(&reinterpret_cast<const sockaddr_in*>(address.raw())->sin_addr, 4);
  }
  if (address.family() != AF_INET6) return std::nullopt;
  const in6_addr& ip = reinterpret_cast<const sockaddr_in6*>(address.raw())->sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&ip)) return text(&ip.s6_addr[12], 4);
  return text(&ip, 8);
}

Admission::Admission(const Limits& limits)
    : connections_max_(limits.connections_max),
      per_address_max_(limits.connections_per_address_max),
      exchanges_max_(limits.exchanges_max) {}

std::shared_ptr<const void> Admission::admit(const net::Address& peer) {
  const std::optional<std::string> key = limits_addresses() ? client_key(peer) : std::nullopt;
  const std::lock_guard lock(mutex_);
  if (connections_max_ != 0 && connections_ >= connections_max_) return nullptr;
  if (key) {
    std::size_t& count = per_address_[*key];
    if (count >= per_address_max_) return nullptr;
    ++count;
  }
  ++connections_;
  return {this, [self = shared_from_this(), key](const void*) { self->leave(key); }};
}

void Admission::leave(const std::optional<std::string>& key) {
  const std::lock_guard lock(mutex_);
  --connections_;
  if (!key) return;
  const auto found = per_address_.find(*key);
  if (--found->second == 0) per_address_.erase(found);
}

}  // namespace outrider::server
