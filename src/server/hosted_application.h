// SPDX-License-Identifier: MIT
#pragma once

// What a loop thread of a Server runs on top of its engine. The server layer doesn't know the App; the App's side
// (app/dispatcher.h) plugs in here.

#include <functional>
#include <memory>

#include "http/exchange.h"
#include "outrider/stop.h"

namespace outrider::loop {
class Loop;
}

namespace outrider::server {

/// Thread: loop only.
class HostedApplication : public http::Application {
 public:
  /// The engine has been drained; exchanges that are still known have ended by then. What still runs is to end;
  /// `done` is called once, inside a pass, when nothing does.
  virtual void end(std::function<void()> done) = 0;
};

/// Makes one application for each loop thread. Thread: the one that starts the server, or the loop's; destroyed by
/// one that sees its end, after all loops have gone.
class ApplicationSource {
 public:
  using RequestStop = std::function<void(const StopPolicy&)>;
  virtual ~ApplicationSource() = default;
  /// `request_stop` may be called from any thread, as long as the application lives.
  virtual std::unique_ptr<HostedApplication> make(loop::Loop& loop, RequestStop request_stop) = 0;
};

}  // namespace outrider::server
