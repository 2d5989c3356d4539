// SPDX-License-Identifier: MIT
#pragma once

// Headers of the PROXY protocol's version 2, as a proxy makes them.

#include <cstdint>
#include <string>
#include <string_view>

#include "net/address.h"

namespace outrider::testing {

inline std::string two_bytes(std::size_t number) {
  return {static_cast<char>(number >> 8 & 0xff), static_cast<char>(number & 0xff)};
}

/// With whatever is in it, valid or not. `command` is 0x20 (LOCAL) or 0x21 (PROXY).
inline std::string binary_header(int command, int family, std::string_view rest) {
  std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
  header += static_cast<char>(command);
  header += static_cast<char>(family);
  header += two_bytes(rest.size());
  return header.append(rest);
}

inline std::string extension(int type, std::string_view value) {
  return std::string(1, static_cast<char>(type)) + two_bytes(value.size()) + std::string(value);
}

/// The addresses and ports of two IP addresses of one family.
inline std::string address_block(const net::Address& source, const net::Address& destination) {
  const std::size_t begin = source.family() == AF_INET ? 12 : 0;
  std::string block;
  for (const net::Address* address : {&source, &destination}) {
    for (std::size_t i = begin; i < 16; ++i) block += static_cast<char>((*address->ip())[i]);
  }
  return block + two_bytes(source.port()) + two_bytes(destination.port());
}

inline std::string binary_header(const net::Address& source, const net::Address& destination,
                                 std::string_view extensions = {}) {
  const int family = source.family() == AF_INET ? 0x11 : 0x21;
  return binary_header(0x21, family, address_block(source, destination) + std::string(extensions));
}

}  // namespace outrider::testing
