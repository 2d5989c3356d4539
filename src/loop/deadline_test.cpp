// SPDX-License-Identifier: MIT
#include "loop/deadline.h"

#include <doctest/doctest.h>

#include <poll.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include "loop/loop.h"

namespace outrider::loop {
namespace {

struct Alarm final : Deadline {
  std::function<void()> action;
  int fired = 0;
  uint64_t fired_at = 0;
  Loop* loop = nullptr;

  explicit Alarm(Loop& on) : loop(&on) {}
  void on_deadline() override {
    ++fired;
    fired_at = loop->now_ms();
    if (action) action();
  }
};

// Waits on the loop's descriptor as a host does.
template <class Condition>
bool run_until(Loop& loop, Condition is_there, std::chrono::milliseconds bound = std::chrono::seconds(5)) {
  const auto end = std::chrono::steady_clock::now() + bound;
  while (true) {
    const int64_t next = loop.pass().count();
    if (is_there()) return true;
    if (std::chrono::steady_clock::now() > end) return false;
    pollfd entry{loop.backend_fd(), POLLIN, 0};
    ::poll(&entry, 1, static_cast<int>(next < 0 ? 50 : std::min<int64_t>(next, 50)));
  }
}

TEST_CASE("a deadline passes once, not early, and late by a slot at most") {
  Loop loop;
  DeadlineWheel wheel(loop);
  for (const uint64_t delay : {1U, 124U, 125U, 126U, 300U}) {
    CAPTURE(delay);
    Alarm alarm(loop);
    const uint64_t start = loop.now_ms();
    wheel.set(alarm, delay);
    REQUIRE(run_until(loop, [&] { return alarm.fired > 0; }));
    CHECK(alarm.fired_at >= start + delay);
    CHECK(alarm.fired_at <= start + delay + 125 + 2000);  // and what a busy machine adds
    CHECK(!run_until(
        loop, [&] { return alarm.fired > 1; }, std::chrono::milliseconds(10)));
  }
}

TEST_CASE("a deadline that is cleared, set to none or destroyed doesn't pass") {
  Loop loop;
  DeadlineWheel wheel(loop);
  Alarm last(loop), cleared(loop), none(loop);
  auto destroyed = std::make_unique<Alarm>(loop);
  for (Alarm* alarm : {&cleared, &none, destroyed.get()}) wheel.set(*alarm, 1);
  wheel.set(last, 130);
  wheel.clear(cleared);
  wheel.set(none, 0);
  destroyed.reset();
  CHECK(run_until(loop, [&] { return last.fired == 1; }));
  CHECK(cleared.fired == 0);
  CHECK(none.fired == 0);
}

TEST_CASE("a deadline that is moved passes at its last time, later or earlier") {
  Loop loop;
  DeadlineWheel wheel(loop);
  Alarm later(loop), earlier(loop), again(loop);
  const uint64_t start = loop.now_ms();
  wheel.set(later, 1);
  wheel.set(later, 300);
  wheel.set(earlier, 100'000);
  wheel.set(earlier, 100);
  wheel.set(again, 1);
  wheel.clear(again);
  wheel.set(again, 200);
  CHECK(run_until(loop, [&] { return later.fired == 1 && earlier.fired == 1 && again.fired == 1; }));
  CHECK(later.fired_at >= start + 300);
  CHECK(earlier.fired_at >= start + 100);
  CHECK(earlier.fired_at < later.fired_at);
  CHECK(again.fired_at >= start + 200);
}

TEST_CASE("a deadline may set, clear and destroy others, and itself again") {
  Loop loop;
  DeadlineWheel wheel(loop);
  Alarm setter(loop), cleared(loop), moved(loop), far(loop);
  auto destroyed = std::make_unique<Alarm>(loop);
  setter.action = [&] {
    if (setter.fired > 1) return;
    wheel.clear(cleared);
    destroyed.reset();
    wheel.set(moved, 250);
    wheel.set(setter, 1);
  };
  wheel.set(setter, 1);  // in one slot, the setter first
  for (Alarm* alarm : {&cleared, destroyed.get(), &moved}) wheel.set(*alarm, 1);
  wheel.set(far, 400);
  CHECK(run_until(loop, [&] { return setter.fired == 2 && moved.fired == 1 && far.fired == 1; }));
  CHECK(cleared.fired == 0);
}

TEST_CASE("a far deadline doesn't delay a near one that is set afterwards") {
  Loop loop;
  DeadlineWheel wheel(loop);
  Alarm hour(loop), near(loop);
  wheel.set(hour, 3'600'000);
  wheel.set(near, 1);
  CHECK(run_until(loop, [&] { return near.fired == 1; }));
  CHECK(hour.fired == 0);
  // The wheel asks to be woken by the end of its view, not earlier.
  CHECK(loop.pass() > std::chrono::seconds(25));
}

TEST_CASE("many deadlines pass in the order of their slots") {
  Loop loop;
  DeadlineWheel wheel(loop);
  std::vector<std::unique_ptr<Alarm>> alarms;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < 300; ++i) {
    alarms.push_back(std::make_unique<Alarm>(loop));
    alarms.back()->action = [&order, i] { order.push_back(i % 3); };
    wheel.set(*alarms.back(), 1 + 250 * (i % 3));
  }
  CHECK(run_until(loop, [&] { return order.size() == 300; }));
  CHECK(std::is_sorted(order.begin(), order.end()));
}

}  // namespace
}  // namespace outrider::loop
