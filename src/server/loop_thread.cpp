// SPDX-License-Identifier: MIT
#include "server/loop_thread.h"

#include <system_error>
#include <utility>

#include "loop/mailbox.h"
#include "outrider/error.h"
#include "server/default_fields.h"
#include "server/own_thread.h"
#include "server/proxies.h"
#include "server/thread_signals.h"

namespace outrider::server {

namespace {

void tell(const Config& config, LogLevel level, const std::string& message) {
  try {
    config.log(level, message);
  } catch (...) {  // NOLINT: the program's own callback; there is nobody left to tell
  }
}

}  // namespace

std::string access_format_of(const Config& config) {
  return config.access_log.format.empty() ? "combined" : config.access_log.format;
}

LoopThread::LoopThread(const Config& config, std::shared_ptr<Admission> admission,
                       std::vector<net::BoundSocket> sockets, ApplicationSource& source,
                       ApplicationSource::RequestStop request_stop)
    : loop_(std::make_unique<loop::Loop>()),
      request_stop_(std::move(request_stop)),
      application_(source.make(*loop_, request_stop_)),
      destroy_retired_([](void* self) { static_cast<LoopThread*>(self)->destroy_retired(); }, this),
      engine_(std::make_unique<Engine>(*loop_, config.limits, *application_, std::move(admission))) {
  engine_->service().set_server(config.server_header);
  engine_->service().sends_date = config.date_header;
  engine_->websockets().deflate = config.websocket_deflate;
  engine_->service().set_default_fields(default_fields(config));
  engine_->service().times_exchanges = false;  // nobody keeps records here; an access log does
  if (config.log) {
    engine_->on_held_up(held_up_after, [&config](const std::vector<std::string>& running) {
      std::string text = "the stop waits for";
      for (const std::string& exchange : running) text += " " + exchange + ",";
      text.pop_back();
      tell(config, LogLevel::Warning, text);
    });
    engine_->on_exhausted([&config](int code) { tell(config, LogLevel::Warning, describe_exhaustion(code)); });
  }
  if (config.log && config.log_level == LogLevel::Debug) {
    engine_->on_refused([&config](const auto& describe) { tell(config, LogLevel::Debug, describe()); });
  }
  if (!config.request_id.empty()) {
    engine_->service().request_ids.emplace(config.request_id, config.trust_request_id);
  }
  engine_->trust(read_proxy_rules(config),
                 config.proxy_protocol ? Engine::ProxyHeader::Required : Engine::ProxyHeader::None);
  for (net::BoundSocket& socket : sockets) engine_->add_socket(std::move(socket));
  engine_->start_listening(config.backlog);
}

LoopThread::~LoopThread() {
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    join();
  }
  engine_.reset();  // before what it uses, when the thread was never started
  application_.reset();
}

void LoopThread::set_access_log(const Config& config, std::shared_ptr<AccessFile> file) {
  std::unique_ptr<AccessLog> log;
  if (file != nullptr) {
    const auto trouble = [&config](const std::string& message) {
      if (config.log) tell(config, LogLevel::Warning, message);
    };
    log = std::make_unique<AccessLog>(*loop_, AccessFormat(access_format_of(config)), std::move(file), trouble);
  } else if (config.access_log.write) {
    const auto write = [&write_line = config.access_log.write](std::string_view line) {
      try {
        write_line(line);
      } catch (...) {  // NOLINT: the program's own callback; there is nobody left to tell
      }
    };
    log = std::make_unique<AccessLog>(*loop_, AccessFormat(access_format_of(config)), write);
  }
  engine_->service().times_exchanges = log != nullptr;
  engine_->set_access_log(std::move(log));
}

void LoopThread::start(const void* server, Ended ended) {
  try {
    const ThreadSignals blocked;
    thread_ = std::thread([this, server, ended = std::move(ended)]() mutable {
      current_server = server;
      // The caller's last reference to the server may be in `ended`: it must outlive this object's members.
      const Ended last_call = std::move(ended);
      run(last_call);
    });
  } catch (const std::system_error& error) {
    throw Error(ErrorKind::Resource, "can't start a thread for the server", error.code().value());
  }
}

void LoopThread::run(const Ended& ended) {
  std::exception_ptr failure;
  try {
    loop_->run();
  } catch (...) {
    failure = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
    has_heard_ = true;
  }
  engine_.reset();
  retired_.reset();
  application_.reset();
  loop_.reset();
  if (swapped_) swapped_(std::nullopt);  // the loop threw
  ended(report_.value_or(StopReport{}), failure);
}

void LoopThread::request_stop(const StopPolicy& policy) {
  const std::lock_guard lock(mutex_);
  is_asked_ = true;
  if (!has_ended_) loop_->mailbox().post([this, policy] { drain(policy); });
}

void LoopThread::hold(std::function<void(bool)> quiet) {
  const std::lock_guard lock(mutex_);
  if (has_ended_) return quiet(false);
  const bool is_posted = loop_->mailbox().post([this, quiet] {
    if (engine_ == nullptr) return quiet(false);
    engine_->hold(quiet);
  });
  if (!is_posted) quiet(false);
}

void LoopThread::go_on() {
  const std::lock_guard lock(mutex_);
  if (has_ended_) return;
  loop_->mailbox().post([this] {
    if (engine_ != nullptr) engine_->go_on();
  });
}

void LoopThread::drain(const StopPolicy& policy) {
  has_heard_ = true;
  if (engine_ == nullptr) return;  // the mailbox's last delivery, at the end
  engine_->drain(policy, [this](const StopReport& report) {
    if (report_.has_value()) return;
    report_ = report;
    if (retired_ == nullptr) end();
  });
}

void LoopThread::end() {
  application_->end([this] { loop_->stop(); });
}

void LoopThread::swap(ApplicationSource& source, const StopPolicy& policy, Swapped done) {
  const std::lock_guard lock(mutex_);
  if (has_ended_) return done(std::nullopt);
  const bool is_posted = loop_->mailbox().post([this, &source, policy, done] {
    if (engine_ == nullptr || engine_->is_draining()) return done(std::nullopt);
    swapped_ = done;
    take_over(source.make(*loop_, request_stop_), policy);
  });
  if (!is_posted) done(std::nullopt);
}

void LoopThread::take_over(std::unique_ptr<HostedApplication> application, const StopPolicy& policy) {
  retired_ = std::exchange(application_, std::move(application));
  engine_->set_application(*application_);
  engine_->end_exchanges(*retired_, policy, [this](const StopReport& report) {
    swap_report_ = report;
    retired_->end([this] { loop_->defer_step(destroy_retired_); });
  });
}

// Not in the call in which it says that it has ended.
void LoopThread::destroy_retired() {
  retired_.reset();
  std::exchange(swapped_, nullptr)(swap_report_);
  if (report_.has_value()) end();
}

void LoopThread::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace outrider::server
