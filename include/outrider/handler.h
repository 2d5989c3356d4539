// SPDX-License-Identifier: MIT
#pragma once

// How a function becomes a handler: its parameters are filled from the request, its result becomes the response.
// app.h says what may be given; everything here is made by App and of no use elsewhere.

#include <charconv>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "outrider/request.h"
#include "outrider/response.h"
#include "outrider/task.h"

namespace outrider {
class WebSocket;
}

namespace outrider::detail {

/// One call of a handler, as the adapters below see it. An answer_…() ends it, start() makes it go on.
class Call {
 public:
  virtual Request& request() = 0;
  /// Only of a websocket route.
  virtual WebSocket& websocket() = 0;
  /// The decoded path parameter at that place of the pattern.
  virtual std::string_view parameter(std::size_t index) const = 0;

  virtual void answer(std::string_view text) = 0;
  virtual void answer(std::string&& text) = 0;
  virtual void answer(Response&& response) = 0;
  /// 204; a WebSocket is closed.
  virtual void answer_nothing() = 0;
  /// A path parameter isn't what the handler takes: 404.
  virtual void answer_not_found() = 0;

  /// Makes an answer of what an ended coroutine left in its promise, or throws what it threw.
  using Finish = void (*)(Call& call, std::coroutine_handle<> ended);
  /// Runs a coroutine. `promise` is its promise; the call owns both from now on.
  virtual void start(std::coroutine_handle<> coroutine, PromiseBase& promise, Finish finish) = 0;

 protected:
  ~Call() = default;
};

/// A handler with its captures. It may be called by several loop threads at once.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual void handle(Call& call) = 0;
  /// How many path parameters it takes by position.
  virtual std::size_t parameter_count() const = 0;
};

// Parameters.

template <class T>
inline constexpr bool is_character = std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<T, char8_t> ||
                                     std::same_as<T, char16_t> || std::same_as<T, char32_t>;

template <class T>
concept Number = std::is_arithmetic_v<T> && !std::same_as<T, bool> && !is_character<T>;

template <class T>
concept PathParameter = Number<T> || std::same_as<T, std::string> || std::same_as<T, std::string_view>;

template <class T>
inline constexpr bool is_request = std::same_as<T, Request&>;
template <class T>
inline constexpr bool is_websocket = std::same_as<T, WebSocket&>;
// What the call has, and isn't made of the path.
template <class T>
inline constexpr bool is_given = is_request<T> || is_websocket<T>;

// A value, or a reference to one that the handler can't change: the value is made for the call.
template <class T>
inline constexpr bool is_argument = is_given<T> ||
                                    (PathParameter<std::remove_cvref_t<T>> &&
                                     (!std::is_lvalue_reference_v<T> || std::is_const_v<std::remove_reference_t<T>>));

// The call has ended when a coroutine goes on after its first wait.
template <class T>
inline constexpr bool outlives_call = is_given<T> || !std::is_reference_v<T>;

/// False when `text` isn't wholly a value of that type.
template <PathParameter T>
bool convert(std::string_view text, T& value) {
  if constexpr (Number<T>) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
  } else {
    value = T(text);
    return true;
  }
}

// Results.

template <class R>
void answer(Call& call, R&& result) {
  using Result = std::remove_cvref_t<R>;
  if constexpr (std::same_as<Result, Response>) {
    call.answer(std::forward<R>(result));
  } else if constexpr (std::same_as<Result, std::string> && !std::is_lvalue_reference_v<R>) {
    call.answer(std::move(result));
  } else {
    call.answer(std::string_view(result));
  }
}

template <class T>
void finish(Call& call, std::coroutine_handle<> ended) {
  auto& promise = std::coroutine_handle<Promise<T>>::from_address(ended.address()).promise();
  if constexpr (std::is_void_v<T>) {
    promise.take();
    call.answer_nothing();
  } else {
    answer(call, promise.take());
  }
}

template <class R>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<Task<T>> = true;

template <class T>
void start(Call& call, Task<T> task) {
  const auto coroutine = task.release();
  if (!coroutine) throw std::logic_error("the handler returned a Task without a coroutine");
  call.start(coroutine, coroutine.promise(), &finish<T>);
}

template <class R>
concept Answer =
    std::is_void_v<R> || std::same_as<std::remove_cvref_t<R>, Response> || std::convertible_to<R, std::string_view>;

// Functions.

template <class F>
struct Signature : Signature<decltype(&F::operator())> {};
template <class R, class... A>
struct Signature<R (*)(A...)> {
  using Result = R;
  using Arguments = std::tuple<A...>;
};
template <class R, class... A>
struct Signature<R (*)(A...) noexcept> : Signature<R (*)(A...)> {};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...)> : Signature<R (*)(A...)> {};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...) const> : Signature<R (*)(A...)> {};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...) const&> : Signature<R (*)(A...)> {};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...) noexcept> : Signature<R (*)(A...)> {};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...) const noexcept> : Signature<R (*)(A...)> {};

