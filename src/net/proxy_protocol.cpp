// SPDX-License-Identifier: MIT
#include "net/proxy_protocol.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>

namespace outrider::net {
namespace {

using Parsed = Result<std::optional<ProxyHeader>, ProxyFault>;
using Client = ProxyHeader::Client;

Parsed incomplete() { return std::optional<ProxyHeader>(); }
Parsed complete(ProxyHeader header) { return std::optional(std::move(header)); }

bool begins_alike(std::string_view bytes, std::string_view signature) {
  return bytes.substr(0, signature.size()) == signature.substr(0, bytes.size());
}

// --- version 1 (§2.1) ----------------------------------------------------------------------------------------------

constexpr std::string_view kSignature1 = "PROXY ";
// With the CRLF: "PROXY UNKNOWN", and behind it all that the line may have.
constexpr std::size_t kLineBytesMax = 107;

// Takes the word up to the next space, or to the end; no word is empty, no space is left over.
std::optional<std::string_view> take_word(std::string_view& line) {
  if (line.empty() || line.front() == ' ' || line.back() == ' ') return std::nullopt;
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return word;
}

std::optional<uint16_t> take_port(std::string_view& line) {
  const std::optional<std::string_view> word = take_word(line);
  // "Heading zeroes are not permitted", and from_chars() takes them.
  if (!word || (word->size() > 1 && word->front() == '0')) return std::nullopt;
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(word->data(), word->data() + word->size(), port);
  return error == std::errc() && end == word->data() + word->size() ? std::optional(port) : std::nullopt;
}

std::optional<Address> take_address(std::string_view& line, int family) {
  const std::optional<std::string_view> word = take_word(line);
  const std::optional<Address> address = word ? Address::parse(*word) : std::nullopt;
  return address && address->family() == family ? address : std::nullopt;
}

Address with_port(const Address& address, uint16_t port) { return Address::parse(address.host(), port).value(); }

Parsed parse_addresses(std::string_view line, int family, std::size_t size) {
  const std::optional<Address> source = take_address(line, family);
  const std::optional<Address> destination = source ? take_address(line, family) : std::nullopt;
  const std::optional<uint16_t> source_port = destination ? take_port(line) : std::nullopt;
  const std::optional<uint16_t> destination_port = source_port ? take_port(line) : std::nullopt;
  if (!destination_port || !line.empty()) return ProxyFault::LineInvalid;
  return complete(
      {Client::Named, with_port(*source, *source_port), with_port(*destination, *destination_port), size});
}

Parsed parse_line(std::string_view bytes) {
  const std::string_view window = bytes.substr(0, kLineBytesMax);
  const std::size_t end = window.find('\n');
  const std::size_t carriage_return = window.find('\r');
  // "The receiver must not tolerate a single CR or LF."
  if (carriage_return != std::string_view::npos && carriage_return + 1 < window.size() &&
      end != carriage_return + 1) {
    return ProxyFault::LineInvalid;
  }
  if (end == std::string_view::npos) {
    if (bytes.size() >= kLineBytesMax) return ProxyFault::LineTooLong;
    return incomplete();
  }
  if (carriage_return != end - 1) return ProxyFault::LineInvalid;

  std::string_view line = window.substr(kSignature1.size(), carriage_return - kSignature1.size());
  const std::size_t size = end + 1;
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return complete({Client::Unnamed, {}, {}, size});
  const std::optional<std::string_view> family = take_word(line);
  if (family == "TCP4") return parse_addresses(line, AF_INET, size);
  if (family == "TCP6") return parse_addresses(line, AF_INET6, size);
  return ProxyFault::LineInvalid;
}

// --- version 2 (§2.2) ----------------------------------------------------------------------------------------------

constexpr std::string_view kSignature2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kFixedBytes = 16;
constexpr std::size_t kPathBytes = 108;

uint8_t byte_at(std::string_view bytes, std::size_t index) { return static_cast<uint8_t>(bytes[index]); }

uint16_t number_at(std::string_view bytes, std::size_t index) {
  return static_cast<uint16_t>(byte_at(bytes, index) << 8 | byte_at(bytes, index + 1));
}

template <std::size_t Count>
std::array<uint8_t, Count> bytes_at(std::string_view bytes, std::size_t index) {
  std::array<uint8_t, Count> taken;  // NOLINT: filled in the next line
  std::memcpy(taken.data(), bytes.data() + index, Count);
  return taken;
}

// A path that fills all of its 108 bytes has no terminator, and is one byte longer than a socket here can have; and
// one that begins with a zero byte is an abstract name, which nobody can tell from an unnamed peer's empty path.
Address unix_address(std::string_view field) {
  const std::string_view path = field.substr(0, std::min(field.find('\0'), kPathBytes - 1));
  sockaddr unnamed{};
  unnamed.sa_family = AF_UNIX;
  if (path.empty()) return {&unnamed, sizeof unnamed.sa_family};
  return Address::unix_path(std::string(path));
}

// CRC32c (RFC 4960 appendix B) of the header with the checksum's own four bytes as zeros.
uint32_t checksum(std::string_view header, std::size_t zeros_at) {
  uint32_t sum = 0xffffffff;
  for (std::size_t i = 0; i < header.size(); ++i) {
    sum ^= i >= zeros_at && i < zeros_at + 4 ? 0 : byte_at(header, i);
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ ((sum & 1) != 0 ? 0x82f63b78 : 0);
  }
  return ~sum;
}

// What follows the addresses: types, lengths, values. Only the checksum is of interest here (§2.2.3).
std::optional<ProxyFault> check_extensions(std::string_view header, std::size_t offset) {
  constexpr uint8_t kChecksum = 0x03;
  std::optional<std::size_t> sum_at;
  while (offset < header.size()) {
    if (header.size() - offset < 3) return ProxyFault::ExtensionInvalid;
    const std::size_t length = number_at(header, offset + 1);
    if (header.size() - offset - 3 < length) return ProxyFault::ExtensionInvalid;
    if (byte_at(header, offset) == kChecksum) {
      if (length != 4 || sum_at) return ProxyFault::ExtensionInvalid;
      sum_at = offset + 3;
    }
    offset += 3 + length;
  }
  if (!sum_at) return std::nullopt;
  const uint32_t told = static_cast<uint32_t>(number_at(header, *sum_at)) << 16 | number_at(header, *sum_at + 2);
  if (checksum(header, *sum_at) != told) return ProxyFault::ChecksumWrong;
  return std::nullopt;
}

// How many bytes the addresses of a family take, of both ends.
std::size_t addresses_size(int family) {
  constexpr std::array<std::size_t, 4> kSizes{0, 12, 36, 2 * kPathBytes};
  return kSizes[static_cast<std::size_t>(family)];
}

ProxyHeader read_addresses(std::string_view addresses, int family, std::size_t size) {
  switch (family) {
    case 1:
      return {Client::Named, Address::ipv4(bytes_at<4>(addresses, 0), number_at(addresses, 8)),
              Address::ipv4(bytes_at<4>(addresses, 4), number_at(addresses, 10)), size};
    case 2:
      return {Client::Named, Address::ipv6(bytes_at<16>(addresses, 0), number_at(addresses, 32)),
              Address::ipv6(bytes_at<16>(addresses, 16), number_at(addresses, 34)), size};
    default:
      return {Client::Named, unix_address(addresses.substr(0, kPathBytes)),
              unix_address(addresses.substr(kPathBytes, kPathBytes)), size};
  }
}

Parsed parse_binary(std::string_view bytes) {
  if (bytes.size() < kFixedBytes) {
    if (bytes.size() > 12 && byte_at(bytes, 12) >> 4 != 2) return ProxyFault::VersionInvalid;
    return incomplete();
  }
  const int command = byte_at(bytes, 12) & 15;
  const int family = byte_at(bytes, 13) >> 4;
  const int transport = byte_at(bytes, 13) & 15;
  const std::size_t size = kFixedBytes + number_at(bytes, 14);
  if (byte_at(bytes, 12) >> 4 != 2) return ProxyFault::VersionInvalid;
  if (command > 1) return ProxyFault::CommandInvalid;
  // "LOCAL: […] discard the protocol block including the family which is ignored."
  const bool is_local = command == 0;
  if (!is_local && (family > 3 || transport > 2)) return ProxyFault::FamilyInvalid;
  if (size > kProxyHeaderBytesMax) return ProxyFault::HeaderTooLong;
  const std::size_t offset = kFixedBytes + (is_local ? 0 : addresses_size(family));
  if (size < offset) return ProxyFault::AddressesTooShort;
  if (bytes.size() < size) return incomplete();

  if (is_local) return complete({Client::Proxy, {}, {}, size});
  const std::string_view header = bytes.substr(0, size);
  if (const std::optional<ProxyFault> fault = check_extensions(header, offset)) return *fault;
  // A datagram's addresses are taken: the client may have come to its proxy over QUIC.
  if (family == 0 || transport == 0) return complete({Client::Unnamed, {}, {}, size});
  return complete(read_addresses(header.substr(kFixedBytes), family, size));
}

}  // namespace

std::string_view sentence(ProxyFault fault) {
  switch (fault) {
    case ProxyFault::SignatureInvalid:
      return "the connection doesn't begin with a PROXY header";
    case ProxyFault::LineTooLong:
      return "the PROXY line has no CRLF in its first 107 bytes";
    case ProxyFault::LineInvalid:
      return "the PROXY line is not TCP4 or TCP6 with two addresses and two ports, or not ended by CRLF";
    case ProxyFault::VersionInvalid:
      return "the version of the binary PROXY header is not 2";
    case ProxyFault::CommandInvalid:
      return "the PROXY header's command is neither LOCAL nor PROXY";
    case ProxyFault::FamilyInvalid:
      return "the PROXY header's address family or transport is unknown";
    case ProxyFault::HeaderTooLong:
      return "the PROXY header is longer than this server accepts";
    case ProxyFault::AddressesTooShort:
      return "the PROXY header is too short for its addresses";
    case ProxyFault::ExtensionInvalid:
      return "a TLV of the PROXY header doesn't fit";
    case ProxyFault::ChecksumWrong:
      return "the PROXY header's checksum is wrong";
  }
  return {};
}

Parsed parse_proxy_header(std::string_view bytes) {
  if (begins_alike(bytes, kSignature1)) return bytes.size() < kSignature1.size() ? incomplete() : parse_line(bytes);
  if (begins_alike(bytes, kSignature2)) return parse_binary(bytes);
  return ProxyFault::SignatureInvalid;
}

}  // namespace outrider::net
