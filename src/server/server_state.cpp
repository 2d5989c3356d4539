// SPDX-License-Identifier: MIT
#include "server/server_state.h"

#include <algorithm>
#include <utility>

#include "http/request_id.h"
#include "http1/field_line.h"
#include "outrider/error.h"
#include "server/default_fields.h"
#include "server/fork.h"
#include "server/own_thread.h"
#include "server/proxies.h"
#include "server/sockets.h"

namespace outrider::server {
namespace {

void check_range(const char* name, int value, int least, int most) {
  if (value >= least && value <= most) return;
  throw Error(ErrorKind::Option, "Config::" + std::string(name) + " is " + std::to_string(value) +
                                     ", and must be between " + std::to_string(least) + " and " +
                                     std::to_string(most));
}

void check_least(const char* name, std::size_t value) {
  if (value > 0) return;
  throw Error(ErrorKind::Option, "Config::limits." + std::string(name) + " is 0, which nothing fits into");
}

void check_time(const char* name, std::chrono::milliseconds value) {
  if (value >= std::chrono::milliseconds::zero()) return;
  throw Error(ErrorKind::Option, "Config::" + std::string(name) + " is " + std::to_string(value.count()) +
                                     " ms, and must not be negative");
}

// For loops that have nothing to wait for to say so.
constexpr std::chrono::milliseconds kAnswerTime{20};

// More would only be a mistake.
constexpr int kThreadsMax = 1024;

void check_proxies(const Config& config) {
  read_proxy_rules(config);
  if (config.proxy_protocol && config.trusted_proxies.empty()) {
    throw Error(ErrorKind::Option,
                "Config::proxy_protocol is on, but trusted_proxies is empty: name the proxies that may speak it "
                "(\"*\" for whoever connects)");
  }
}

void check_websockets(const Config& config) {
  check_least("websocket_message_bytes_max", config.limits.websocket_message_bytes_max);
  check_least("websocket_queue_max", config.limits.websocket_queue_max);
  check_least("websocket_queue_bytes_max", config.limits.websocket_queue_bytes_max);
  check_time("limits.websocket_ping_interval", config.limits.websocket_ping_interval);
  check_time("limits.websocket_ping_timeout", config.limits.websocket_ping_timeout);
  check_time("limits.websocket_close_timeout", config.limits.websocket_close_timeout);
  const WebSocketDeflate& deflate = config.websocket_deflate;
  check_range("websocket_deflate.server_max_window_bits", deflate.server_max_window_bits, 9, 15);
  check_range("websocket_deflate.client_max_window_bits", deflate.client_max_window_bits, 9, 15);
  check_range("websocket_deflate.memory_level", deflate.memory_level, 1, 9);
  check_range("websocket_deflate.level", deflate.level, 1, 9);
}

bool has_access_log(const Config& config) {
  const AccessLogConfig& log = config.access_log;
  return !log.path.empty() || log.fd >= 0 || log.write;
}

void check_logs(const Config& config) {
  const AccessLogConfig& log = config.access_log;
  const int places = (log.path.empty() ? 0 : 1) + (log.fd >= 0 ? 1 : 0) + (log.write ? 1 : 0);
  if (places > 1)
    throw Error(ErrorKind::Option, "Config::access_log names several of path, fd and write: choose one");
  if (places == 0 && !log.format.empty()) {
    throw Error(ErrorKind::Option, "Config::access_log has a format, but no path, fd or write to log to");
  }
  if (places > 0) AccessFormat(access_format_of(config));
  if (!config.request_id.empty()) http::request_id_field(config.request_id);
  if (config.trust_request_id && config.request_id.empty()) {
    throw Error(ErrorKind::Option, "Config::trust_request_id is set, but request_id doesn't name the field to trust");
  }
}

std::shared_ptr<AccessFile> open_access_file(const Config& config) {
  if (!has_access_log(config) || config.access_log.write) return nullptr;
  const AccessLogConfig& log = config.access_log;
  return log.fd >= 0 ? AccessFile::adopt(log.fd) : AccessFile::open(log.path);
}

// What is below the level isn't worth a call.
Config with_log_level(Config config) {
  if (!config.log || config.log_level == LogLevel::Debug) return config;
  config.log = [log = std::move(config.log), least = config.log_level](LogLevel level, std::string_view message) {
    if (level >= least) log(level, message);
  };
  return config;
}

void check(const Config& config) {
  check_range("port", config.port, 0, 65535);
  check_range("threads", config.threads, 1, kThreadsMax);
  check_range("offload_threads", config.offload_threads, 1, kThreadsMax);
  check_range("backlog", config.backlog, 1, INT32_MAX);
  const Limits& limits = config.limits;
  check_least("request_line_bytes_max", limits.request_line_bytes_max);
  check_least("head_bytes_max", limits.head_bytes_max);
  check_least("header_count_max", limits.header_count_max);
  check_least("body_buffer_bytes_max", limits.body_buffer_bytes_max);
  check_least("write_buffer_bytes_max", limits.write_buffer_bytes_max);
  check_least("pipeline_bytes_max", limits.pipeline_bytes_max);
  check_time("limits.head_timeout", limits.head_timeout);
  check_time("limits.body_timeout", limits.body_timeout);
  check_time("limits.keep_alive_timeout", limits.keep_alive_timeout);
  check_time("limits.request_timeout", limits.request_timeout);
  check_time("limits.write_timeout", limits.write_timeout);
  check_time("limits.linger_timeout", limits.linger_timeout);
  check_time("limits.tls_handshake_timeout", limits.tls_handshake_timeout);
  check_websockets(config);
  if (config.stop_policy) {
    check_time("stop_policy.grace", config.stop_policy->grace);
    check_time("stop_policy.disconnect", config.stop_policy->disconnect);
    check_time("stop_policy.cancel", config.stop_policy->cancel);
  }
  check_proxies(config);
  // RFC 9110 §5.5: it goes into every response as it is.
  if (http1::find_invalid_field_byte(config.server_header) != config.server_header.size()) {
    throw Error(ErrorKind::Option, "Config::server_header holds a control character such as CR or LF");
  }
  default_fields(config);
  check_logs(config);
  const bool is_elsewhere = !config.uds.empty() || !config.fds.empty() || !config.bind.empty();
  if (is_elsewhere && config.port != 0) {
    throw Error(ErrorKind::Option, "Config::port is " + std::to_string(config.port) +
                                       ", but uds, fds or bind say where to listen: name that place in bind");
  }
}

void add(const StopReport& report, StopReport& sum) {
  sum.completed += report.completed;
  sum.disconnected += report.disconnected;
  sum.cancelled += report.cancelled;
  sum.aborted += report.aborted;
  sum.held_up.insert(sum.held_up.end(), report.held_up.begin(), report.held_up.end());
}

}  // namespace

ServerState::ServerState(Config config, std::unique_ptr<ApplicationSource> source)
    : config_(with_log_level(std::move(config))),
      default_policy_(config_.stop_policy.value_or(StopPolicy::beside_program())) {
  sources_.push_back(std::move(source));
}

std::shared_ptr<ServerState> ServerState::start(Config config, std::unique_ptr<ApplicationSource> source) {
  check(config);
  const std::shared_ptr<ServerState> state(new ServerState(std::move(config), std::move(source)));
  state->lifecycle_.advance(State::Starting);
  state->make_threads();
  state->start_threads();
  watch_fork(*state);
  state->log(LogLevel::Info, "serving at " + state->url_);
  state->warn_of_certificates();
  return state;
}

ServerState::~ServerState() { forget_fork(*this); }

void ServerState::make_threads() {
  if (config_.tls) tls_ = std::make_unique<Tls>(*config_.tls, config_.limits);  // first: it takes nobody's place
  std::vector<std::vector<net::BoundSocket>> sockets = bind_sockets(config_);
  access_file_ = open_access_file(config_);
  url_ = sockets[0][0].address().url(config_.tls ? "https" : "http");
  port_ = sockets[0][0].address().port();
  for (const net::BoundSocket& socket : sockets[0]) addresses_.push_back(socket.address().to_string());
  const auto admission = std::make_shared<Admission>(config_.limits);
  for (std::vector<net::BoundSocket>& own : sockets) {
    threads_.push_back(std::make_unique<LoopThread>(config_, admission, std::move(own), *sources_.back(),
                                                    [this](const StopPolicy& policy) { request_stop(policy); }));
    threads_.back()->set_access_log(config_, access_file_);
    if (tls_ != nullptr) threads_.back()->secure(*tls_);
  }
}

void ServerState::start_threads() {
  lifecycle_.advance(State::Ready);
  threads_left_ = threads_.size();
  std::size_t started = 0;
  try {
    for (; started < threads_.size(); ++started) {
      // The thread keeps the state alive until its last call has returned.
      threads_[started]->start(this,
                               [self = shared_from_this()](const StopReport& report, std::exception_ptr failure) {
                                 self->on_thread_end(report, std::move(failure));
                               });
    }
  } catch (const Error&) {
    has_failed_ = true;
    request_stop(StopPolicy::immediate());
    for (; started < threads_.size(); ++started) on_thread_end({}, nullptr);
    wait();
    throw;
  }
}

void ServerState::on_thread_end(const StopReport& report, std::exception_ptr failure) {
  if (failure != nullptr) log(LogLevel::Error, "a loop thread ended by an exception; its connections were cut");
  std::vector<std::function<void()>> callbacks;
  {
    const std::lock_guard lock(mutex_);
    add(report, report_);
    if (--threads_left_ > 0) return;
    if (!lifecycle_.advance(State::Stopped)) lifecycle_.advance(State::Failed);
    if (stop_began_ != std::chrono::steady_clock::time_point()) {
      report_.elapsed =
          std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - stop_began_);
    }
    callbacks.swap(callbacks_);
  }
  log(LogLevel::Info, report_.to_string());
  if (!has_failed_) tell_stopped();
  ended_.notify_all();
  for (const std::function<void()>& callback : callbacks) callback();
}