// Its parameters can be told: no template, no overloads.
template <class F>
concept HasSignature = (std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>) || requires {
  &F::operator();
};

template <class F>
inline constexpr bool is_std_function = false;
template <class R, class... A>
inline constexpr bool is_std_function<std::function<R(A...)>> = true;

template <class F, class Result, class Arguments>
class HandlerOf;

template <class F, class R, class... A>
class HandlerOf<F, R, std::tuple<A...>> final : public Handler {
  static_assert((is_argument<A> && ...),
                "a handler takes Request& or WebSocket& (not const, not by value) and path parameters: numbers, "
                "std::string, std::string_view, by value or by const reference");
  static_assert(!is_task<R> || (outlives_call<A> && ...),
                "a handler that is a coroutine takes its path parameters by value: a reference would be to something "
                "that is gone after the first co_await");

 public:
  explicit HandlerOf(F function) : function_(std::move(function)) {}

  std::size_t parameter_count() const override { return (std::size_t{0} + ... + (is_given<A> ? 0 : 1)); }

  void handle(Call& call) override { handle(call, std::index_sequence_for<A...>()); }

 private:
  // What is converted for a parameter; nothing for what the call has.
  template <class T>
  using Slot = std::conditional_t<is_given<T>, std::monostate, std::remove_cvref_t<T>>;

  template <std::size_t... I>
  void handle(Call& call, std::index_sequence<I...>) {
    [[maybe_unused]] std::tuple<Slot<A>...> slots;
    [[maybe_unused]] std::size_t next = 0;
    if (!(fill(call, std::get<I>(slots), next) && ...)) return call.answer_not_found();
    if constexpr (is_task<R>) {
      start(call, function_(pass<A>(call, std::get<I>(slots))...));
    } else if constexpr (std::is_void_v<R>) {
      function_(pass<A>(call, std::get<I>(slots))...);
      call.answer_nothing();
    } else {
      answer(call, function_(pass<A>(call, std::get<I>(slots))...));
    }
  }

  static bool fill(Call&, std::monostate&, std::size_t&) { return true; }
  template <class T>
  static bool fill(Call& call, T& slot, std::size_t& next) {
    return convert(call.parameter(next++), slot);
  }

  template <class T, class S>
  static decltype(auto) pass(Call& call, S& slot) {
    if constexpr (is_request<T>) {
      return call.request();
    } else if constexpr (is_websocket<T>) {
      return call.websocket();
    } else {
      static_cast<void>(call);
      return std::move(slot);
    }
  }

  F function_;
};

template <class R>
struct AnswerOf {
  using Type = R;
};
template <class T>
struct AnswerOf<Task<T>> {
  using Type = T;
};

template <class Arguments>
inline constexpr bool takes_websocket = false;
template <class... A>
inline constexpr bool takes_websocket<std::tuple<A...>> = (is_websocket<A> || ...);

// Shared by the App and by every server that was started with it.
template <class F>
std::shared_ptr<Handler> make_shared_handler(F&& function) {
  using Function = std::decay_t<F>;
  if constexpr (std::is_pointer_v<std::remove_cvref_t<F>> || is_std_function<Function>) {
    if (!function) throw std::invalid_argument("the handler is null");
  }
  return std::make_shared<
      HandlerOf<Function, typename Signature<Function>::Result, typename Signature<Function>::Arguments>>(
      std::forward<F>(function));
}

template <class F>
std::shared_ptr<Handler> make_handler(F&& function) {
  using Function = std::decay_t<F>;
  static_assert(HasSignature<Function>,
                "a handler is a function or a lambda with named parameter types: not a generic lambda (auto), not an "
                "overloaded or bound function, not a pointer to a member (wrap these in a lambda)");
  if constexpr (HasSignature<Function>) {
    static_assert(Answer<typename AnswerOf<typename Signature<Function>::Result>::Type>,
                  "a handler returns text (std::string, const char*, std::string_view), a Response, nothing, or a "
                  "Task of one of these");
    static_assert(!takes_websocket<typename Signature<Function>::Arguments>,
                  "a handler that takes WebSocket& is for App::websocket()");
    return make_shared_handler(std::forward<F>(function));
  } else {
    return nullptr;
  }
}

template <class F>
std::shared_ptr<Handler> make_websocket_handler(F&& function) {
  using Function = std::decay_t<F>;
  static_assert(HasSignature<Function>,
                "a handler is a function or a lambda with named parameter types: not a generic lambda (auto), not an "
                "overloaded or bound function, not a pointer to a member (wrap these in a lambda)");
  if constexpr (HasSignature<Function>) {
    static_assert(std::same_as<typename Signature<Function>::Result, Task<void>>,
                  "a WebSocket's handler is a coroutine, or returns a Task<void>");
    static_assert(takes_websocket<typename Signature<Function>::Arguments>,
                  "a WebSocket's handler takes WebSocket& (not const, not by value)");
    return make_shared_handler(std::forward<F>(function));
  } else {
    return nullptr;
  }
}

}  // namespace outrider::detail
