// SPDX-License-Identifier: MIT
#pragma once

// A one-shot timer. Restarting moves it, stopping or destroying it means that the callback won't run.
//
// Thread: loop only.

#include <uv.h>

#include <chrono>
#include <functional>

#include "loop/handle.h"

namespace outrider::loop {

class Loop;

class Timer {
 public:
  Timer(Loop& loop, std::function<void()> callback);

  void start(std::chrono::milliseconds delay);
  void stop();
  bool is_running() const;

 private:
  static void fired_cb(uv_timer_t* handle);

  Loop& loop_;
  std::function<void()> callback_;
  Handle<uv_timer_t> handle_;
};

}  // namespace outrider::loop
