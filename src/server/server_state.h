// SPDX-License-Identifier: MIT
#pragma once

// What is behind a Server: its threads, and the one end that all who wait for it see.
//
// Thread: any, unless a method says otherwise.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "outrider/config.h"
#include "outrider/stop.h"
#include "server/access_file.h"
#include "server/hosted_application.h"
#include "server/lifecycle.h"
#include "server/loop_thread.h"
#include "server/tls.h"

namespace outrider::server {

class ServerState : public std::enable_shared_from_this<ServerState> {
 public:
  /// Returns a server that accepts connections. Throws Error; then nothing is left.
  static std::shared_ptr<ServerState> start(Config config, std::unique_ptr<ApplicationSource> source);
  ~ServerState();
  ServerState(const ServerState&) = delete;
  ServerState& operator=(const ServerState&) = delete;

  const std::string& url() const { return url_; }
  uint16_t port() const { return port_; }
  const std::vector<std::string>& addresses() const { return addresses_; }
  const StopPolicy& default_policy() const { return default_policy_; }
  bool is_running() const;
  /// The calling thread is one of the server's own, which can't wait for the server's end.
  bool is_own_thread() const;

  void request_stop(const StopPolicy& policy);
  /// Until the threads have ended and were joined. Not on one of them.
  StopReport wait();
  /// Holds all loops until each is quiet, or the time has passed; then lets them go on. Not on one of the threads.
  bool quiesce(std::chrono::milliseconds timeout);
  /// The same, but what runs ends by the stages of `policy`, and what became of it is returned.
  StopReport quiesce(const StopPolicy& policy);
  /// Another application takes over in all loops; returns when nothing of the one before is left, with what became
  /// of its exchanges. Not on one of the threads.
  StopReport swap(std::unique_ptr<ApplicationSource> source, const StopPolicy& policy);
  const Config& config() const { return config_; }
  void reopen_access_log();
  /// Null without TLS.
  const Tls* tls() const { return tls_.get(); }
  /// Without a config: that of the server anew.
  void reload_tls(std::optional<TlsConfig> config);
  /// In a forked child: the threads are the parent's. This is a stopped server from now on, its sockets closed.
  void abandon();
  /// `callback` is called once, on some thread, when all loops have ended; at once when they have.
  void on_end(std::function<void()> callback);

 private:
  ServerState(Config config, std::unique_ptr<ApplicationSource> source);

  void make_threads();
  void start_threads();
  void on_thread_end(const StopReport& report, std::exception_ptr failure);
  /// `source`, one of sources_, makes the applications from now on. With changing_ held.
  StopReport take_over(ApplicationSource& source, const StopPolicy& policy);
  void check_running() const;
  void join_all();
  void destroy_sources();
  bool tell_who_is_deaf() const;
  void log(LogLevel level, const std::string& message) const noexcept;
  void tell_stopped() const noexcept;
  void warn_of_certificates() const;

  const Config config_;
  const StopPolicy default_policy_;
  std::vector<std::unique_ptr<ApplicationSource>> sources_;  // the last is served; guarded by changing_
  std::shared_ptr<AccessFile> access_file_;                  // null when the log isn't written to one
  std::unique_ptr<Tls> tls_;                                 // null without TLS
  std::string url_;
  uint16_t port_ = 0;
  std::vector<std::string> addresses_;

  mutable std::mutex mutex_;  // guards what follows, up to callbacks_
  std::condition_variable ended_;
  Lifecycle lifecycle_;
  std::size_t threads_left_ = 0;
  std::chrono::steady_clock::time_point stop_began_;
  StopReport report_;
  std::vector<std::function<void()>> callbacks_;

  std::atomic<bool> is_abandoned_ = false;
  std::atomic<bool> has_failed_ = false;  // to start
  std::mutex changing_;                   // one quiesce() or swap() at a time
  std::once_flag joined_;
  std::vector<std::unique_ptr<LoopThread>> threads_;  // immutable once started. Last: they use all of the above
};

}  // namespace outrider::server
