// SPDX-License-Identifier: MIT
#include "base/http_date.h"

#include <cstring>

namespace outrider {
namespace {

void two_digits(int number, char* to) {
  to[0] = static_cast<char>('0' + number / 10);
  to[1] = static_cast<char>('0' + number % 10);
}

}  // namespace

// Not strftime(): its names follow the program's locale.
void format_http_date(std::time_t time, char* to) {
  static constexpr char kDays[] = "SunMonTueWedThuFriSat";
  static constexpr char kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  std::tm utc{};
  gmtime_r(&time, &utc);
  std::memcpy(to, "Day, 00 Mon 0000 00:00:00 GMT", 29);
  std::memcpy(to, kDays + 3 * utc.tm_wday, 3);
  two_digits(utc.tm_mday, to + 5);
  std::memcpy(to + 8, kMonths + 3 * utc.tm_mon, 3);
  two_digits((utc.tm_year + 1900) / 100, to + 12);
  two_digits((utc.tm_year + 1900) % 100, to + 14);
  two_digits(utc.tm_hour, to + 17);
  two_digits(utc.tm_min, to + 20);
  two_digits(utc.tm_sec, to + 23);
}

}  // namespace outrider
