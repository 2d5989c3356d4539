// SPDX-License-Identifier: MIT
#include "loop/timer.h"

#include <algorithm>
#include <utility>

#include "loop/loop.h"

namespace outrider::loop {

Timer::Timer(Loop& loop, std::function<void()> callback) : loop_(loop), callback_(std::move(callback)) {
  uv_timer_init(loop.raw(), handle_.get());
  handle_.opened(this);
}

void Timer::start(std::chrono::milliseconds delay) {
  // Outside of a pass libuv's clock may be as old as the last one; now_ms() refreshes it.
  loop_.now_ms();
  uv_timer_start(handle_.get(), &Timer::fired_cb, static_cast<uint64_t>(std::max<int64_t>(0, delay.count())), 0);
  loop_.need_pass();  // a host must learn of the new time-out
}

void Timer::stop() { uv_timer_stop(handle_.get()); }

bool Timer::is_running() const { return uv_is_active(handle_.base()) != 0; }

void Timer::fired_cb(uv_timer_t* handle) {
  if (handle->data != nullptr) static_cast<Timer*>(handle->data)->callback_();
}

}  // namespace outrider::loop
