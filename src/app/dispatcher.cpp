// SPDX-License-Identifier: MIT
#include "app/dispatcher.h"

#include <string>
#include <utility>

#include "app/offload_ticket.h"
#include "loop/mailbox.h"

namespace outrider::app {
namespace {

// Runs kept for reuse: as many as the requests of a busy pass.
constexpr std::size_t kSpareRunsMax = 256;

}  // namespace

Site::Site(std::shared_ptr<const Router> router_in, std::function<void(LogLevel, std::string_view)> log_in,
           std::function<void(const HandlerError&)> on_error_in, int offload_threads)
    : router(std::move(router_in)),
      log(std::move(log_in)),
      on_error(std::move(on_error_in)),
      offload_pool(offload_threads) {}

void Site::report(const HandlerError& error) const noexcept {
  try {
    if (on_error) return on_error(error);
    if (log) log(LogLevel::Error, "a handler failed: " + error.message());
  } catch (...) {  // NOLINT: the application's own callback; there is nobody left to tell
  }
}

Dispatcher::Dispatcher(loop::Loop& loop, Site& site, RequestStop request_stop)
    : loop_(loop),
      site_(site),
      request_stop_(std::move(request_stop)),
      self_(std::make_shared<Dispatcher*>(this)),
      end_runs_([](void* self) { static_cast<Dispatcher*>(self)->end_runs(); }, this) {}

Dispatcher::~Dispatcher() {
  *self_ = nullptr;
  while (HandlerRun* run = runs_.pop_front()) delete run;
}

void Dispatcher::on_request(http::Exchange& exchange) {
  std::unique_ptr<HandlerRun> run;
  if (spare_.empty()) {
    run = std::make_unique<HandlerRun>(*this);
  } else {
    run = std::move(spare_.back());
    spare_.pop_back();
  }
  ++run_count_;
  runs_.push_back(*run);
  run.release()->begin(exchange);  // owned by the list it is in
}

void Dispatcher::release(HandlerRun& run) {
  std::unique_ptr<HandlerRun> owner(&run);
  run.unlink();
  run.recycle();
  --run_count_;
  if (spare_.size() < kSpareRunsMax) spare_.push_back(std::move(owner));
  if (is_ending_) check_end();
}

void Dispatcher::offload(detail::OffloadBase& job) {
  auto ticket = std::make_shared<OffloadTicket>();
  ticket->job = &job;
  site_.offload_pool.submit([&job, ticket, self = self_, &mailbox = loop_.mailbox()] {
    if (ticket->leave_queue(OffloadTicket::Stage::Running)) job.run();
    // The mailbox is still there: the dispatcher doesn't report its end before the message has come.
    mailbox.post([ticket, self] {
      if (*self != nullptr) (*self)->on_offloaded(*ticket);
    });
    ticket->has_run = true;
    ticket->has_run.notify_all();
  });
  job.ticket_ = std::move(ticket);
  ++offload_count_;
}

void Dispatcher::on_offloaded(OffloadTicket& ticket) {
  --offload_count_;
  if (ticket.job != nullptr) {
    ticket.job->is_finished_ = true;
    ticket.job->run_.poll();
  }
  if (is_ending_) check_end();
}

void Dispatcher::end(std::function<void()> done) {
  done_ = std::move(done);
  is_ending_ = true;
  // Behind the steps of those that were just told that their exchange has gone: these may end by themselves.
  loop_.defer_step(end_runs_);
}

void Dispatcher::end_runs() {
  has_ended_runs_ = true;
  runs_.for_each([](HandlerRun& run) { run.end(); });
  check_end();
}

void Dispatcher::check_end() {
  if (!has_ended_runs_ || !runs_.empty() || offload_count_ > 0 || done_ == nullptr) return;
  std::exchange(done_, nullptr)();
}

}  // namespace outrider::app
