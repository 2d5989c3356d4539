// SPDX-License-Identifier: MIT
#pragma once

// An App served in memory on the test's own thread. Like harness.h, but with an App in the place of the recording
// application. A template for the same reason: Engine is server::Engine, Dispatcher app::Dispatcher, Site app::Site.
//
// Thread: the test's.

#include <poll.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "loop/loop.h"
#include "outrider/app.h"
#include "outrider/config.h"
#include "testing/memory_stream.h"

namespace outrider::testing {

template <class Engine, class Dispatcher, class Site>
class AppHarness {
 public:
  explicit AppHarness(const App& app, const Limits& limits = {}, int offload_threads = 2)
      : site_(
            app.snapshot(), {}, [this](const HandlerError& error) { errors_.push_back(error.message()); },
            offload_threads),
        dispatcher_(std::make_unique<Dispatcher>(loop_, site_, [this](const StopPolicy&) { ++stops_requested_; })),
        engine_(std::make_unique<Engine>(loop_, limits, *dispatcher_)) {
    engine_->service().sends_date = false;
    engine_->service().set_server({});
  }

  loop::Loop& loop() { return loop_; }
  Engine& engine() { return *engine_; }
  Dispatcher& dispatcher() { return *dispatcher_; }
  /// What handlers let out: "GET /x: what()".
  const std::vector<std::string>& errors() const { return errors_; }
  int stops_requested() const { return stops_requested_; }

  MemoryClient& connect() {
    clients_.push_back(std::make_unique<MemoryClient>(loop_));
    engine_->serve(clients_.back()->take_stream());
    return *clients_.back();
  }
  /// Sends to a new connection, and returns what came when nothing more happens.
  std::string exchange(std::string_view bytes) {
    MemoryClient& client = connect();
    client.send(bytes);
    settle();
    return client.received();
  }
  std::string get(const std::string& path) { return exchange(request("GET", path)); }

  static std::string request(const std::string& method, const std::string& path, const std::string& fields = {}) {
    return method + " " + path + " HTTP/1.1\r\nhost: a\r\n" + fields + "\r\n";
  }

  void settle() {
    int quiet = 0;
    while (quiet < 3) quiet = loop_.pass().count() == 0 || has_work() ? 0 : quiet + 1;
  }
  /// Runs passes until `is_there()`; false when that takes longer than ten seconds.
  template <class Condition>
  bool run_until(Condition is_there) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!is_there()) {
      if (std::chrono::steady_clock::now() > end) return false;
      const auto next = loop_.pass().count();
      pollfd entry{loop_.backend_fd(), POLLIN, 0};
      if (next != 0 && !is_there()) ::poll(&entry, 1, next < 0 || next > kLookMs ? kLookMs : static_cast<int>(next));
    }
    return true;
  }
  /// Ends as a server does: the engine is drained, then the handlers that are left. False: something doesn't end.
  bool stop(const StopPolicy& policy = StopPolicy::immediate()) {
    begin_stop(policy);
    return finish_stop();
  }
  void begin_stop(const StopPolicy& policy) {
    engine_->drain(policy, [this](const StopReport& report) {
      report_ = report;
      dispatcher_->end([this] { has_ended_ = true; });
    });
  }
  bool finish_stop() {
    return run_until([this] { return has_ended_; });
  }
  const StopReport& report() const { return report_; }

 private:
  // How often a condition is looked at that another thread makes true.
  static constexpr int kLookMs = 20;

  bool has_work() {
    pollfd entry{loop_.backend_fd(), POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1;
  }

  loop::Loop loop_;
  std::vector<std::string> errors_;
  int stops_requested_ = 0;
  Site site_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<Engine> engine_;
  std::vector<std::unique_ptr<MemoryClient>> clients_;
  StopReport report_;
  bool has_ended_ = false;
};

}  // namespace outrider::testing
