// SPDX-License-Identifier: MIT
#pragma once

// The Date field's value (RFC 9110 §5.6.7), formatted once a second.

#include <ctime>
#include <string_view>

namespace outrider {

/// "Sun, 06 Nov 1994 08:49:37 GMT"; exactly 29 bytes written to `to`.
void format_http_date(std::time_t time, char* to);

class HttpDate {
 public:
  /// Whether the second has changed since the last call; now() is then to be read again.
  bool changed() {
    const std::time_t time = std::time(nullptr);
    if (time == formatted_) return false;
    format_http_date(time, text_);
    formatted_ = time;
    return true;
  }
  /// The date as of the last call of changed().
  std::string_view now() const { return {text_, sizeof text_}; }

 private:
  std::time_t formatted_ = -1;
  char text_[29] = {};
};

}  // namespace outrider
