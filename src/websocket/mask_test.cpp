// SPDX-License-Identifier: MIT
#include "websocket/mask.h"

#include <doctest/doctest.h>

#include <string>

namespace outrider::websocket {
namespace {

constexpr Mask kMask{0x37, 0xfa, 0x21, 0x3d};

std::string bytes_of(std::size_t count) {
  std::string bytes(count, '\0');
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<char>(i * 37 + 11);
  return bytes;
}

std::string masked_one_by_one(std::string bytes, std::size_t offset) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(static_cast<uint8_t>(bytes[i]) ^ kMask[(offset + i) % 4]);
  }
  return bytes;
}

TEST_CASE("masking gives the same as byte by byte, for all lengths, offsets and places in memory") {
  for (std::size_t place = 0; place < 17; ++place) {
    for (std::size_t length = 0; length < 140; ++length) {
      const std::size_t offset = length + place * 3;
      const std::string plain = bytes_of(length);
      const std::string expected = masked_one_by_one(plain, offset);

      std::string inside(place, '#');
      inside += plain + "#";
      apply_mask({inside.data() + place, length}, kMask, offset);
      CHECK(inside == std::string(place, '#') + expected + "#");

      std::string copy(place + length + 1, '#');
      copy_masked({plain.data(), length}, copy.data() + place, kMask, offset);
      CHECK(copy == inside);
    }
  }
}

TEST_CASE("what comes out is known to be ASCII or not, wherever the byte lies that isn't") {
  for (std::size_t length = 0; length < 100; ++length) {
    const std::string plain(length, 'x');
    std::string masked = masked_one_by_one(plain, 3);
    std::string copy(length, '#');
    CHECK(copy_masked(masked, copy.data(), kMask, 3));
    CHECK(apply_mask(masked, kMask, 3));
    for (std::size_t at = 0; at < length; ++at) {
      std::string other = plain;
      other[at] = '\x80';
      masked = masked_one_by_one(other, 3);
      CHECK_FALSE(copy_masked(masked, copy.data(), kMask, 3));
      CHECK_FALSE(apply_mask(masked, kMask, 3));
    }
  }
}

TEST_CASE("the example of RFC 6455 §5.7 is unmasked") {
  std::string hello = "\x7f\x9f\x4d\x51\x58";
  apply_mask(hello, kMask, 0);
  CHECK(hello == "Hello");
}

TEST_CASE("a mask goes on where the last piece ended, beyond 32 bits, too") {
  const std::string plain = bytes_of(100);
  for (std::size_t split = 0; split <= plain.size(); ++split) {
    std::string pieces = plain;
    const uint64_t begin = (uint64_t{1} << 33) + 1;
    apply_mask(std::span(pieces).first(split), kMask, begin);
    apply_mask(std::span(pieces).subspan(split), kMask, begin + split);
    CHECK(pieces == masked_one_by_one(plain, 1));
  }
}

}  // namespace
}  // namespace outrider::websocket
