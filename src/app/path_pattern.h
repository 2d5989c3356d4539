// SPDX-License-Identifier: MIT
#pragma once

// A route's pattern, taken apart: "/items/{id}/{rest...}" (outrider/app.h says what it means).

#include <string>
#include <string_view>
#include <vector>

namespace outrider::app {

struct PatternSegment {
  enum class Kind { Text, Parameter, Rest };
  Kind kind;
  std::string text;  // as it is matched; the name of a Parameter or Rest
};

/// How many parameters a pattern may have: so many captures are kept without allocating.
inline constexpr std::size_t kParametersMax = 16;

/// Throws std::invalid_argument, with the pattern and what is wrong with it.
std::vector<PatternSegment> parse_pattern(std::string_view pattern);

}  // namespace outrider::app
