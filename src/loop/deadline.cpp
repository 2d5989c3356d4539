// SPDX-License-Identifier: MIT
#include "loop/deadline.h"

#include <algorithm>

#include "loop/loop.h"

namespace outrider::loop {

DeadlineWheel::DeadlineWheel(Loop& loop)
    : loop_(loop), timer_(loop, [this] { on_timer(); }), turned_to_(loop.now_ms() / kSlotMs) {}

void DeadlineWheel::set(Deadline& deadline, uint64_t delay_ms) {
  if (delay_ms == 0) return clear(deadline);
  const uint64_t now = loop_.now_ms();
  deadline.at_ms_ = now + delay_ms;
  if (deadline.is_linked() && deadline.slot_ms_ <= deadline.at_ms_) return;  // it will be looked at early enough
  deadline.unlink();
  insert(deadline, now);
}

void DeadlineWheel::insert(Deadline& deadline, uint64_t now) {
  if (armed_for_ == 0) turned_to_ = std::max(turned_to_, now / kSlotMs);  // nothing was waiting: catch up
  const uint64_t furthest = turned_to_ + kSlots - 1;
  // Rounded up: a slot comes up when all deadlines in it have passed.
  const uint64_t slot = std::clamp((deadline.at_ms_ + kSlotMs - 1) / kSlotMs, turned_to_ + 1, furthest);
  deadline.slot_ms_ = slot * kSlotMs;
  slots_[slot % kSlots].push_back(deadline);
  if (armed_for_ == 0 || slot < armed_for_) {
    armed_for_ = slot;
    arm(now);
  }
}

void DeadlineWheel::arm(uint64_t now) {
  const uint64_t at = armed_for_ * kSlotMs;
  timer_.start(std::chrono::milliseconds(at > now ? at - now : 0));
}

void DeadlineWheel::on_timer() {
  const uint64_t now = loop_.now_ms();
  const uint64_t due = now / kSlotMs;
  List<Deadline, DeadlineTag> passed;
  for (uint64_t slot = turned_to_ + 1; slot <= std::min(due, turned_to_ + kSlots); ++slot) {
    passed.splice_back(slots_[slot % kSlots]);
  }
  turned_to_ = std::max(turned_to_, due);
  armed_for_ = 0;
  while (Deadline* deadline = passed.pop_front()) {
    if (deadline->at_ms_ == 0) continue;
    if (deadline->at_ms_ > now) {
      insert(*deadline, now);
      continue;
    }
    deadline->at_ms_ = 0;
    deadline->on_deadline();
  }
  for (uint64_t slot = turned_to_ + 1; slot < turned_to_ + kSlots; ++slot) {
    if (slots_[slot % kSlots].empty() || (armed_for_ != 0 && armed_for_ <= slot)) continue;
    armed_for_ = slot;
    break;
  }
  if (armed_for_ != 0) arm(now);
}

}  // namespace outrider::loop
