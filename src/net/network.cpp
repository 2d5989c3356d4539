// SPDX-License-Identifier: MIT
#include "net/network.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>

#include "outrider/error.h"

namespace outrider::net {
namespace {

// The bits in front of an IPv4 address in its IPv4-mapped form.
constexpr int kMappedBits = 96;

constexpr std::string_view kExpected =
    "expected an address (192.0.2.7), a network (10.0.0.0/8, 2001:db8::/32), \"*\" for whoever connects, or \"unix\"";

[[noreturn]] void refuse(std::string_view text, const std::string& problem) {
  throw Error(ErrorKind::Option, "\"" + std::string(text) + "\" " + problem);
}

bool is_mapped(const std::array<uint8_t, 16>& bytes) {
  const auto is_zero = [](uint8_t byte) { return byte == 0; };
  return std::all_of(bytes.begin(), bytes.begin() + 10, is_zero) && bytes[10] == 0xff && bytes[11] == 0xff;
}

// The byte of a mask of so many bits.
uint8_t mask(int bits, std::size_t index) {
  const int left = std::clamp(bits - static_cast<int>(index) * 8, 0, 8);
  return static_cast<uint8_t>(0xff << (8 - left));
}

std::optional<int> parse_length(std::string_view text, int most) {
  int length = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  return is_number && length >= 0 && length <= most ? std::optional(length) : std::nullopt;
}

std::string show(const std::array<uint8_t, 16>& bytes) {
  if (is_mapped(bytes)) return Address::ipv4(std::span(bytes).subspan<12, 4>(), 0).host();
  return Address::ipv6(bytes, 0).host();
}

}  // namespace

Network Network::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const std::optional<Address> address = Address::parse(host);
  if (!address) refuse(text, "is neither an address nor a network: " + std::string(kExpected));
  const std::array<uint8_t, 16> bytes = *address->ip();
  if (slash == std::string_view::npos) return {bytes, 128};

  const bool is_ipv4 = address->family() == AF_INET;
  const int most = is_ipv4 ? 32 : 128;
  const std::optional<int> length = parse_length(text.substr(slash + 1), most);
  if (!length) {
    refuse(text, "has no valid length of the network: after the slash come 0 to " + std::to_string(most) +
                     ", the leading bits that count");
  }
  const int bits = *length + (is_ipv4 ? kMappedBits : 0);
  std::array<uint8_t, 16> network = bytes;
  for (std::size_t i = 0; i < network.size(); ++i) network[i] &= mask(bits, i);
  // Either half of it may be the mistake.
  if (network != bytes) {
    refuse(text, "has bits of the address set behind the first " + std::to_string(*length) + ": write \"" +
                     show(network) + "/" + std::to_string(*length) + "\" for the network, or \"" + std::string(host) +
                     "\" for the address");
  }
  return {network, bits};
}

bool Network::is_ipv4() const { return bits_ >= kMappedBits && is_mapped(bytes_); }

bool Network::contains(const Address& address) const {
  const std::optional<std::array<uint8_t, 16>> bytes = address.ip();
  if (!bytes || is_mapped(*bytes) != is_ipv4()) return false;
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    if (((*bytes)[i] & mask(bits_, i)) != bytes_[i]) return false;
  }
  return true;
}

TrustedProxies TrustedProxies::parse(const std::vector<std::string>& texts) {
  TrustedProxies trusted;
  for (const std::string& text : texts) {
    if (text == "*") {
      trusted.trusts_all_ = true;
    } else if (text == "unix") {
      trusted.trusts_unix_ = true;
    } else {
      trusted.networks_.push_back(Network::parse(text));
    }
  }
  return trusted;
}

bool TrustedProxies::trusts_peer(const Address& peer) const {
  return trusts_all_ || (trusts_unix_ && peer.is_unix()) || trusts_named(peer);
}

bool TrustedProxies::trusts_named(const Address& address) const {
  return std::any_of(networks_.begin(), networks_.end(),
                     [&](const Network& network) { return network.contains(address); });
}

}  // namespace outrider::net
