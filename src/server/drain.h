// SPDX-License-Identifier: MIT
#pragma once

// The stages of a stop, after the listeners closed (outrider/stop.h): grace, disconnect, cancel, abort. Each ends
// when its deadline passes; all end when no connection is busy. The same stages end the exchanges of one application
// while the connections go on with another.
//
// Thread: loop only.

#include <chrono>
#include <functional>
#include <vector>

#include "http/served_connection.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "outrider/stop.h"

namespace outrider::server {

class Engine;

class Drain {
 public:
  using Done = std::function<void(const StopReport&)>;

  /// With `only`: of that application's exchanges; otherwise of all connections.
  Drain(Engine& engine, const StopPolicy& policy, const http::Application* only = nullptr);

  /// Once, after construction: what it does already reports back here.
  void begin(Done done);
  /// Takes over those of another policy's deadlines that are earlier, and calls `done` as well.
  void hurry(const StopPolicy& policy, Done done);
  void on_exchange_end(const http::ExchangeRecord& record);
  /// Something got less: look, in the next step phase, whether all is done.
  void check_soon();

 private:
  enum class Stage { Grace, Disconnect, Cancel, Done };

  bool concerns(const http::ServedConnection& connection) const;
  template <class Function>
  void for_each(Function function);
  void enter(Stage stage, std::chrono::milliseconds length);
  void next_stage();
  void cut_off(http::ServedConnection& connection);
  void tell_who_holds_up();
  void check();
  void finish();

  Engine& engine_;
  const http::Application* only_;
  StopPolicy policy_;
  std::vector<Done> done_;
  StopReport report_;
  Stage stage_ = Stage::Grace;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point stage_ends_;
  loop::Timer timer_;
  loop::Timer watch_;
  loop::Deferred check_;
};

}  // namespace outrider::server
