// SPDX-License-Identifier: MIT
#include "server/lifecycle.h"

#include <array>

namespace outrider::server {
namespace {

constexpr std::array<std::string_view, kStateCount> kNames{"created",  "starting", "ready",
                                                           "draining", "stopped",  "failed"};

// Row: from. Column: to, in the order of the enumeration.
// clang-format off
constexpr bool kMayFollow[kStateCount][kStateCount] = {
    //           created starting ready  draining stopped failed
    /*created */ {false, true,    false, false,   true,   false},
    /*starting*/ {false, false,   true,  true,    false,  true},
    /*ready   */ {false, false,   false, true,    false,  true},
    /*draining*/ {false, false,   false, false,   true,   true},
    /*stopped */ {false, true,    false, false,   false,  false},
    /*failed  */ {false, true,    false, false,   false,  false},
};
// clang-format on

}  // namespace

std::string_view name(State state) { return kNames[static_cast<std::size_t>(state)]; }

bool may_follow(State from, State to) { return kMayFollow[static_cast<int>(from)][static_cast<int>(to)]; }

bool Lifecycle::advance(State to) {
  if (!may_follow(state_, to)) return false;
  state_ = to;
  return true;
}

}  // namespace outrider::server
