// SPDX-License-Identifier: MIT
#pragma once

// What a wait for an offloaded function and the pool's thread share.

#include <atomic>

namespace outrider::detail {
class OffloadBase;
}

namespace outrider::app {

struct OffloadTicket {
  enum class Stage { Queued, Running, Dropped };

  /// Who comes first decides: the pool's thread that runs the function, or the loop that doesn't want it any more.
  bool leave_queue(Stage stage) {
    Stage expected = Stage::Queued;
    return stage_.compare_exchange_strong(expected, stage);
  }

  std::atomic<bool> has_run{false};  // the pool's thread doesn't touch the job any more
  detail::OffloadBase* job;          // null when nobody waits any more. Thread: loop only

 private:
  std::atomic<Stage> stage_{Stage::Queued};
};

}  // namespace outrider::app
