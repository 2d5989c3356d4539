// SPDX-License-Identifier: MIT
#pragma once

// What a wait for an offloaded function and the pool's thread share.

#include <atomic>

namespace outrider::detail {
class OffloadBase;
}

namespace outrider::app {

struct OffloadTicket {
  std::atomic<bool> has_run{false};  // the pool's thread doesn't touch the job any more
  detail::OffloadBase* job;          // null when nobody waits any more. Thread: loop only
};

}  // namespace outrider::app
