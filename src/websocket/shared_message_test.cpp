// SPDX-License-Identifier: MIT
#include "websocket/shared_message.h"

#include <doctest/doctest.h>

#include <string>

namespace outrider::websocket {
namespace {

TEST_CASE("a shared message has its bytes once, for all its copies and frames") {
  http::Piece frame;
  {
    const SharedMessage message(MessageType::Text, "hello");
    SharedMessage copy(MessageType::Binary, "other");
    copy = message;
    const SharedMessage another(copy);
    CHECK(another.payload() == "hello");
    CHECK(another.payload().data() == message.payload().data());
    CHECK(another.opcode() == Opcode::Text);
    frame = another.frame();
  }
  CHECK(frame.bytes == "\x81\x05hello");  // what was sent outlives the message
  frame.release(frame.owner);
}

TEST_CASE("a shared message's compressed form is set once") {
  const SharedMessage message(MessageType::Binary, "hello");
  CHECK(message.compressed_bits() == 0);
  message.set_compressed("abc", 10);
  message.set_compressed("other", 12);
  CHECK(message.compressed_bits() == 10);
  const http::Piece frame = message.compressed_frame();
  CHECK(frame.bytes ==
        "\xc2\x03"
        "abc");
  frame.release(frame.owner);
}

}  // namespace
}  // namespace outrider::websocket
