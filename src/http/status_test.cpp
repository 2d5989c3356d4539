// SPDX-License-Identifier: MIT
#include "http/status.h"

#include <doctest/doctest.h>

#include <set>
#include <string_view>

namespace outrider::http {
namespace {

TEST_CASE("registered status codes have their phrases, others none") {
  CHECK(reason_phrase(200) == "OK");
  CHECK(reason_phrase(404) == "Not Found");
  CHECK(reason_phrase(511) == "Network Authentication Required");
  for (const int status : {-1, 0, 99, 104, 299, 306, 418, 420, 430, 510, 600, 999}) {
    CHECK(reason_phrase(status).empty());
  }
  // No phrase stands for two codes, and none could end the line.
  std::set<std::string_view> phrases;
  int count = 0;
  for (int status = 0; status < 1000; ++status) {
    const std::string_view phrase = reason_phrase(status);
    if (phrase.empty()) continue;
    ++count;
    phrases.insert(phrase);
    CHECK(phrase.find_first_of("\r\n") == std::string_view::npos);
  }
  CHECK(phrases.size() == static_cast<std::size_t>(count));
}

TEST_CASE("informational, 204, 205 and 304 responses can't have content") {
  for (int status = 100; status < 600; ++status) {
    CHECK(forbids_content(status) == (status < 200 || status == 204 || status == 205 || status == 304));
  }
}

}  // namespace
}  // namespace outrider::http
