// SPDX-License-Identifier: MIT
#include "base/http_date.h"

#include <doctest/doctest.h>

#include <string>

namespace outrider {
namespace {

std::string format(std::time_t time) {
  char text[29];
  format_http_date(time, text);
  return {text, sizeof text};
}

TEST_CASE("dates are formatted as RFC 9110 shows them") {
  CHECK(format(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(format(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(format(951782399) == "Mon, 28 Feb 2000 23:59:59 GMT");
  CHECK(format(951782400) == "Tue, 29 Feb 2000 00:00:00 GMT");
  CHECK(format(253402300799) == "Fri, 31 Dec 9999 23:59:59 GMT");
}

TEST_CASE("each day and month has its English name whatever the program's locale") {
  const char* days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
  for (int day = 0; day < 7; ++day) CHECK(format(day * 86400).substr(0, 3) == days[day]);
  const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  // The 15th of each month of 1970.
  const int starts[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  for (int month = 0; month < 12; ++month) {
    CHECK(format((starts[month] + 14) * 86400).substr(5, 11) == std::string("15 ") + months[month] + " 1970");
  }
}

TEST_CASE("the current date is made again when the second changes") {
  HttpDate date;
  CHECK(date.changed());
  const std::string first(date.now());
  std::time_t now = std::time(nullptr);
  CHECK((first == format(now) || first == format(now - 1)));
  // Within a few calls the second stays the same at least once.
  bool stayed = false;
  for (int i = 0; i < 10; ++i) stayed |= !date.changed();
  CHECK(stayed);
}

}  // namespace
}  // namespace outrider
