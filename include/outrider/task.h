// SPDX-License-Identifier: MIT
#pragma once

// Task<T>: the return type of a coroutine.
//
//   Task<int> sum(Request& request) { co_return co_await one(request) + co_await two(request); }
//
// Lazy: nothing of it runs before it is awaited (or, for a handler's task, before the server starts it). Move-only,
// one awaiter. Awaiting transfers control symmetrically, so a chain of tasks needs no stack, in optimized builds.
// An exception that leaves the coroutine comes out of the co_await. Destroying a Task destroys the coroutine where
// it is suspended. Frames come from a free list of the thread, so a steady state allocates nothing.
//
// Thread: a task runs on the thread that resumes it: for a handler's tasks, always its loop's.
//
// Two hazards of the language, and one of the compiler:
//   - A lambda's captures live in the lambda, not in the coroutine. Where the server is given a lambda (App::get(),
//     Response::stream()) it keeps it until the coroutine has ended; a lambda that you call yourself, you must keep.
//   - Parameters that are references or views must outlive the task; the server's own (Request&, ResponseWriter&,
//     std::string_view of a path parameter) do.
//   - GCC 12 miscompiles `co_await f([x] { … })` in some forms: bind a capturing lambda to a name first.

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace outrider {

template <class T = void>
class Task;

namespace detail {

/// Memory for coroutine frames. Thread: any; freeing on another thread than the allocating one is fine.
void* allocate_frame(std::size_t size);
void release_frame(void* frame, std::size_t size) noexcept;

class PromiseBase {
 public:
  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { release_frame(frame, size); }

  std::suspend_always initial_suspend() const noexcept { return {}; }

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> finished) const noexcept {
      PromiseBase& promise = finished.promise();
      if (promise.continuation_) return promise.continuation_;
      // A root: its owner may destroy the coroutine in the call.
      if (promise.on_done_ != nullptr) promise.on_done_(promise.owner_);
      return std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };
  FinalAwaiter final_suspend() const noexcept { return {}; }

  void unhandled_exception() noexcept { exception_ = std::current_exception(); }

  /// Who goes on when the coroutine has ended: the coroutine that awaits it, or for a root an owner that is called.
  void set_continuation(std::coroutine_handle<> continuation) { continuation_ = continuation; }
  void set_owner(void (*on_done)(void*) noexcept, void* owner) {
    on_done_ = on_done;
    owner_ = owner;
  }

 protected:
  void rethrow() const {
    if (exception_) std::rethrow_exception(exception_);
  }

 private:
  std::coroutine_handle<> continuation_;
  void (*on_done_)(void*) noexcept = nullptr;
  void* owner_ = nullptr;
  std::exception_ptr exception_;
};

template <class T>
class Promise final : public PromiseBase {
 public:
  Task<T> get_return_object() noexcept;
  template <class U = T>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() {
    rethrow();
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class Promise<void> final : public PromiseBase {
 public:
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const { rethrow(); }
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
  static_assert(!std::is_reference_v<T>, "a Task can't return a reference: return a pointer or a value");

 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  /// A task without a coroutine; it can only be assigned to and destroyed.
  Task() noexcept = default;
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  /// Runs the coroutine, and completes when it has ended: with its value, or with its exception. Awaiting a task
  /// that has none (moved from, or awaited before) throws std::logic_error.
  auto operator co_await() {
    if (!handle_ || handle_.done()) throw std::logic_error("this Task was moved from, or awaited before");
    return Awaiter{handle_};
  }

  /// Gives the coroutine away; the caller must destroy it.
  Handle release() noexcept { return std::exchange(handle_, nullptr); }

 private:
  friend promise_type;
  explicit Task(Handle handle) noexcept : handle_(handle) {}

  struct Awaiter {
    Handle handle;
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) const noexcept {
      handle.promise().set_continuation(awaiting);
      return handle;
    }
    T await_resume() const { return handle.promise().take(); }
  };

  Handle handle_;
};

namespace detail {

template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

}  // namespace detail
}  // namespace outrider
