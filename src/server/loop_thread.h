// SPDX-License-Identifier: MIT
#pragma once

// One thread of a Server with its loop, its engine and its application. All three are made by the thread that starts
// the server, so that what can fail has failed before the thread exists; they die on the thread itself, so that
// nothing of them is left when it has ended.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "loop/loop.h"
#include "net/socket.h"
#include "outrider/config.h"
#include "outrider/stop.h"
#include "server/engine.h"
#include "server/hosted_application.h"

namespace outrider::server {

/// The format that the options ask for.
std::string access_format_of(const Config& config);

class LoopThread {
 public:
  /// Listens from now on; connections wait until start(). Throws Error.
  LoopThread(const Config& config, std::shared_ptr<Admission> admission, std::vector<net::BoundSocket> sockets,
             ApplicationSource& source, ApplicationSource::RequestStop request_stop);
  /// Joins the thread; when that is the calling one, lets it end by itself.
  ~LoopThread();
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  /// Writes the log that the options ask for, to `file` if that is where it goes. Before start().
  void set_access_log(const Config& config, std::shared_ptr<AccessFile> file);
  /// Before start().
  void secure(const Tls& tls) { engine_->secure(tls); }
  /// Starts the thread; `ended` is its last call, with what the stop did, or what the loop threw. Throws
  /// Error(Resource).
  using Ended = std::function<void(const StopReport& report, std::exception_ptr failure)>;
  void start(const void* server, Ended ended);
  /// Begins the stop, or hurries one that is under way. Thread: any.
  void request_stop(const StopPolicy& policy);
  /// A stop was requested, and the loop hasn't come to it yet. Thread: any.
  bool is_deaf() const { return is_asked_ && !has_heard_; }
  /// Engine::hold() and go_on(); `quiet` is called on the loop's thread, at once with false when that has ended.
  /// Thread: any.
  void hold(std::function<void(bool)> quiet);
  void go_on();
  /// Another application takes over. `done` is called on the loop's thread, when nothing of the one before is left,
  /// with what became of its exchanges; without that when the thread ends or has ended. One at a time; `source` must
  /// outlive the thread. Thread: any.
  using Swapped = std::function<void(std::optional<StopReport>)>;
  void swap(ApplicationSource& source, const StopPolicy& policy, Swapped done);
  /// Thread: any but its own, one at a time.
  void join();

 private:
  void run(const Ended& ended);
  void drain(const StopPolicy& policy);
  void end();
  void take_over(std::unique_ptr<HostedApplication> application, const StopPolicy& policy);
  void destroy_retired();

  std::mutex mutex_;  // guards has_ended_, and with it the loop's life against request_stop()
  bool has_ended_ = false;
  std::unique_ptr<loop::Loop> loop_;
  const ApplicationSource::RequestStop request_stop_;
  std::unique_ptr<HostedApplication> application_;
  std::unique_ptr<HostedApplication> retired_;  // the one before, until it has ended
  loop::Deferred destroy_retired_;
  Swapped swapped_;  // to be told then
  StopReport swap_report_;
  std::unique_ptr<Engine> engine_;
  std::optional<StopReport> report_;    // once the engine has been drained. Thread: loop only
  std::atomic<bool> is_asked_ = false;  // to stop
  std::atomic<bool> has_heard_ = false;
  std::thread thread_;
};

}  // namespace outrider::server
