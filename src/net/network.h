// SPDX-License-Identifier: MIT
#pragma once

// Networks in CIDR notation, and the set of them that a server trusts to speak for others. Values; any thread.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"

namespace outrider::net {

class Network {
 public:
  /// "10.0.0.0/8", "2001:db8::/32", or an address, which is a network of one. Throws Error(Option), whose text says
  /// what is wrong with this one and what to write instead.
  static Network parse(std::string_view text);

  /// An IPv4 address is the same one in its IPv4-mapped form, as peers of a dual-stack socket have it. No IPv6
  /// network, ::/0 included, contains it.
  bool contains(const Address& address) const;

 private:
  Network(const std::array<uint8_t, 16>& bytes, int bits) : bytes_(bytes), bits_(bits) {}
  bool is_ipv4() const;

  std::array<uint8_t, 16> bytes_;
  int bits_;  // that count, of 128
};

/// The proxies in front of a server. By default it is empty: nobody is trusted.
class TrustedProxies {
 public:
  TrustedProxies() = default;
  /// Addresses and networks; "*" for whoever connects; "unix" for whoever connects over a Unix socket. Throws
  /// Error(Option) for the first that is none of these.
  static TrustedProxies parse(const std::vector<std::string>& texts);

  bool empty() const { return !trusts_all_ && !trusts_unix_ && networks_.empty(); }
  /// The one at the other end of a connection.
  bool trusts_peer(const Address& peer) const;
  /// One that another proxy names. "*" and "unix" are about connections: with them, whatever a client writes would
  /// count.
  bool trusts_named(const Address& address) const;

 private:
  bool trusts_all_ = false;
  bool trusts_unix_ = false;
  std::vector<Network> networks_;
};

}  // namespace outrider::net
