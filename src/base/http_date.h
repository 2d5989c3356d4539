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
  /// The current date; valid until the next call.
  std::string_view now() {
    const std::time_t time = std::time(nullptr);
    if (time != formatted_) {
      format_http_date(time, text_);
      formatted_ = time;
    }
    return {text_, sizeof text_};
  }

 private:
  std::time_t formatted_ = -1;
  char text_[29] = {};
};

}  // namespace outrider
