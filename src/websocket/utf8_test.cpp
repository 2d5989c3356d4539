// SPDX-License-Identifier: MIT
#include "websocket/utf8.h"

#include <doctest/doctest.h>

#include <string>

namespace outrider::websocket {
namespace {

// The characters as a number says they are written, without looking at ranges of bytes.
std::string encode(uint32_t point) {
  const auto tail = [point](int shift) { return static_cast<char>(0x80 | ((point >> shift) & 0x3f)); };
  if (point < 0x80) return {static_cast<char>(point)};
  if (point < 0x800) return {static_cast<char>(0xc0 | (point >> 6)), tail(0)};
  if (point < 0x10000) return {static_cast<char>(0xe0 | (point >> 12)), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | (point >> 18)), tail(12), tail(6), tail(0)};
}

// At which byte the validator says no; the length when it never does.
std::size_t fails_at(const std::string& bytes) {
  Utf8Validator validator;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (!validator.feed({bytes.data() + i, 1})) return i;
  }
  return bytes.size();
}

TEST_CASE("every character is UTF-8, and no surrogate nor anything beyond") {
  for (uint32_t point = 0; point < 0x120000; ++point) {
    const bool is_character = point < 0x110000 && (point < 0xd800 || point > 0xdfff);
    if (is_utf8(encode(point)) != is_character) FAIL_CHECK(point);
  }
}

TEST_CASE("all pairs of first bytes are judged as RFC 3629's grammar does") {
  for (int first = 0x80; first < 0x100; ++first) {
    for (int second = 0; second < 0x100; ++second) {
      const auto is_in = [second](int low, int high) { return second >= low && second <= high; };
      bool may_go_on = false;
      if (first >= 0xc2 && first <= 0xdf) may_go_on = is_in(0x80, 0xbf);
      if (first >= 0xe0 && first <= 0xef) may_go_on = is_in(first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf);
      if (first >= 0xf0 && first <= 0xf4) may_go_on = is_in(first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf);
      const std::string pair{static_cast<char>(first), static_cast<char>(second)};
      CHECK(Utf8Validator().feed(pair) == may_go_on);
    }
  }
}

TEST_CASE("what can't become UTF-8 is known at its first such byte") {
  CHECK(fails_at("\xce\xba\xe1\xbd\xb9\xf4\x90") == 6);  // beyond U+10FFFF with the second byte
  CHECK(fails_at("ab\xc0") == 2);                        // overlong with the first
  CHECK(fails_at("\xe0\x9f") == 1);
  CHECK(fails_at("\xf0\x8f") == 1);
  CHECK(fails_at("\xed\xa0") == 1);
  CHECK(fails_at("\xf5") == 0);
  CHECK(fails_at("\x80") == 0);
  CHECK(fails_at("\xe2\x82(") == 2);
}

TEST_CASE("a text is complete only between characters, at every split") {
  const std::string text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x80z" + std::string(70, 'x') + "\xc3\xa9";
  for (std::size_t split = 0; split <= text.size(); ++split) {
    Utf8Validator validator;
    CHECK(validator.feed(text.substr(0, split)));
    const bool is_between = split == text.size() || (static_cast<uint8_t>(text[split]) & 0xc0) != 0x80;
    CHECK(validator.is_complete() == is_between);
    CHECK(validator.feed(text.substr(split)));
    CHECK(validator.is_complete());
  }
}

TEST_CASE("a text is ASCII until a byte isn't, and from then on not") {
  Utf8Validator validator;
  CHECK(validator.is_ascii());
  CHECK(validator.feed(std::string(100, 'x')));
  CHECK(validator.is_ascii());
  CHECK(validator.feed("\xc3"));
  CHECK_FALSE(validator.is_ascii());
  CHECK(validator.feed("\xa9 and more"));
  CHECK_FALSE(validator.is_ascii());
  validator.reset();
  CHECK(validator.is_ascii());
}

TEST_CASE("a bad byte is found wherever it lies in a long run of ASCII") {
  for (std::size_t at = 0; at < 100; ++at) {
    std::string text(100, 'x');
    CHECK(is_utf8(text));
    text[at] = '\xff';
    CHECK_FALSE(is_utf8(text));
  }
}

}  // namespace
}  // namespace outrider::websocket
