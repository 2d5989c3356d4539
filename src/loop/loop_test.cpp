// SPDX-License-Identifier: MIT
#include "loop/loop.h"

#include <doctest/doctest.h>

#include <poll.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "loop/host_lock.h"
#include "loop/mailbox.h"
#include "loop/timer.h"

namespace outrider::loop {
namespace {

struct Work {
  std::function<void()> action;
  Deferred deferred{[](void* self) { static_cast<Work*>(self)->action(); }, this};
};

TEST_CASE("a pass reads, then steps, then flushes, whatever was asked for first") {
  Loop loop;
  std::string order;
  Work flush{[&] { order += "f"; }};
  Work second_step{[&] { order += "2"; }};
  Work step{[&] {
    order += "1";
    loop.defer_step(second_step.deferred);  // still in this step phase
  }};
  Timer read(loop, [&] {
    order += "r";
    loop.defer_flush(flush.deferred);
    loop.defer_step(step.deferred);
    loop.defer_step(step.deferred);  // queued once
  });
  read.start(std::chrono::milliseconds(0));
  loop.pass();
  CHECK(order == "r12f");
}

TEST_CASE("a flush outside of a pass is done at once, a step waits for the next pass and asks for it") {
  Loop loop;
  int asked = 0;
  loop.on_pass_needed([](void* count) { ++*static_cast<int*>(count); }, &asked);
  std::string order;
  Work flush{[&] { order += "f"; }};
  Work step{[&] { order += "s"; }};
  loop.defer_flush(flush.deferred);
  CHECK(order == "f");
  loop.defer_step(step.deferred);
  CHECK(order == "f");
  CHECK(asked == 1);
  loop.pass();
  CHECK(order == "fs");
}

TEST_CASE("no pass is asked for inside of a pass") {
  Loop loop;
  int asked = 0;
  Work inner{[] {}};
  Work step{[&] { loop.defer_step(inner.deferred); }};
  loop.defer_step(step.deferred);
  loop.on_pass_needed([](void* count) { ++*static_cast<int*>(count); }, &asked);
  loop.pass();
  CHECK(asked == 0);
}

TEST_CASE("steps that make each other ready don't hold up the flushes for ever") {
  Loop loop;
  int steps = 0;
  int flushes = 0;
  Work flush{[&] { ++flushes; }};
  Work step;
  step.action = [&] {
    ++steps;
    loop.defer_flush(flush.deferred);
    loop.defer_step(step.deferred);
  };
  loop.defer_step(step.deferred);
  CHECK(loop.pass() == std::chrono::milliseconds(0));  // there is more to do
  CHECK(flushes >= 1);
  const int before = steps;
  CHECK(before < 1000);
  loop.pass();
  CHECK(steps > before);
  step.deferred.unlink();
  CHECK(loop.pass() == std::chrono::milliseconds(-1));
}

TEST_CASE("work that dies is not done") {
  Loop loop;
  int done = 0;
  {
    Work step{[&] { ++done; }};
    loop.defer_step(step.deferred);
  }
  loop.pass();
  CHECK(done == 0);
}

TEST_CASE("a step may destroy another one that waits") {
  Loop loop;
  int done = 0;
  std::optional<Work> victim(std::in_place);
  victim->action = [&] { ++done; };
  Work killer{[&] { victim.reset(); }};
  loop.defer_step(killer.deferred);
  loop.defer_step(victim->deferred);
  loop.pass();
  CHECK(done == 0);
}

TEST_CASE("a pass inside of a pass does nothing") {
  Loop loop;
  int inner = 0;
  Work step{[&] {
    CHECK(loop.is_in_pass());
    CHECK(loop.pass() == std::chrono::milliseconds(-1));
    ++inner;
  }};
  loop.defer_step(step.deferred);
  loop.pass();
  CHECK(inner == 1);
  CHECK(!loop.is_in_pass());
}

TEST_CASE("a pass tells the host how long it may wait") {
  Loop loop;
  CHECK(loop.pass() == std::chrono::milliseconds(-1));
  Timer timer(loop, [] {});
  timer.start(std::chrono::seconds(10));
  const auto delay = loop.pass();
  CHECK(delay > std::chrono::seconds(5));
  CHECK(delay <= std::chrono::seconds(10));
  timer.stop();
  CHECK(loop.pass() == std::chrono::milliseconds(-1));
}

TEST_CASE("a timer runs once, is moved by a new start and held up by a stop") {
  Loop loop;
  int moved = 0;
  int stopped = 0;
  Timer first(loop, [&] { ++moved; });
  Timer second(loop, [&] { ++stopped; });
  first.start(std::chrono::hours(1));
  first.start(std::chrono::milliseconds(0));
  second.start(std::chrono::milliseconds(0));
  second.stop();
  CHECK(first.is_running());
  CHECK(!second.is_running());
  for (int i = 0; i < 3; ++i) loop.pass();
  CHECK(moved == 1);
  CHECK(stopped == 0);
  CHECK(!first.is_running());
}

TEST_CASE("a timer may be destroyed by its own callback") {
  Loop loop;
  std::unique_ptr<Timer> timer;
  int fired = 0;
  timer = std::make_unique<Timer>(loop, [&] {
    ++fired;
    const std::unique_ptr<Timer> dying = std::move(timer);
  });
  timer->start(std::chrono::milliseconds(0));
  loop.pass();
  loop.pass();
  CHECK(fired == 1);
}

TEST_CASE("the descriptor becomes readable when another thread posts") {
  Loop loop;
  loop.pass();
  pollfd entry{loop.backend_fd(), POLLIN, 0};
  CHECK(::poll(&entry, 1, 0) == 0);
  std::thread([&] { loop.mailbox().post([] {}); }).join();
  CHECK(::poll(&entry, 1, 5000) == 1);
  loop.pass();
  CHECK(::poll(&entry, 1, 0) == 0);
}

TEST_CASE("a loop that runs by itself ends at stop()") {
  Loop loop;
  std::string order;
  Work step{[&] {
    order += "s";
    loop.stop();
  }};
  loop.mailbox().post([&] {
    order += "m";
    loop.defer_step(step.deferred);
  });
  loop.run();
  CHECK(order == "ms");
  loop.mailbox().post([&] { loop.stop(); });
  loop.run();  // and may run again
}

TEST_CASE("a clock goes on outside of a pass") {
  Loop loop;
  const uint64_t start = loop.now_ms();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (loop.now_ms() < start + 5 && std::chrono::steady_clock::now() < end) {
  }
  CHECK(loop.now_ms() >= start + 5);
}

TEST_CASE("the host's lock is released for the work that asks for it, and taken again behind it") {
  struct Lock final : HostLock {
    void release() override { log += "release "; }
    void acquire() override { log += "acquire "; }
    std::string log;
  };
  Loop loop;
  { const Unlocked without_a_host(loop); }
  Lock lock;
  loop.set_host_lock(&lock);
  {
    const Unlocked unlocked(loop);
    lock.log += "work ";
  }
  { const Unlocked not_worth_it(loop, false); }
  CHECK(lock.log == "release work acquire ");
}

}  // namespace
}  // namespace outrider::loop
