// SPDX-License-Identifier: MIT
#include "websocket/message.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <vector>

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
          events += std::string(message.view()) + " ";
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

// Strings as a face's objects.
class Strings final : public ObjectMaker {
 public:
  Object make(MessageType, std::size_t size) override {
    if (is_out_of_memory) return {};
    auto* string = new std::string(size, '?');
    alive.insert(string);
    return {string, string->data()};
  }
  void release(void* object) override {
    CHECK(alive.erase(object) == 1);
    delete static_cast<std::string*>(object);
  }

  bool is_out_of_memory = false;
  std::set<void*> alive;
};

// Feeds the bytes `step` at a time, from the reader's own room where it has some; the messages.
std::vector<Message> fed_from_its_room(MessageReader& reader, std::string_view bytes, std::size_t step) {
  std::vector<Message> messages;
  std::string elsewhere;
  while (!bytes.empty()) {
    const std::span<char> room = reader.room();
    std::size_t count = std::min(step, bytes.size());
    if (!room.empty()) count = std::min(count, room.size());
    elsewhere = bytes.substr(0, count);
    std::span<char> rest(elsewhere);
    if (!room.empty()) {
      std::memcpy(room.data(), bytes.data(), count);
      rest = room.first(count);
    }
    bytes.remove_prefix(count);
    while (!rest.empty()) {
      const auto progress = reader.feed(rest);
      if (!progress) return messages;
      rest = rest.subspan(progress.value().consumed);
      if (progress.value().event == MessageReader::Event::Message) messages.push_back(reader.take_message());
    }
  }
  return messages;
}

constexpr std::size_t kSteps[] = {1000, 16 * 1024, 50'000, 1'000'000};
const std::string kLong(100'000, 'x');

TEST_CASE("long payloads are received where they are to lie, in one frame or several") {
  const Limits limits;
  MessagePool pool;
  const std::string wide = "\xe2\x98\x83" + kLong;
  const std::string bytes = text_frame(kLong) + testing::binary_frame(wide) + fragment(1, wide) + ping_frame("p") +
                            fragment(0, kLong, true) + text_frame("short");
  for (const std::size_t step : kSteps) {
    MessageReader reader(limits, pool);
    const std::vector<Message> messages = fed_from_its_room(reader, bytes, step);
    REQUIRE(messages.size() == 4);
    CHECK(messages[0].view() == kLong);
    CHECK(messages[1].view() == wide);
    CHECK(messages[2].view() == wide + kLong);
    CHECK(messages[3].view() == "short");
    CHECK(messages[0].is_ascii);
    CHECK_FALSE(messages[2].is_ascii);
    CHECK(messages[3].is_ascii);  // whatever came before
  }
}

TEST_CASE("there is room only inside of a long payload that isn't dropped") {
  const Limits limits;
  MessagePool pool;
  MessageReader reader(limits, pool);
  CHECK(reader.room().empty());
  std::string bytes = text_frame(kLong);
  REQUIRE(reader.feed(std::span(bytes).first(1000)));
  CHECK(reader.room().size() > 16 * 1024);
  REQUIRE(reader.feed(std::span(bytes).subspan(1000, bytes.size() - 2000)));
  CHECK(reader.room().empty());  // what is left comes with what is behind it
  REQUIRE(reader.feed(std::span(bytes).last(1000)));
  static_cast<void>(reader.take_message());
  bytes = text_frame(kLong);
  REQUIRE(reader.feed(std::span(bytes).first(1000)));
  reader.discard_messages();
  CHECK(reader.room().empty());
}

TEST_CASE("a large message of one frame is received into an object of the face's") {
  const Limits limits;
  Strings strings;
  {
    MessagePool pool;
    const std::string wide = kLong + "\xe2\x98\x83";
    for (const std::size_t step : kSteps) {
      MessageReader reader(limits, pool);
      reader.use_objects(strings);
      const std::vector<Message> messages = fed_from_its_room(
          reader,
          text_frame(kLong) + text_frame(wide) + text_frame("short") + fragment(2, kLong) + fragment(0, kLong, true),
          step);
      REQUIRE(messages.size() == 4);
      CHECK(*static_cast<std::string*>(messages[0].object.get()) == kLong);
      CHECK(messages[0].is_ascii);
      CHECK(messages[1].view() == wide);
      CHECK_FALSE(messages[1].is_ascii);
      CHECK_FALSE(messages[2].object);
      CHECK_FALSE(messages[3].object);
      CHECK(messages[3].view() == kLong + kLong);
      CHECK(strings.alive.size() == 2);
    }
    CHECK(strings.alive.empty());
  }
}

TEST_CASE("after a text that isn't ASCII no further ones are received into objects, but binary messages are") {
  const Limits limits;
  Strings strings;
  MessagePool pool;
  MessageReader reader(limits, pool);
  reader.use_objects(strings);
  const std::string wide = kLong + "\xe2\x98\x83";
  const std::vector<Message> messages = fed_from_its_room(
      reader, text_frame(kLong) + text_frame(wide) + text_frame(kLong) + testing::binary_frame(kLong), 30'000);
  REQUIRE(messages.size() == 4);
  CHECK(messages[0].object);
  CHECK_FALSE(messages[2].object);
  CHECK(messages[2].view() == kLong);
  CHECK(messages[3].object);
}

TEST_CASE("an object goes with a message that doesn't come about, and its want is no fault") {
  const Limits limits;
  Strings strings;
  MessagePool pool;
  {
    MessageReader reader(limits, pool);
    reader.use_objects(strings);
    std::string bytes = text_frame(kLong);
    REQUIRE(reader.feed(std::span(bytes).first(1000)));
    CHECK(strings.alive.size() == 1);
    reader.discard_messages();
    CHECK(strings.alive.empty());
  }
  {
    MessageReader reader(limits, pool);
    reader.use_objects(strings);
    CHECK(fed_from_its_room(reader, text_frame(kLong + "\xff" + kLong), 30'000).empty());
    CHECK(strings.alive.size() == 1);
  }
  CHECK(strings.alive.empty());
  strings.is_out_of_memory = true;
  MessageReader reader(limits, pool);
  reader.use_objects(strings);
  const std::vector<Message> messages = fed_from_its_room(reader, text_frame(kLong), 30'000);
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].payload.view() == kLong);
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
