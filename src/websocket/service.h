// SPDX-License-Identifier: MIT
#pragma once

// What all WebSockets of one engine share. Lives longer than any of them.
//
// Thread: loop only.

#include "base/buffer.h"
#include "loop/deadline.h"
#include "outrider/limits.h"
#include "outrider/websocket_deflate.h"
#include "websocket/deflate.h"
#include "websocket/message_pool.h"

namespace outrider::loop {
class Loop;
}

namespace outrider::websocket {

struct Service final : private loop::Deadline {
  Service(loop::Loop& its_loop, loop::DeadlineWheel& its_deadlines, const Limits& its_limits)
      : loop(its_loop), deadlines(its_deadlines), limits(its_limits) {}

  /// Gives a message's memory back to `messages`, and sees to it that this keeps what is large no longer than needed.
  void release(Buffer&& payload);

  loop::Loop& loop;
  loop::DeadlineWheel& deadlines;
  const Limits& limits;
  WebSocketDeflate deflate;  // set before the first connection
  MessagePool messages;
  DeflatePool contexts;

 private:
  void on_deadline() override;

  bool will_trim_ = false;
};

}  // namespace outrider::websocket
