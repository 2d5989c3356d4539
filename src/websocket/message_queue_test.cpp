// SPDX-License-Identifier: MIT
#include "websocket/message_queue.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

namespace outrider::websocket {
namespace {

Message message_of(const std::string& text) {
  Message message;
  message.payload.append(text);
  return message;
}

TEST_CASE("messages leave the queue in the order in which they came, and are counted") {
  MessageQueue queue;
  std::size_t pushed = 0, popped = 0, bytes = 0;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < round % 7; ++i) {
      const std::string text = std::to_string(pushed++);
      bytes += text.size();
      queue.push(message_of(text));
    }
    for (int i = 0; i < round % 5 && !queue.empty(); ++i) {
      const std::string expected = std::to_string(popped++);
      CHECK(queue.front().payload.view() == expected);
      CHECK(queue.pop().view() == expected);
      bytes -= expected.size();
    }
    CHECK(queue.count() == pushed - popped);
    CHECK(queue.bytes() == bytes);
  }
  queue.clear();
  CHECK(queue.empty());
  CHECK(queue.bytes() == 0);
}

}  // namespace
}  // namespace outrider::websocket
