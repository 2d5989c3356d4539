// SPDX-License-Identifier: MIT
#pragma once

// What all WebSockets of one engine share. Lives longer than any of them.
//
// Thread: loop only.

#include "outrider/limits.h"
#include "outrider/websocket_deflate.h"
#include "websocket/deflate.h"
#include "websocket/message.h"

namespace outrider::loop {
class DeadlineWheel;
class Loop;
}  // namespace outrider::loop

namespace outrider::websocket {

struct Service {
  loop::Loop& loop;
  loop::DeadlineWheel& deadlines;
  const Limits& limits;
  WebSocketDeflate deflate = {};  // set before the first connection
  MessagePool messages = {};
  DeflatePool contexts = {};
};

}  // namespace outrider::websocket