void ServerState::tell_stopped() const noexcept {
  if (!config_.on_stop) return;
  try {
    config_.on_stop(report_);
  } catch (...) {  // NOLINT: the program's own callback; there is nobody left to tell
  }
}

void ServerState::abandon() {
  if (!is_abandoned_.exchange(true)) close_sockets_at(addresses_);
}

bool ServerState::is_running() const {
  if (is_abandoned_) return false;
  const std::lock_guard lock(mutex_);
  return threads_left_ > 0;
}

void ServerState::check_running() const {
  if (!is_running()) throw Error(ErrorKind::State, "the server doesn't run");
}

void ServerState::reopen_access_log() {
  if (access_file_ == nullptr) throw Error(ErrorKind::State, "the server writes no access log to a file");
  access_file_->reopen();
}

void ServerState::reload_tls(std::optional<TlsConfig> config) {
  if (tls_ == nullptr) throw Error(ErrorKind::State, "the server has no TLS to reload: give it Config::tls");
  if (config) {
    tls_->reload(*std::move(config));
  } else {
    tls_->reload();
  }
  log(LogLevel::Info, "TLS was reloaded");
  warn_of_certificates();
}

void ServerState::warn_of_certificates() const {
  if (tls_ == nullptr) return;
  for (const std::string& warning : tls_->warnings()) log(LogLevel::Warning, warning);
}

