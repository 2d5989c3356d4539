// SPDX-License-Identifier: MIT
#pragma once

// Result<T, E>: a value or the reason why there is none. For troubles that are expected (a peer that breaks the
// protocol); GCC 12 in C++20 mode has no std::expected. There is no TRY macro: `if (!r) return r.error();` is
// visible.

#include <utility>
#include <variant>

#include "base/check.h"

namespace outrider {

template <class T, class E>
class Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit on purpose
  Result(E error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit on purpose

  explicit operator bool() const { return state_.index() == 0; }

  T& value() {
    OUTRIDER_CHECK(state_.index() == 0);
    return *std::get_if<0>(&state_);
  }
  const T& value() const { return const_cast<Result*>(this)->value(); }
  T& operator*() { return value(); }
  T* operator->() { return &value(); }

  const E& error() const {
    OUTRIDER_CHECK(state_.index() == 1);
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, E> state_;
};

}  // namespace outrider
