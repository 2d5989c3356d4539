// SPDX-License-Identifier: MIT
#include "server/access_text.h"

#include <doctest/doctest.h>

#include <string>

namespace outrider::server {
namespace {

std::string escaped(std::string_view text) {
  Buffer out;
  append_escaped(text, out);
  return std::string(out.view());
}

std::string json(std::string_view text) {
  Buffer out;
  append_json(text, out);
  return std::string(out.view());
}

TEST_CASE("text in a line is printable ASCII, and no quote ends it") {
  CHECK(escaped("") == "");
  CHECK(escaped("Mozilla/5.0 (X11; Linux x86_64)") == "Mozilla/5.0 (X11; Linux x86_64)");
  CHECK(escaped("a\"b\\c") == "a\\\"b\\\\c");
  CHECK(escaped("a\r\nb\tc") == "a\\x0d\\x0ab\\x09c");
  CHECK(escaped(std::string_view("\0\x1b[31m\x7f", 7)) == "\\x00\\x1b[31m\\x7f");
  CHECK(escaped("\xc3\xa9\xff") == "\\xc3\\xa9\\xff");
  for (int byte = 0; byte < 256; ++byte) {
    for (const char c : escaped(std::string(1, static_cast<char>(byte)))) CHECK((c >= 0x20 && c < 0x7f));
  }
}

TEST_CASE("a JSON string is valid and ASCII whatever the bytes are") {
  CHECK(json("plain") == "plain");
  CHECK(json("a\"b\\c/d") == "a\\\"b\\\\c/d");
  CHECK(json("\r\n\t\x1f\x7f") == "\\u000d\\u000a\\u0009\\u001f\\u007f");
  CHECK(json("\xc3\xa9") == "\\u00e9");
  CHECK(json("\xe2\x80\xa8\xe2\x82\xac") == "\\u2028\\u20ac");
  CHECK(json("\xf0\x9f\x98\x80") == "\\ud83d\\ude00");
  CHECK(json("\xf4\x8f\xbf\xbf") == "\\udbff\\udfff");
}

TEST_CASE("each byte that isn't UTF-8 is one replacement character in JSON") {
  CHECK(json("a\xff") == "a\\ufffd");
  CHECK(json("\x80z") == "\\ufffdz");
  CHECK(json("\xc3") == "\\ufffd");                                   // cut short
  CHECK(json("\xe2\x82") == "\\ufffd\\ufffd");                        // cut short
  CHECK(json("\xc0\xaf") == "\\ufffd\\ufffd");                        // overlong
  CHECK(json("\xe0\x80\xaf") == "\\ufffd\\ufffd\\ufffd");             // overlong
  CHECK(json("\xf0\x80\x80\xaf") == "\\ufffd\\ufffd\\ufffd\\ufffd");  // overlong
  CHECK(json("\xed\xa0\x80") == "\\ufffd\\ufffd\\ufffd");             // a surrogate
  CHECK(json("\xf4\x90\x80\x80") == "\\ufffd\\ufffd\\ufffd\\ufffd");  // above U+10FFFF
  CHECK(json("\xc3\"") == "\\ufffd\\\"");                             // the quote isn't swallowed
  CHECK(json(std::string_view("\xe2\x82\n\xac", 4)) == "\\ufffd\\ufffd\\u000a\\ufffd");
}

TEST_CASE("times are in UTC and English") {
  CHECK(common_time(784111777) == "06/Nov/1994:08:49:37 +0000");
  CHECK(common_time(951782400) == "29/Feb/2000:00:00:00 +0000");
  CHECK(rfc3339_time(784111777) == "1994-11-06T08:49:37");
  CHECK(rfc3339_time(0) == "1970-01-01T00:00:00");
  CHECK(formatted_time(784111777, "%Y week %V") == "1994 week 44");
}

TEST_CASE("numbers") {
  Buffer out;
  append_number(0, out);
  out.append(' ');
  append_number(18446744073709551615U, out);
  out.append(' ');
  append_padded(42, 6, out);
  CHECK(out.view() == "0 18446744073709551615 000042");
}

}  // namespace
}  // namespace outrider::server
