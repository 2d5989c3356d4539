// SPDX-License-Identifier: MIT
#include "loop/loop.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/check.h"
#include "loop/mailbox.h"
#include "outrider/error.h"

namespace outrider::loop {
namespace {

// A step may make another one ready (the next pipelined request). So many rounds are run before writing; the rest
// waits for the next pass, so that a connection with much pipelined input can't hold up the writing of all others.
constexpr int kStepRoundsMax = 64;

// Passes in a row that one call of pass() makes while new watchers keep coming up: two are the normal case (the
// second one arms them); the bound keeps a flood of connections from holding the host's loop.
constexpr int kPassesMax = 4;

// libuv aborts when it is to close one of these, and the next descriptor gets the lowest free number. A program that
// was started without one of them has nothing to lose.
void open_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    [[maybe_unused]] const int opened = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  }
}

}  // namespace

Loop::Loop() : scratch_(new char[kScratchSize]) {
  open_standard_descriptors();
  raw_.backend_fd = -1;
  const int status = uv_loop_init(&raw_);
  if (status != 0 && raw_.backend_fd >= 0) ::close(raw_.backend_fd);  // which libuv leaves open (1.44)
  if (status != 0) throw Error(ErrorKind::Resource, "can't create an event loop", -status);
  prepare_ = std::make_unique<Handle<uv_prepare_t>>();
  uv_prepare_init(&raw_, prepare_->get());
  prepare_->opened(this);
  uv_prepare_start(prepare_->get(), &Loop::prepare_cb);
  uv_unref(prepare_->base());

  check_ = std::make_unique<Handle<uv_check_t>>();
  uv_check_init(&raw_, check_->get());
  check_->opened(this);
  uv_check_start(check_->get(), &Loop::check_cb);
  uv_unref(check_->base());

  idle_ = std::make_unique<Handle<uv_idle_t>>();
  uv_idle_init(&raw_, idle_->get());
  idle_->opened(this);

  mailbox_ = std::make_unique<Mailbox>(*this);
}

Loop::~Loop() {
  OUTRIDER_CHECK(!is_in_pass_);
  mailbox_->close();
  idle_.reset();
  check_.reset();
  prepare_.reset();
  // Only close callbacks are left. UV_RUN_DEFAULT returns when the last one ran (or at once after a stop(), hence
  // the loop).
  while (uv_loop_close(&raw_) == UV_EBUSY) uv_run(&raw_, UV_RUN_DEFAULT);
}

void Loop::run() {
  thread_ = std::this_thread::get_id();
  is_in_pass_ = true;
  uv_run(&raw_, UV_RUN_DEFAULT);
  is_in_pass_ = false;
}

void Loop::stop() { uv_stop(&raw_); }

void Loop::close_descriptors_after_fork() {
  const auto close_one = [](uv_handle_t* handle, void*) {
    uv_os_fd_t fd = -1;
    if (uv_fileno(handle, &fd) == 0) ::close(fd);
  };
  uv_walk(&raw_, close_one, nullptr);
  ::close(uv_backend_fd(&raw_));
}

std::chrono::milliseconds Loop::pass() {
  if (is_in_pass_) return std::chrono::milliseconds(-1);
  thread_ = std::this_thread::get_id();
  is_in_pass_ = true;
  int passes = 0;
  do {
    watchers_changed_ = false;
    uv_run(&raw_, UV_RUN_NOWAIT);
  } while (watchers_changed_ && ++passes < kPassesMax);
  is_in_pass_ = false;
  if (watchers_changed_) return std::chrono::milliseconds(0);
  return std::chrono::milliseconds(uv_backend_timeout(&raw_));
}

void Loop::defer_step(Deferred& work) {
  if (work.is_linked()) return;
  steps_.push_back(work);
  need_pass();
}

void Loop::defer_to_next_pass(Deferred& work) {
  if (work.is_linked()) return;
  next_steps_.push_back(work);
  need_pass();
}

void Loop::defer_flush(Deferred& work) {
  if (!is_in_pass_) {
    work.run();
  } else if (!work.is_linked()) {
    flushes_.push_back(work);
  }
}

void Loop::need_pass() {
  if (!is_in_pass_ && pass_needed_ != nullptr) pass_needed_(pass_needed_owner_);
}

uint64_t Loop::now_ms() {
  if (!is_in_pass_) uv_update_time(&raw_);
  return uv_now(&raw_);
}

void Loop::check_on_thread() const {
  OUTRIDER_CHECK(thread_ == std::thread::id() || thread_ == std::this_thread::get_id());
}

void Loop::run_phases() {
  List<Deferred, StepTag> ready;
  for (int round = 0; round < kStepRoundsMax && !steps_.empty(); ++round) {
    ready.splice_back(steps_);
    while (Deferred* step = ready.pop_front()) step->run();
  }
  while (Deferred* flush = flushes_.pop_front()) flush->run();
  steps_.splice_back(next_steps_);
  ++phase_number_;

  if (steps_.empty() == (uv_is_active(idle_->base()) == 0)) return;
  if (steps_.empty()) {
    uv_idle_stop(idle_->get());
  } else {
    uv_idle_start(idle_->get(), &Loop::idle_cb);
  }
}

void Loop::prepare_cb(uv_prepare_t* handle) { static_cast<Loop*>(handle->data)->run_phases(); }
void Loop::check_cb(uv_check_t* handle) { static_cast<Loop*>(handle->data)->run_phases(); }
void Loop::idle_cb(uv_idle_t*) {}

}  // namespace outrider::loop
