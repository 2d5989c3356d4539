// SPDX-License-Identifier: MIT
// Cases whose name begins with "[threads]" are run under the thread sanitizer as well.
#include "loop/mailbox.h"

#include <doctest/doctest.h>

#include <atomic>
#include <barrier>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "loop/loop.h"

namespace outrider::loop {
namespace {

constexpr int kThreads = 4;
constexpr int kPosts = 2000;

TEST_CASE("messages run on the loop's thread in the order of their posts") {
  Loop loop;
  std::string order;
  for (const char letter : {'a', 'b', 'c'}) CHECK(loop.mailbox().post([&order, letter] { order += letter; }));
  CHECK(loop.mailbox().post([&loop, &order] {
    order += 'd';
    loop.mailbox().post([&order] { order += 'e'; });
  }));
  CHECK(order.empty());
  for (int i = 0; i < 3; ++i) loop.pass();
  CHECK(order == "abcde");
}

TEST_CASE("what was posted before the close runs at the latest inside of it, what comes later is refused") {
  Loop loop;
  int ran = 0;
  CHECK(loop.mailbox().post([&] {
    ++ran;
    // Posted by a message that runs inside of the close.
    CHECK(loop.mailbox().post([&] { ++ran; }));
  }));
  loop.mailbox().close();
  CHECK(ran == 2);
  CHECK(!loop.mailbox().post([&] { ++ran; }));
  loop.mailbox().close();
  loop.pass();
  CHECK(ran == 2);
}

TEST_CASE("a message that is refused is destroyed, and one that ran as well") {
  const auto token = std::make_shared<int>(0);
  {
    Loop loop;
    loop.mailbox().post([token] {});
    loop.pass();
    CHECK(token.use_count() == 1);
    loop.mailbox().close();
    CHECK(!loop.mailbox().post([token] {}));
  }
  CHECK(token.use_count() == 1);
}

TEST_CASE("[threads] each post of many threads runs once, in its thread's order") {
  Loop loop;
  std::vector<int> seen(kThreads, 0);
  bool is_in_order = true;
  int left = kThreads * kPosts;
  std::barrier start(kThreads + 1);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      start.arrive_and_wait();
      for (int i = 0; i < kPosts; ++i) {
        loop.mailbox().post([&, thread, i] {
          is_in_order = is_in_order && seen[static_cast<std::size_t>(thread)]++ == i;
          if (--left == 0) loop.stop();
        });
      }
    });
  }
  start.arrive_and_wait();
  loop.run();
  for (std::thread& thread : threads) thread.join();
  CHECK(left == 0);
  CHECK(is_in_order);
}

TEST_CASE("[threads] while the loop ends, each post either runs or is refused") {
  for (int round = 0; round < 20; ++round) {
    Loop loop;
    std::atomic<int> accepted = 0;
    int ran = 0;  // on the loop's thread alone
    std::barrier start(kThreads + 1);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&] {
        start.arrive_and_wait();
        // Yielding, as the mutex may otherwise keep the loop out for long on a busy machine.
        while (loop.mailbox().post([&] { ++ran; })) {
          ++accepted;
          std::this_thread::yield();
        }
      });
    }
    start.arrive_and_wait();
    for (int i = 0; i < 20; ++i) loop.pass();
    loop.mailbox().close();
    for (std::thread& thread : threads) thread.join();
    CHECK(ran == accepted);
  }
}

TEST_CASE("[threads] a loop on its own thread is started, used and ended by another") {
  for (int round = 0; round < 50; ++round) {
    std::optional<Loop> loop(std::in_place);
    std::atomic<int> ran = 0;
    std::thread runner([&] { loop->run(); });
    for (int i = 0; i < 10; ++i) REQUIRE(loop->mailbox().post([&] { ++ran; }));
    REQUIRE(loop->mailbox().post([&] { loop->stop(); }));
    runner.join();
    CHECK(ran == 10);
    loop.reset();
  }
}

}  // namespace
}  // namespace outrider::loop
