// SPDX-License-Identifier: MIT
#pragma once

// Takes the requests of one loop to an App's handlers, and keeps the handlers that are under way.
//
// Thread: loop only.

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "app/handler_run.h"
#include "app/offload_pool.h"
#include "app/router.h"
#include "base/list.h"
#include "loop/loop.h"
#include "outrider/config.h"
#include "server/hosted_application.h"

namespace outrider::app {

/// What the dispatchers of one server share: immutable, but for the pool. Thread: any.
struct Site {
  Site(std::shared_ptr<const Router> router, std::function<void(LogLevel, std::string_view)> log,
       std::function<void(const HandlerError&)> on_error, int offload_threads);

  std::shared_ptr<const Router> router;  // shared with nobody who changes it; several servers may have it
  std::function<void(LogLevel, std::string_view)> log;
  std::function<void(const HandlerError&)> on_error;
  OffloadPool offload_pool;
  std::string request_id_field;  // in lower case; empty: requests have no id

  /// Tells `on_error`, or else the log. Doesn't throw.
  void report(const HandlerError& error) const noexcept;
};

struct OffloadTicket;

class Dispatcher final : public server::HostedApplication {
 public:
  using RequestStop = server::ApplicationSource::RequestStop;

  /// `loop` and `site` must outlive the dispatcher.
  Dispatcher(loop::Loop& loop, Site& site, RequestStop request_stop);
  /// Destroys what still runs; end() first, to end in order.
  ~Dispatcher() override;

  // http::Application
  void on_request(http::Exchange& exchange) override;
  // server::HostedApplication
  void end(std::function<void()> done) override;

  // For the handlers' runs.
  loop::Loop& loop() { return loop_; }
  Site& site() { return site_; }
  const RequestStop& request_stop() const { return request_stop_; }
  /// Coroutines that suspend now are to be destroyed.
  bool is_ending() const { return has_ended_runs_; }
  /// The run is over.
  void release(HandlerRun& run);
  /// Runs the function in the pool; then, on the loop, tells the wait that it is over.
  void offload(detail::OffloadBase& job);

  std::size_t run_count() const { return run_count_; }

 private:
  void on_offloaded(OffloadTicket& ticket);
  void end_runs();
  void check_end();

  loop::Loop& loop_;
  Site& site_;
  RequestStop request_stop_;
  std::shared_ptr<Dispatcher*> self_;  // shared with messages of the pool; points to null once this is gone
  List<HandlerRun, HandlerRunTag> runs_;
  std::vector<std::unique_ptr<HandlerRun>> spare_;
  std::size_t run_count_ = 0;
  std::size_t offload_count_ = 0;  // functions that the pool has, or whose end it is about to tell
  loop::Deferred end_runs_;
  std::function<void()> done_;
  bool is_ending_ = false;
  bool has_ended_runs_ = false;
};

}  // namespace outrider::app
