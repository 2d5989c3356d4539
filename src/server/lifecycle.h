// SPDX-License-Identifier: MIT
#pragma once

// The states of a server, and which may follow which: one table, for both faces.
//
//   Created ─► Starting ─► Ready ─► Draining ─► Stopped
//                 │                    ▲
//                 ├────► Failed        │ (a stop during start-up)
//                 └────────────────────┘
//
// Thread: the value itself is not synchronized; its owner guards it.

#include <string_view>

namespace outrider::server {

enum class State { Created, Starting, Ready, Draining, Stopped, Failed };
inline constexpr int kStateCount = 6;

std::string_view name(State state);

/// Whether `to` may follow `from`.
bool may_follow(State from, State to);

class Lifecycle {
 public:
  State state() const { return state_; }
  /// Goes on to `to` if that may follow; false, and nothing changes, otherwise.
  bool advance(State to);

 private:
  State state_ = State::Created;
};

}  // namespace outrider::server
