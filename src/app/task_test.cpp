// SPDX-License-Identifier: MIT
#include "outrider/task.h"

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace outrider {
namespace {

// Runs a task that never waits for anything outside.
template <class T>
T run(Task<T> task) {
  bool is_done = false;
  const auto coroutine = task.release();
  coroutine.promise().set_owner([](void* flag) noexcept { *static_cast<bool*>(flag) = true; }, &is_done);
  coroutine.resume();
  REQUIRE(is_done);
  struct Destroy {
    typename Task<T>::Handle coroutine;
    ~Destroy() { coroutine.destroy(); }
  } destroy{coroutine};
  return coroutine.promise().take();
}

Task<int> number(int value) { co_return value; }
Task<int> sum(int count) {
  int total = 0;
  for (int i = 0; i < count; ++i) total += co_await number(i);
  co_return total;
}
Task<int> deep(int depth) {
  if (depth == 0) co_return 0;
  co_return 1 + co_await deep(depth - 1);
}
Task<int> throwing() {
  throw std::runtime_error("thrown");
  co_return 0;
}
Task<std::string> catching() {
  try {
    co_await throwing();
  } catch (const std::runtime_error& error) {
    co_return error.what();
  }
  co_return "";
}

TEST_CASE("a task gives its value to the one that awaits it") {
  CHECK(run(number(3)) == 3);
  CHECK(run(sum(100)) == 4950);
  CHECK(run(deep(200)) == 200);
}

TEST_CASE("an exception comes out of the co_await") {
  CHECK(run(catching()) == "thrown");
  CHECK_THROWS_WITH_AS(run(throwing()), "thrown", std::runtime_error);
}

TEST_CASE("a task is lazy, and one that is never awaited is destroyed with its arguments") {
  auto witness = std::make_shared<bool>(false);
  const auto function = [](std::shared_ptr<bool> ran) -> Task<void> {
    *ran = true;
    co_return;
  };
  {
    Task<void> task = function(witness);
    CHECK(witness.use_count() == 2);
    const Task<void> moved = std::move(task);
    CHECK(witness.use_count() == 2);
  }
  CHECK(witness.use_count() == 1);
  CHECK(!*witness);
}

TEST_CASE("a task carries a value that can only be moved") {
  const auto function = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); };
  const auto outer = [](Task<std::unique_ptr<int>> inner) -> Task<int> { co_return *co_await std::move(inner); };
  CHECK(run(outer(function())) == 5);
}

TEST_CASE("awaiting a task that has none is an error, not a crash") {
  const auto function = [](Task<int> first) -> Task<int> {
    const int value = co_await first;
    co_return value + co_await first;
  };
  CHECK_THROWS_AS(run(function(number(1))), std::logic_error);
  CHECK_THROWS_AS(run(function(Task<int>())), std::logic_error);
}

// Sanitizers keep every frame on the stack, as unoptimized builds do.
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
TEST_CASE("a loop of tasks that complete at once needs no stack") { CHECK(run(sum(1'000'000)) == 1783293664); }
#endif

TEST_CASE("frames may be freed on another thread than they were allocated on") {
  std::vector<Task<int>> tasks;
  for (int i = 0; i < 1000; ++i) tasks.push_back(number(i));
  std::thread([moved = std::move(tasks)]() mutable { moved.clear(); }).join();
  CHECK(run(sum(1000)) == 499500);
}

}  // namespace
}  // namespace outrider
