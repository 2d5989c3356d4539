// SPDX-License-Identifier: MIT
#include "base/sha1.h"

#include <doctest/doctest.h>

#include <string>

namespace outrider {
namespace {

std::string hex(std::string_view text) {
  std::string digits;
  for (const uint8_t byte : sha1(text)) {
    digits += "0123456789abcdef"[byte >> 4];
    digits += "0123456789abcdef"[byte & 15];
  }
  return digits;
}

TEST_CASE("SHA-1 gives what RFC 3174 says") {
  CHECK(hex("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  CHECK(hex(std::string(1'000'000, 'a')) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
  std::string repeated;
  for (int i = 0; i < 80; ++i) repeated += "01234567";
  CHECK(hex(repeated) == "dea356a2cddd90c7a7ecedc5ebb563934f460452");
  CHECK(hex("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

TEST_CASE("SHA-1 pads right around the ends of blocks") {
  CHECK(hex(std::string(55, 'a')) == "c1c8bbdc22796e28c0e15163d20899b65621d65a");
  CHECK(hex(std::string(56, 'a')) == "c2db330f6083854c99d4b5bfb6e8f29f201be699");
  CHECK(hex(std::string(63, 'a')) == "03f09f5b158a7a8cdad920bddc29b81c18a551f5");
  CHECK(hex(std::string(64, 'a')) == "0098ba824b5c16427bd7a1122a5a442a25ec644d");
  CHECK(hex(std::string(65, 'a')) == "11655326c708d70319be2610e8a57d9a5b959d3b");
}

}  // namespace
}  // namespace outrider
