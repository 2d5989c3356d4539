// SPDX-License-Identifier: MIT
#pragma once

// How fast a request's body comes while the application waits for it: judged window by window, and only the waiting
// counts, so that a slow application doesn't make a slow peer. No clock: who asks says what time it is.
// Tested by http1/body_pace_test.cpp.

#include <cstddef>
#include <cstdint>

#include "outrider/limits.h"

namespace outrider::http1 {

class BodyPace {
 public:
  explicit BodyPace(const Limits& limits)
      : window_ms_(static_cast<uint64_t>(limits.body_timeout.count())), rate_(limits.body_rate_min) {}

  void reset() {
    begin_window();
    is_waiting_ = false;
  }
  /// The application waits for more from now on.
  void wait(uint64_t now_ms) {
    if (!is_waiting_) since_ms_ = now_ms;
    is_waiting_ = true;
  }
  /// It doesn't any more.
  void pause(uint64_t now_ms) {
    if (is_waiting_) waited_ms_ += now_ms - since_ms_;
    is_waiting_ = false;
  }
  void add(std::size_t bytes) { bytes_ += bytes; }

  /// How long the application may wait until is_too_slow() is to be asked; 0: for ever. At least 1 while waiting.
  uint64_t left_ms(uint64_t now_ms) const {
    if (!is_waiting_ || window_ms_ == 0) return 0;
    const uint64_t waited = waited_ms_ + (now_ms - since_ms_);
    return waited < window_ms_ ? window_ms_ - waited : 1;
  }
  /// Less came than had to, in a window that is over. Otherwise the next window begins.
  bool is_too_slow(uint64_t now_ms) {
    const uint64_t waited = waited_ms_ + (is_waiting_ ? now_ms - since_ms_ : 0);
    if (waited < window_ms_) return false;
    const uint64_t least = rate_ * window_ms_ / 1000;
    if (bytes_ < least || bytes_ == 0) return true;
    begin_window();
    since_ms_ = now_ms;
    return false;
  }

 private:
  void begin_window() { waited_ms_ = bytes_ = 0; }

  uint64_t window_ms_;
  uint64_t rate_;  // bytes per second
  uint64_t since_ms_ = 0;
  uint64_t waited_ms_ = 0;  // in this window, before since_ms_
  uint64_t bytes_ = 0;      // in this window
  bool is_waiting_ = false;
};

}  // namespace outrider::http1