bool ServerState::is_own_thread() const { return current_server == this; }

void ServerState::request_stop(const StopPolicy& policy) {
  if (is_abandoned_) return;
  {
    const std::lock_guard lock(mutex_);
    if (lifecycle_.advance(State::Draining)) stop_began_ = std::chrono::steady_clock::now();
  }
  for (const std::unique_ptr<LoopThread>& thread : threads_) thread->request_stop(policy);
}

bool ServerState::quiesce(std::chrono::milliseconds timeout) {
  check_running();  // in a forked child, nobody is there to give the lock back
  const std::lock_guard one_at_a_time(changing_);
  check_running();
  // Shared with the loops, which may come to it after this call has given up.
  struct Waiter {
    std::mutex mutex;
    std::condition_variable told;
    std::size_t left;
    bool is_quiet = true;
  };
  const auto waiter = std::make_shared<Waiter>();
  waiter->left = threads_.size();
  const auto tell = [waiter](bool is_quiet) {
    const std::lock_guard lock(waiter->mutex);
    --waiter->left;
    waiter->is_quiet = waiter->is_quiet && is_quiet;
    waiter->told.notify_all();
  };
  for (const std::unique_ptr<LoopThread>& thread : threads_) thread->hold(tell);
  timeout = std::clamp<std::chrono::milliseconds>(timeout, kAnswerTime, std::chrono::hours(24 * 365));
  std::unique_lock lock(waiter->mutex);
  waiter->told.wait_for(lock, timeout, [&] { return waiter->left == 0 || !waiter->is_quiet; });
  const bool was_stopped = !waiter->is_quiet;
  const bool is_quiet = waiter->left == 0 && waiter->is_quiet;
  lock.unlock();
  for (const std::unique_ptr<LoopThread>& thread : threads_) thread->go_on();
  if (was_stopped) throw Error(ErrorKind::State, "the server was stopped before it was quiet");
  return is_quiet;
}

