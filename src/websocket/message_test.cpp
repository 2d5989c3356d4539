// SPDX-License-Identifier: MIT
#include "websocket/message.h"

#include <doctest/doctest.h>

#include <string>

#include "testing/fragmenter.h"
#include "testing/websocket_client.h"

namespace outrider::websocket {
namespace {

using namespace std::string_literals;
using testing::ClientFrame;
using testing::close_frame;
using testing::ping_frame;
using testing::pong_frame;
using testing::text_frame;

// What comes of the bytes: "text:…", "binary:…", "ping:…" and so on, then the fault if there is one.
std::string events_of(const testing::Fragments& fragments, const Limits& limits, bool discards = false) {
  MessagePool pool;
  MessageReader reader(limits, pool);
  if (discards) reader.discard_messages();
  std::string events;
  for (const std::string_view fragment : fragments) {
    std::string bytes(fragment);
    std::span<char> rest(bytes);
    while (!rest.empty()) {
      const auto progress = reader.feed(rest);
      if (!progress) return events + "fault:" + std::string(sentence(progress.error()));
      rest = rest.subspan(progress.value().consumed);
      const std::string control(reader.control());
      switch (progress.value().event) {
        case MessageReader::Event::None:
          break;
        case MessageReader::Event::Message: {
          const Message message = reader.take_message();
          events += message.type == MessageType::Text ? "text:" : "binary:";
          events += std::string(message.payload.view()) + " ";
          break;
        }
        case MessageReader::Event::Ping:
          events += "ping:" + control + " ";
          break;
        case MessageReader::Event::Pong:
          events += "pong:" + control + " ";
          break;
        case MessageReader::Event::Close:
          return events + "close:" + control;
      }
    }
  }
  return events;
}

std::string events(const std::string& bytes, const Limits& limits = {}, bool discards = false) {
  const std::string whole = events_of({bytes}, limits, discards);
  testing::for_each_fragmentation(
      bytes, [&](const testing::Fragments& fragments) { CHECK(events_of(fragments, limits, discards) == whole); });
  return whole;
}

std::string fragment(int opcode, const std::string& payload, bool is_final = false) {
  return ClientFrame{opcode, payload, is_final}.bytes();
}

TEST_CASE("frames become messages, and fragments one") {
  CHECK(events(text_frame("hello") + testing::binary_frame("\1\2")) == "text:hello binary:\1\2 ");
  CHECK(events(text_frame("") + fragment(1, "") + fragment(0, "") + fragment(0, "", true)) == "text: text: ");
  CHECK(events(fragment(1, "he") + fragment(0, "l") + fragment(0, "lo", true)) == "text:hello ");
  CHECK(events(fragment(2, "he") + fragment(0, "") + fragment(0, "llo", true)) == "binary:hello ");
}

TEST_CASE("control frames come between fragments") {
  CHECK(events(fragment(1, "he") + ping_frame("p") + fragment(0, "l") + pong_frame("") + fragment(0, "lo", true)) ==
        "ping:p pong: text:hello ");
  CHECK(events(fragment(1, "he") + close_frame(1000)) == "close:\x03\xe8");
  CHECK(events(ping_frame("") + ping_frame(std::string(125, 'x'))) == "ping: ping:" + std::string(125, 'x') + " ");
}

TEST_CASE("fragments out of order are faults") {
  CHECK(events(fragment(0, "x", true)) == "fault:there is no message to continue");
  CHECK(events(text_frame("a") + fragment(0, "x", true)) == "text:a fault:there is no message to continue");
  CHECK(events(fragment(1, "x") + text_frame("y")) == "fault:a message begins inside another");
  CHECK(events(fragment(1, "x") + fragment(2, "y")) == "fault:a message begins inside another");
}

TEST_CASE("texts are validated over all their fragments, and only texts") {
  CHECK(events(fragment(1, "\xe2\x82") + fragment(0, "\xac", true)) == "text:\xe2\x82\xac ");
  CHECK(events(fragment(1, "\xe2\x82") + ping_frame("") + fragment(0, "(", true)) ==
        "ping: fault:the text is not UTF-8");
  CHECK(events(text_frame("\xe2\x82")) == "fault:the text is not UTF-8");  // ends inside of a character
  CHECK(events(testing::binary_frame("\xff")) == "binary:\xff ");
  CHECK(events(text_frame("\xe2\x82\xac") + text_frame("a")) == "text:\xe2\x82\xac text:a ");
}

TEST_CASE("what can't become UTF-8 is found before the frame is complete") {
  const std::string bytes = text_frame("ab\xff" + std::string(100, 'x'));
  CHECK(events_of({bytes.substr(0, 9)}, {}) == "fault:the text is not UTF-8");  // six bytes of head
  CHECK(events_of({bytes.substr(0, 8)}, {}).empty());
}

TEST_CASE("a message is at most as long as websocket_message_bytes_max") {
  Limits limits;
  limits.websocket_message_bytes_max = 10;
  CHECK(events(text_frame("123456789"), limits) == "text:123456789 ");
  CHECK(events(text_frame("1234567890"), limits) == "text:1234567890 ");
  CHECK(events(text_frame("12345678901"), limits) == "fault:the message is too long");
  CHECK(events(fragment(1, "12345") + fragment(0, "67890", true), limits) == "text:1234567890 ");
  CHECK(events(fragment(1, "12345") + fragment(0, "678901", true), limits) == "fault:the message is too long");
  // Known from the head.
  CHECK(events_of({text_frame("12345678901").substr(0, 6)}, limits) == "fault:the message is too long");
  limits.websocket_message_bytes_max = 0;
  CHECK(events(text_frame(""), limits) == "text: ");
  CHECK(events(text_frame("1"), limits) == "fault:the message is too long");
}

TEST_CASE("a frame is at most as long as websocket_frame_bytes_max") {
  Limits limits;
  limits.websocket_frame_bytes_max = 4;
  CHECK(events(text_frame("123") + text_frame("1234"), limits) == "text:123 text:1234 ");
  CHECK(events(text_frame("12345"), limits) == "fault:the frame is too long");
  CHECK(events(fragment(1, "1234") + fragment(0, "5678", true), limits) == "text:12345678 ");
  CHECK(events(ping_frame("12345"), limits) == "ping:12345 ");  // it has a limit of its own
}

TEST_CASE("a reader that discards messages goes on with control frames") {
  CHECK(events(text_frame("a") + fragment(0, "b", true) + ping_frame("p") + close_frame(1001), {}, true) ==
        "ping:p close:\x03\xe9");
  MessagePool pool;
  const Limits limits;
  MessageReader reader(limits, pool);
  std::string bytes = text_frame("hello") + close_frame(1000);
  REQUIRE(reader.feed(std::span(bytes).first(8)));
  CHECK(reader.is_in_frame());
  reader.discard_messages();
  const auto progress = reader.feed(std::span(bytes).subspan(8));
  REQUIRE(progress);
  CHECK(progress.value().event == MessageReader::Event::Close);
}

}  // namespace
}  // namespace outrider::websocket
