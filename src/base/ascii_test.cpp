// SPDX-License-Identifier: MIT
#include "base/ascii.h"

#include <doctest/doctest.h>

#include <string>

#include "base/result.h"

namespace outrider {
namespace {

std::string elements(std::string_view list) {
  std::string text;
  ascii::for_each_element(list, [&](std::string_view element) { text.append("<").append(element).append(">"); });
  return text;
}

TEST_CASE("a comma-separated list is its elements, without the empty ones") {
  CHECK(elements("") == "");
  CHECK(elements(" ,\t, ") == "");
  CHECK(elements("a") == "<a>");
  CHECK(elements(" a b ,c,\td\t") == "<a b><c><d>");
  CHECK(elements(",a,") == "<a>");
}

TEST_CASE("case is ignored for ASCII letters alone") {
  CHECK(ascii::equals_ignore_case("Host-1", "hOST-1"));
  CHECK(!ascii::equals_ignore_case("host", "hosts"));
  CHECK(!ascii::equals_ignore_case("@", "`"));
  CHECK(!ascii::equals_ignore_case("\xc4", "\xe4"));
}

TEST_CASE("hexadecimal digits have their values, all else has none") {
  const std::string_view digits = "0123456789abcdef";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const std::size_t place = byte < 0x80 ? digits.find(ascii::to_lower(c)) : std::string_view::npos;
    CHECK(ascii::hex_value(c) == (place == std::string_view::npos ? -1 : static_cast<int>(place)));
  }
}

TEST_CASE("whitespace is taken off both ends") {
  CHECK(ascii::trim(" \t a b\t ") == "a b");
  CHECK(ascii::trim(" \t ") == "");
  CHECK(ascii::trim("\na\r") == "\na\r");
}

TEST_CASE("a result is a value or an error") {
  using Number = Result<int, std::string>;
  const Number good(1);
  const Number bad(std::string("no"));
  CHECK(good);
  CHECK(good.value() == 1);
  CHECK(!bad);
  CHECK(bad.error() == "no");
}

}  // namespace
}  // namespace outrider
