// SPDX-License-Identifier: MIT
#pragma once

// Deadlines of many connections over one timer. Nearly every deadline is moved before it passes (each request
// moves its connection's twice), so moving one later costs a store: the entry stays in the slot of its old time
// and is looked at when that slot comes up. Precise to one slot (kSlotMs), never early.
//
// Thread: loop only.

#include <array>
#include <cstdint>

#include "base/list.h"
#include "loop/timer.h"

namespace outrider::loop {

class Loop;
struct DeadlineTag;

/// One object's deadline: derive from it (or hold one) and implement on_deadline().
class Deadline : public ListNode<DeadlineTag> {
 public:
  /// The deadline has passed. It is no longer set; it may be set again, and the object may be destroyed.
  virtual void on_deadline() = 0;

 protected:
  ~Deadline() = default;

 private:
  friend class DeadlineWheel;
  uint64_t at_ms_ = 0;    // 0: none
  uint64_t slot_ms_ = 0;  // when the slot holding this entry comes up
};

class DeadlineWheel {
 public:
  explicit DeadlineWheel(Loop& loop);

  /// Sets or moves the deadline to `delay_ms` from now; 0 means none.
  void set(Deadline& deadline, uint64_t delay_ms);
  void clear(Deadline& deadline) { deadline.at_ms_ = 0; }

 private:
  // Coarse: protocol time-outs are seconds. 256 slots of 125 ms look 32 s ahead; a later deadline waits in the
  // last slot and is put in again from there.
  static constexpr uint64_t kSlotMs = 125;
  static constexpr uint64_t kSlots = 256;

  void insert(Deadline& deadline, uint64_t now);
  void on_timer();
  void arm(uint64_t now);

  Loop& loop_;
  Timer timer_;
  std::array<List<Deadline, DeadlineTag>, kSlots> slots_;
  uint64_t turned_to_;  // slots up to this number have been dealt with
  uint64_t armed_for_ = 0;
};

}  // namespace outrider::loop
