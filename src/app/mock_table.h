// SPDX-License-Identifier: MIT
#pragma once

// What a testing::Mock answers with, and what it was asked for: one table that tests write and read while the
// server's threads do.
//
// Thread: any.

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/router.h"
#include "outrider/testing.h"

namespace outrider::app {

/// What a route answers. In the router it takes the place of a handler, but isn't called.
struct MockRoute final : detail::Handler {
  void handle(detail::Call& call) override { call.answer_not_found(); }
  std::size_t parameter_count() const override { return 0; }

  std::vector<testing::Answer> answers;
  std::size_t next = 0;
  std::shared_ptr<testing::Mock::Function> function;  // instead of answers
};

/// Whether requests are of a method and of a pattern, be it a route's or not.
class MockFilter {
 public:
  /// Throws std::invalid_argument: see App::get().
  MockFilter(std::string_view method, std::string_view pattern);
  bool operator()(const testing::MockRequest& request) const;
  const std::string& method() const { return method_; }
  const std::string& pattern() const { return pattern_; }

 private:
  std::string method_;
  std::string pattern_;
  Router router_;
};

/// An answer, or what makes it.
struct MockChoice {
  testing::Answer answer;
  std::shared_ptr<testing::Mock::Function> function;  // null for none
};

class MockTable {
 public:
  explicit MockTable(const testing::MockLimits& limits) : limits_(limits) {}

  const testing::MockLimits& limits() const { return limits_; }
  /// Throws std::invalid_argument: see App::get(). What it had for the same method and pattern is replaced.
  void set_route(std::string_view method, std::string_view pattern, const MockRoute& content);
  /// Writes the request down, its route with it, and takes what it is answered with from there.
  MockChoice choose(testing::MockRequest& request);
  /// Writes one down that isn't answered from its route.
  void add_incomplete(testing::MockRequest request);
  /// A line for unexpected().
  void add_trouble(std::string line);
  void forget();
  void forget_routes();

  std::vector<testing::MockRequest> requests() const;
  std::vector<testing::MockRequest> requests(const MockFilter& filter) const;
  std::size_t count(const MockFilter& filter) const;
  /// The one with the number `times`; throws MockFailure after `timeout`.
  testing::MockRequest wait_for(const MockFilter& filter, std::chrono::milliseconds timeout, std::size_t times) const;
  std::string unexpected() const;
  std::string describe(std::string_view method, std::string_view pattern) const;

 private:
  // What unexpected() lists at most.
  static constexpr std::size_t kTroubleMax = 100;

  // With the lock held.
  MockRoute* find_route(testing::MockRequest& request) const;
  void add(const testing::MockRequest& request);
  void add_trouble_locked(std::string line);
  std::vector<std::string> route_names() const;
  std::vector<testing::MockRequest> select(const MockFilter& filter) const;
  std::string describe_locked(std::string_view method, std::string_view pattern) const;

  const testing::MockLimits limits_;
  mutable std::mutex mutex_;  // guards all that follows
  mutable std::condition_variable recorded_;
  Router router_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<MockRoute>> routes_;  // by method and pattern
  std::deque<testing::MockRequest> requests_;
  std::size_t bytes_ = 0;      // of requests_
  std::size_t forgotten_ = 0;  // for want of room
  std::vector<std::string> trouble_;
  std::size_t trouble_untold_ = 0;
};

}  // namespace outrider::app
