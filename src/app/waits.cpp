// SPDX-License-Identifier: MIT

// What ends a handler's waits (outrider/wait.h).

#include <algorithm>
#include <chrono>
#include <utility>

#include "app/dispatcher.h"
#include "app/handler_run.h"
#include "app/offload_ticket.h"
#include "outrider/request.h"
#include "outrider/response.h"
#include "outrider/wait.h"

namespace outrider::detail {
namespace {

uint64_t to_steady_ns(std::chrono::steady_clock::time_point time) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

// What is set aside at once for a body whose length the peer announces; it may announce more than it sends.
constexpr uint64_t kReserveMax = 1024 * 1024;

}  // namespace

void Wait::await_suspend(std::coroutine_handle<> waiter) {
  waiter_ = waiter;
  run_.add_wait(*this);
}

void Wait::throw_cancelled() const {
  run_.hear();
  throw Cancelled();
}

Wait::~Wait() {
  if (is_suspended_) run_.remove_wait(*this);
}

Sleep::Sleep(app::HandlerRun& run, std::chrono::nanoseconds duration)
    : Wait(run),
      wakes_at_ns_(to_steady_ns(std::chrono::steady_clock::now() +
                                std::clamp<std::chrono::nanoseconds>(duration, {}, std::chrono::hours(24 * 365)))),
      began_in_step_(run.step_number()) {}

bool Sleep::is_over() {
  if (run_.is_told()) return run_.may_cancel_now();
  // Even the shortest sleep lets others have their turn.
  if (run_.step_number() == began_in_step_) return false;
  return to_steady_ns(std::chrono::steady_clock::now()) >= wakes_at_ns_;
}

void Sleep::await_resume() const {
  if (run_.is_told()) throw_cancelled();
}

bool Body::is_over() {
  http::Exchange* const exchange = run_.exchange();
  if (exchange == nullptr) return run_.may_cancel_now();
  const std::string_view arrived = exchange->body();
  // A length that is announced is believed at once, before a peer that waits for 100 (Continue) is told to go on.
  const uint64_t announced = exchange->head().content_length();
  is_too_long_ = announced > bytes_max_ || collected_.size() + arrived.size() > bytes_max_;
  if (is_too_long_) return true;
  if (collected_.empty()) collected_.reserve(static_cast<std::size_t>(std::min(announced, kReserveMax)));
  collected_.append(arrived);
  if (!arrived.empty()) exchange->consume_body(arrived.size());
  is_complete_ = exchange->is_body_complete();
  if (is_complete_) return true;
  if (run_.is_told()) return run_.may_cancel_now();
  exchange->want_body();
  return false;
}

std::string Body::await_resume() {
  if (is_too_long_) throw HttpError(413, "the body has more than " + std::to_string(bytes_max_) + " bytes");
  if (!is_complete_) throw_cancelled();
  return std::move(collected_);
}

bool Read::is_over() {
  http::Exchange* const exchange = run_.exchange();
  if (exchange == nullptr) return run_.may_cancel_now();
  const std::string_view arrived = exchange->body();
  if (!arrived.empty()) {
    run_.chunk().assign(arrived);
    chunk_ = run_.chunk();
    exchange->consume_body(arrived.size());
    return true;
  }
  is_complete_ = exchange->is_body_complete();
  if (is_complete_) return true;
  if (run_.is_told()) return run_.may_cancel_now();
  exchange->want_body();
  return false;
}

std::string_view Read::await_resume() {
  if (chunk_.empty() && !is_complete_) throw_cancelled();
  return chunk_;
}

bool Write::is_over() {
  http::Exchange* const exchange = run_.exchange();
  if (exchange == nullptr || run_.is_cancelled() || run_.must_hear()) return run_.may_cancel_now();
  return exchange->is_writable() && run_.has_budget();
}

void Write::await_resume() const {
  if (run_.exchange() == nullptr || run_.is_cancelled() || run_.must_hear()) throw_cancelled();
}

bool OffloadBase::is_over() {
  if (is_finished_) return true;
  if (ticket_ == nullptr) {
    // At the end of its server: a handler that tries again and again would never let it end.
    if (run_.dispatcher().is_ending()) {
      if (!run_.may_cancel_now()) return false;
      exception_ = std::make_exception_ptr(Cancelled());
      return is_finished_ = true;
    }
    run_.dispatcher().offload(*this);
  } else if (!is_finished_ && run_.is_cancelled() && ticket_->leave_queue(app::OffloadTicket::Stage::Dropped)) {
    ticket_->job = nullptr;
    exception_ = std::make_exception_ptr(Cancelled());
    is_finished_ = true;
  }
  return is_finished_;
}

void OffloadBase::join() noexcept {
  if (!is_pinned()) return;
  ticket_->job = nullptr;
  ticket_->has_run.wait(false);
}

}  // namespace outrider::detail