StopReport ServerState::swap(std::unique_ptr<ApplicationSource> source, const StopPolicy& policy) {
  std::unique_ptr<ApplicationSource> before;  // destroyed without the lock: what handlers own may call the server
  check_running();
  const std::lock_guard one_at_a_time(changing_);
  check_running();
  sources_.push_back(std::move(source));
  const StopReport report = take_over(*sources_.back(), policy);
  before = std::move(sources_.front());
  sources_.erase(sources_.begin());
  return report;
}

// The source takes over from itself, while connections wait.
StopReport ServerState::quiesce(const StopPolicy& policy) {
  check_running();
  const std::lock_guard one_at_a_time(changing_);
  check_running();
  for (const std::unique_ptr<LoopThread>& thread : threads_) thread->hold([](bool) {});
  struct GoOn {
    ~GoOn() {
      for (const std::unique_ptr<LoopThread>& thread : threads) thread->go_on();
    }
    const std::vector<std::unique_ptr<LoopThread>>& threads;
  } const go_on{threads_};
  return take_over(*sources_.back(), policy);
}

StopReport ServerState::take_over(ApplicationSource& source, const StopPolicy& policy) {
  const auto began = std::chrono::steady_clock::now();
  struct Waiter {
    std::mutex mutex;
    std::condition_variable told;
    std::size_t left;
    bool was_stopped = false;
    StopReport report;
  } waiter;
  waiter.left = threads_.size();
  const auto tell = [&waiter](const std::optional<StopReport>& report) {
    const std::lock_guard lock(waiter.mutex);
    if (report) add(*report, waiter.report);
    waiter.was_stopped = waiter.was_stopped || !report;
    if (--waiter.left == 0) waiter.told.notify_all();
  };
  for (const std::unique_ptr<LoopThread>& thread : threads_) thread->swap(source, policy, tell);
  std::unique_lock lock(waiter.mutex);
  waiter.told.wait(lock, [&] { return waiter.left == 0; });
  // Some loop may have either application still, until its thread has ended.
  if (waiter.was_stopped) throw Error(ErrorKind::State, "the server was stopped before its requests had ended");
  waiter.report.elapsed =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
  return waiter.report;
}

StopReport ServerState::wait() {
  if (is_abandoned_) return {};
  std::unique_lock lock(mutex_);
  const auto is_over = [this] { return threads_left_ == 0; };
  for (bool has_told = false; !ended_.wait_for(lock, held_up_after, is_over);) {
    lock.unlock();
    has_told = has_told || tell_who_is_deaf();
    lock.lock();
  }
  lock.unlock();
  std::call_once(joined_, [this] { join_all(); });
  destroy_sources();
  return report_;  // nobody changes it any more
}

bool ServerState::tell_who_is_deaf() const {
  const auto is_deaf = [](const std::unique_ptr<LoopThread>& thread) { return thread->is_deaf(); };
  const std::ptrdiff_t count = std::count_if(threads_.begin(), threads_.end(), is_deaf);
  if (count == 0) return false;
  log(LogLevel::Warning, "the stop waits for " + std::to_string(count) + " of " + std::to_string(threads_.size()) +
                             " loop threads, each blocked by a handler that doesn't return or suspend");
  return true;
}

void ServerState::join_all() {
  for (const std::unique_ptr<LoopThread>& thread : threads_) thread->join();
}

// With the applications' own threads. What handlers own may call the server, hence without the lock.
void ServerState::destroy_sources() {
  std::vector<std::unique_ptr<ApplicationSource>> sources;
  const std::lock_guard after_the_last(changing_);
  sources.swap(sources_);
}

void ServerState::on_end(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (threads_left_ > 0) {
      callbacks_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

void ServerState::log(LogLevel level, const std::string& message) const noexcept {
  if (!config_.log) return;
  try {
    config_.log(level, message);
  } catch (...) {  // NOLINT: the program's own callback; there is nobody left to tell
  }
}

}  // namespace outrider::server
