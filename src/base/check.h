// SPDX-License-Identifier: MIT
#pragma once

// Assertions about the engine itself. A failed OUTRIDER_CHECK is a bug in Outrider, never the peer's or the
// application's fault: those are values and exceptions (STYLE: three kinds of trouble, three treatments).

#include <cstdio>
#include <cstdlib>

namespace outrider {

[[noreturn]] inline void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "outrider: internal error: %s does not hold (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace outrider

/// Always on: for cheap checks whose failure would corrupt memory or a peer's data.
#define OUTRIDER_CHECK(expression)                                           \
  (__builtin_expect(static_cast<bool>(expression), 1) ? static_cast<void>(0) \
                                                      : ::outrider::check_failed(#expression, __FILE__, __LINE__))

/// On in debug builds only.
#ifdef NDEBUG
#define OUTRIDER_DCHECK(expression) static_cast<void>(0)
#else
#define OUTRIDER_DCHECK(expression) OUTRIDER_CHECK(expression)
#endif
