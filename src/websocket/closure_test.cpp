// SPDX-License-Identifier: MIT
#include "websocket/closure.h"

#include <doctest/doctest.h>

#include <string>

namespace outrider::websocket {
namespace {

TEST_CASE("the codes of close frames are those of RFC 6455 §7.4 and of the registry") {
  for (int code = -1; code < 70'000; ++code) {
    const bool is_registered = code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
    const bool is_free = code >= 3000 && code < 5000;
    if (is_valid_close_code(code) != (is_registered || is_free)) FAIL_CHECK(code);
  }
}

TEST_CASE("a close frame's payload is read") {
  const auto read = read_closure("\x03\xe9going");
  REQUIRE(read);
  CHECK(read.value().code == 1001);
  CHECK(read.value().reason == "going");
  REQUIRE(read_closure(""));
  CHECK(read_closure("").value().code == 1005);
  CHECK(read_closure("\x03").error() == Fault::CloseTooShort);
  CHECK(read_closure("\x03\xed").error() == Fault::CloseCodeInvalid);  // 1005
  CHECK(read_closure("\x03\xe8\xff").error() == Fault::CloseReasonNotUtf8);
  CHECK(read_closure("\x03\xe8\xc3").error() == Fault::CloseReasonNotUtf8);  // cut short
}

TEST_CASE("a close frame's payload is written") {
  CHECK(close_payload(1000, "bye") ==
        "\x03\xe8"
        "bye");
  CHECK(close_payload(4999, "") == "\x13\x87");
  CHECK(close_payload(1005, "").empty());
}

TEST_CASE("every fault has a code, and a sentence that fits into a close frame") {
  for (int i = 0; i <= static_cast<int>(Fault::CloseReasonNotUtf8); ++i) {
    const auto fault = static_cast<Fault>(i);
    CHECK(is_valid_close_code(close_code(fault)));
    CHECK_FALSE(sentence(fault).empty());
    CHECK(sentence(fault).size() <= kReasonBytesMax);
  }
}

}  // namespace
}  // namespace outrider::websocket
