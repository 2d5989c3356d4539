// SPDX-License-Identifier: MIT
#pragma once

// What a handler can wait for: the awaitables that Request and ResponseWriter hand out. They are made by those, and
// awaited at once.
//
// Thread: the handler's loop only. Each may be awaited once, and while its exchange's handler runs.

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace outrider {

namespace app {
class Dispatcher;
class HandlerRun;
struct OffloadTicket;
}  // namespace app

/// Comes out of a co_await when the exchange is to end early: the peer has gone, or the server stops. A handler
/// that has something to clean up may catch it; the others let it pass: it is no error, and isn't reported as one.
/// Further waits of the same kind throw it again.
class Cancelled : public std::exception {
 public:
  const char* what() const noexcept override {
    return "the exchange was cancelled: its peer has gone, or the server stops";
  }
};

namespace detail {

/// A coroutine's wait for something of its exchange. Lies in the coroutine's frame; destroying the frame ends it.
class Wait {
 public:
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;
  bool await_ready() { return is_over(); }
  void await_suspend(std::coroutine_handle<> waiter);

 protected:
  explicit Wait(app::HandlerRun& run) : run_(run) {}
  ~Wait();
  [[noreturn]] void throw_cancelled() const;

  app::HandlerRun& run_;

 private:
  friend class app::HandlerRun;

  /// Looks whether the wait is over, and does what can be done towards it. Called until it returns true.
  virtual bool is_over() = 0;
  /// When time alone ends the wait: nanoseconds of the steady clock. 0: it doesn't.
  virtual uint64_t wakes_at_ns() const { return 0; }
  /// Something that can't be interrupted runs for this wait; its frame must not be destroyed.
  virtual bool is_pinned() const { return false; }

  std::coroutine_handle<> waiter_;
  Wait* next_ = nullptr;  // in the run's list, while suspended
  bool is_suspended_ = false;
};

/// co_await request.sleep(…)
class [[nodiscard]] Sleep final : public Wait {
 public:
  Sleep(app::HandlerRun& run, std::chrono::nanoseconds duration);
  void await_resume() const;

 private:
  bool is_over() override;
  uint64_t wakes_at_ns() const override { return wakes_at_ns_; }

  uint64_t wakes_at_ns_;
  uint64_t began_in_step_;
};

/// co_await request.body()
class [[nodiscard]] Body final : public Wait {
 public:
  Body(app::HandlerRun& run, std::size_t bytes_max) : Wait(run), bytes_max_(bytes_max) {}
  std::string await_resume();

 private:
  bool is_over() override;

  std::string collected_;
  std::size_t bytes_max_;
  bool is_complete_ = false;
  bool is_too_long_ = false;
};

/// co_await request.read()
class [[nodiscard]] Read final : public Wait {
 public:
  explicit Read(app::HandlerRun& run) : Wait(run) {}
  std::string_view await_resume();

 private:
  bool is_over() override;

  std::string_view chunk_;
  bool is_complete_ = false;
};

/// co_await out.write(…): the bytes are taken in the call; the wait is for room.
class [[nodiscard]] Write final : public Wait {
 public:
  explicit Write(app::HandlerRun& run) : Wait(run) {}
  void await_resume() const;

 private:
  bool is_over() override;
};

/// What request.offload(…) waits for, apart from the function's type.
class OffloadBase : public Wait {
 public:
  /// Runs the function. Called once, in a thread of the pool.
  virtual void run() noexcept = 0;

 protected:
  using Wait::Wait;
  ~OffloadBase() = default;
  /// Waits for the function, should the frame be destroyed while it runs. Before its captures and result die.
  void join() noexcept;
  std::exception_ptr exception_;

 private:
  friend class app::Dispatcher;
  bool is_over() override;
  bool is_pinned() const override { return ticket_ != nullptr && !is_finished_; }

  // Shared with the pool's thread, because that is the last to need it.
  std::shared_ptr<app::OffloadTicket> ticket_;
  bool is_finished_ = false;
};

/// co_await request.offload(function)
template <class F>
class [[nodiscard]] Offload final : public OffloadBase {
  using Result = std::invoke_result_t<F&>;
  static_assert(!std::is_reference_v<Result>, "an offloaded function can't return a reference: return a value");

 public:
  Offload(app::HandlerRun& run, F function) : OffloadBase(run), function_(std::move(function)) {}
  ~Offload() { join(); }

  Result await_resume() {
    if (exception_) std::rethrow_exception(exception_);
    if (std::exchange(is_taken_, true)) throw std::logic_error("an offload() was awaited twice: its result is taken");
    if constexpr (!std::is_void_v<Result>) return std::move(*result_);
  }

 private:
  void run() noexcept override {
    try {
      if constexpr (std::is_void_v<Result>) {
        function_();
      } else {
        result_.emplace(function_());
      }
    } catch (...) {
      exception_ = std::current_exception();
    }
  }

  struct Nothing {};
  F function_;
  bool is_taken_ = false;
  std::optional<std::conditional_t<std::is_void_v<Result>, Nothing, Result>> result_;
};

}  // namespace detail
}  // namespace outrider
