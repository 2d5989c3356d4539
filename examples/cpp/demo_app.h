// SPDX-License-Identifier: MIT
#pragma once

// The demo's application: a page about the program beside it, a JSON API, a stream of ticks and a WebSocket. The page
// is the one of the Python demo; what it asks for is answered here.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include <outrider/outrider.h>

namespace demo {

/// The work of the main program: it looks for primes and never waits for anybody.
/// Thread: step() is the main thread's; what it counts may be read by any.
class Program {
 public:
  using Clock = std::chrono::steady_clock;

  void step();

  std::atomic<int64_t> numbers{0};
  std::atomic<int64_t> primes{0};
  std::atomic<int64_t> latest_prime{0};
  std::atomic<double> largest_gap_ms{0};  // between the ends of two steps

 private:
  Clock::time_point last_step_{};
};

/// What the server has answered. Thread: any.
class Journal {
 public:
  void note(std::string_view method, std::string_view target, int status, double ms);
  int64_t answered() const;
  /// The entries after the one of that number, as a JSON array.
  std::string since(int64_t number) const;

  std::atomic<int> streams{0};

 private:
  struct Line {
    int64_t number;
    std::string json;
  };
  mutable std::mutex mutex_;
  int64_t answered_ = 0;
  std::deque<Line> lines_;
};

/// What is packed. Thread: any.
class Kit {
 public:
  std::string all() const;
  std::string one(int id, const std::string& q) const;
  std::string add(const std::string& name);
  static constexpr int kFirstItems = 5;

 private:
  mutable std::mutex mutex_;
  std::map<int, std::string> items_{
      {1, "lantern"}, {2, "compass"}, {3, "map of the pass"}, {4, "canteen"}, {5, "rope"}};
  int next_id_ = kFirstItems + 1;
};

/// All three must outlive the servers of the app.
outrider::App make_app(Program& program, Journal& journal, Kit& kit);

}  // namespace demo
