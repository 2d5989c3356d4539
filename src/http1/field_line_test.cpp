// SPDX-License-Identifier: MIT
#include "http1/field_line.h"

#include <doctest/doctest.h>

#include <string>

#include "base/ascii.h"

namespace outrider::http1 {
namespace {

bool is_allowed(int byte) { return byte == '\t' || (byte >= 0x20 && byte != 0x7f); }

TEST_CASE("each byte is judged the same at every place of a value of every length") {
  // Lengths around one and two steps of 16 bytes; the place runs over all of them.
  for (std::size_t length = 1; length <= 50; ++length) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text(length, 'a');
      for (std::size_t place = 0; place < length; ++place) {
        text[place] = static_cast<char>(byte);
        const std::size_t found = find_invalid_field_byte(text);
        if (found != (is_allowed(byte) ? length : place)) {
          CAPTURE(length);
          CAPTURE(byte);
          CAPTURE(place);
          FAIL_CHECK("found ", found);
        }
        text[place] = 'a';
      }
    }
  }
}

TEST_CASE("the first of several invalid bytes is found") {
  for (std::size_t first = 0; first < 40; ++first) {
    std::string text(40, '\xff');
    for (std::size_t i = first; i < text.size(); ++i) text[i] = '\n';
    CHECK(find_invalid_field_byte(text) == first);
  }
  CHECK(find_invalid_field_byte("") == 0);
}

TEST_CASE("the table of token characters agrees with the grammar") {
  const std::string_view others = "!#$%&'*+-.^_`|~";
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    const char c = static_cast<char>(byte);
    const bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
    const bool is_token = is_letter || (byte >= '0' && byte <= '9') || (byte != 0 && others.find(c) != others.npos);
    CHECK(ascii::is_token(std::string(1, c)) == is_token);
    if (is_token) CHECK(ascii::kTokenLower[static_cast<std::size_t>(byte)] == ascii::to_lower(c));
    CHECK(ascii::is_field_byte(c) == is_allowed(byte));
  }
  CHECK(!ascii::is_token(""));
}

}  // namespace
}  // namespace outrider::http1
