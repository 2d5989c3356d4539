// SPDX-License-Identifier: MIT
#include "websocket/service.h"

#include <utility>

namespace outrider::websocket {
namespace {

// Large buffers that nothing needed for so long are freed. Messages that come more seldom don't miss them.
constexpr uint64_t kTrimEveryMs = 1000;

}  // namespace

void Service::release(Buffer&& payload) {
  messages.release(std::move(payload));
  if (messages.has_large() && !std::exchange(will_trim_, true)) deadlines.set(*this, kTrimEveryMs);
}

void Service::on_deadline() {
  messages.trim();
  will_trim_ = messages.has_large();
  if (will_trim_) deadlines.set(*this, kTrimEveryMs);
}

}  // namespace outrider::websocket
