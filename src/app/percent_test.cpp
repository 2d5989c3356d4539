// SPDX-License-Identifier: MIT
#include "app/percent.h"

#include <doctest/doctest.h>

#include <string>

namespace outrider::app {
namespace {

std::string decoded(std::string_view text, Plus plus = Plus::IsPlus) {
  std::string to;
  append_decoded(text, plus, to);
  return to;
}

TEST_CASE("escapes are decoded once, in either case") {
  CHECK(decoded("a%20b") == "a b");
  CHECK(decoded("%C3%a9t%c3%A9") == "\xc3\xa9t\xc3\xa9");
  CHECK(decoded("%2520") == "%20");
  CHECK(decoded("a%2Fb") == "a/b");
  CHECK(decoded("") == "");
}

TEST_CASE("a percent sign that begins no escape stands for itself") {
  CHECK(decoded("100%") == "100%");
  CHECK(decoded("%4") == "%4");
  CHECK(decoded("%zz%41") == "%zzA");
}

TEST_CASE("a plus is a space in a query only") {
  CHECK(decoded("a+b") == "a+b");
  CHECK(decoded("a+b%2B", Plus::IsSpace) == "a b+");
}

TEST_CASE("an encoding is valid when every percent sign begins an escape of something else than NUL") {
  CHECK(is_valid_encoding("/a%20b%2F"));
  CHECK(is_valid_encoding("/"));
  CHECK(!is_valid_encoding("/%"));
  CHECK(!is_valid_encoding("/%4"));
  CHECK(!is_valid_encoding("/%4g"));
  CHECK(!is_valid_encoding("/a%00b"));
}

TEST_CASE("encoded and plain text are compared without decoding") {
  CHECK(equals_decoded("items", "items"));
  CHECK(equals_decoded("i%74ems", "items"));
  CHECK(equals_decoded("%2f", "/"));
  CHECK(!equals_decoded("item", "items"));
  CHECK(!equals_decoded("items%20", "items"));
  CHECK(!equals_decoded("", "a"));
  CHECK(equals_decoded("", ""));
}

TEST_CASE("a query's values are found by their decoded name") {
  const std::string query = "a=1&b=x%26y&a=2&empty=&flag&c+d=e+f&=nameless";
  CHECK(find_in_query(query, "a") == "1");
  CHECK(find_in_query(query, "b") == "x&y");
  CHECK(find_in_query(query, "empty") == "");
  CHECK(find_in_query(query, "flag") == "");
  CHECK(find_in_query(query, "c d") == "e f");
  CHECK(find_in_query(query, "") == "nameless");
  CHECK(find_in_query(query, "x") == std::nullopt);
  CHECK(find_in_query("", "a") == std::nullopt);
  CHECK(find_in_query("&&a=1", "a") == "1");
  CHECK(find_in_query("&&", "") == std::nullopt);
}

}  // namespace
}  // namespace outrider::app
