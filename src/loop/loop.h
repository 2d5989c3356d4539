// SPDX-License-Identifier: MIT
#pragma once

// One event loop: libuv's, on one thread. It either runs by itself (run()) or is nested in a host's event loop,
// which calls pass() whenever backend_fd() is readable (docs/design/nesting.md).
//
// A pass has three phases, because doing each for all ready connections keeps the kernel's, the parser's and the
// application's working sets from evicting each other (measured: DESIGN §4, "Inside the caller's event loop"):
//   1. read     libuv polls; streams read and codecs parse everything that is ready;
//   2. step     the deferred steps run: handlers start or go on;
//   3. flush    the deferred flushes run: everything is written.
//
// Thread: loop only, except where a method says otherwise.

#include <uv.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>

#include "base/list.h"
#include "loop/handle.h"

namespace outrider::loop {

class HostLock;
class Mailbox;

struct StepTag;

/// A piece of work that waits for its phase. Queued at most once at a time; unqueues itself when it dies.
class Deferred : public ListNode<StepTag> {
 public:
  using Callback = void (*)(void* owner);
  Deferred(Callback callback, void* owner) : callback_(callback), owner_(owner) {}
  void run() { callback_(owner_); }

 private:
  Callback callback_;
  void* owner_;
};

class Loop {
 public:
  /// Throws outrider::Error when the operating system gives no event queue (out of descriptors).
  Loop();
  /// Closes what is still open on the loop and waits for libuv's close callbacks. Not inside a pass.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// In a forked child, where the event queue is still the parent's too: closes the child's copies of all descriptors
  /// without touching the queue. Nothing but this may be called there, the destructor included: leave the loop be.
  void close_descriptors_after_fork();

  /// Runs until stop(). The calling thread becomes the loop's thread.
  void run();
  /// Makes run() return after the pass that is under way.
  void stop();

  /// For a host's event loop: polls without waiting and runs everything that is ready. Returns how long the host
  /// may wait before the next call when the descriptor stays silent, or -1 ms for no limit. The calling thread
  /// becomes the loop's thread. A call from inside a pass does nothing (libuv's loop can't be entered twice).
  std::chrono::milliseconds pass();
  /// The descriptor that becomes readable when a pass has work; it belongs to the loop.
  int backend_fd() const { return uv_backend_fd(&raw_); }
  bool is_in_pass() const { return is_in_pass_; }

  /// Defers to the step phase of this pass, or of the next one when called outside of a pass.
  void defer_step(Deferred& work);
  /// Defers to the step phase of the next pass: for work that would go on for ever.
  void defer_to_next_pass(Deferred& work);
  /// Another number in each step phase: what has one budget for all of it can tell when the next one begins.
  uint64_t phase_number() const { return phase_number_; }
  /// Defers to the flush phase of this pass; outside of a pass it runs at once, so that what an application sends
  /// from a host loop's callback leaves without waiting for another turn of that loop.
  void defer_flush(Deferred& work);

  /// To be called after a libuv handle was started: libuv tells the kernel of it only in its next poll, so a
  /// nested loop needs one more pass before it may sleep.
  void watchers_changed() {
    watchers_changed_ = true;
    need_pass();
  }

  /// Called when work came up outside of a pass, so that the host schedules one soon; never called inside a pass.
  void on_pass_needed(void (*callback)(void*), void* owner) {
    pass_needed_ = callback;
    pass_needed_owner_ = owner;
  }
  /// Asks the host for a pass soon. No effect inside a pass, or when the loop runs by itself.
  void need_pass();

  /// Milliseconds of a steady clock: cached during a pass, fresh outside of one.
  uint64_t now_ms();

  /// Bytes that every stream of this loop reads into; what is to survive the read callback is copied out of it.
  std::span<char> scratch() { return {scratch_.get(), kScratchSize}; }

  Mailbox& mailbox() { return *mailbox_; }

  /// What the host holds while it runs a pass, for loop::Unlocked (loop/host_lock.h); null, the default, for nothing.
  /// It must outlive the loop's use.
  void set_host_lock(HostLock* lock) { host_lock_ = lock; }
  HostLock* host_lock() const { return host_lock_; }

  /// Aborts unless the caller is on the loop's thread (or the loop hasn't run yet).
  void check_on_thread() const;

  uv_loop_t* raw() { return &raw_; }

 private:
  // What one read call takes at most: libuv's own suggestion, and the size of a loopback segment.
  static constexpr std::size_t kScratchSize = 64 * 1024;

  void run_phases();
  static void prepare_cb(uv_prepare_t* handle);
  static void check_cb(uv_check_t* handle);
  static void idle_cb(uv_idle_t* handle);

  uv_loop_t raw_;
  std::unique_ptr<char[]> scratch_;
  std::unique_ptr<Handle<uv_prepare_t>> prepare_;  // phases before the poll: work of timers and of the host
  std::unique_ptr<Handle<uv_check_t>> check_;      // phases after the poll
  std::unique_ptr<Handle<uv_idle_t>> idle_;        // active while steps are left over: the poll must not wait
  std::unique_ptr<Mailbox> mailbox_;
  List<Deferred, StepTag> steps_;
  List<Deferred, StepTag> next_steps_;
  List<Deferred, StepTag> flushes_;
  void (*pass_needed_)(void*) = nullptr;
  void* pass_needed_owner_ = nullptr;
  HostLock* host_lock_ = nullptr;
  std::thread::id thread_;
  uint64_t phase_number_ = 0;
  bool is_in_pass_ = false;
  bool watchers_changed_ = false;
};

}  // namespace outrider::loop
