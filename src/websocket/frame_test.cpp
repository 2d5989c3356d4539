// SPDX-License-Identifier: MIT
#include "websocket/frame.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>

#include "testing/fragmenter.h"
#include "testing/websocket_client.h"

namespace outrider::websocket {
namespace {

using namespace std::string_literals;
using testing::ClientFrame;

// The head of a frame, or what is wrong with it and at which byte that was found.
struct HeadRead {
  std::optional<FrameHead> head;
  std::optional<Fault> fault;
  std::size_t used = 0;
};

HeadRead read_head(const testing::Fragments& fragments, bool may_be_compressed = false) {
  FrameHeadReader reader;
  if (may_be_compressed) reader.allow_compression();
  HeadRead read;
  for (const std::string_view fragment : fragments) {
    const auto progress = reader.feed(fragment);
    if (!progress) {
      read.fault = progress.error();
      return read;
    }
    read.used += progress.value().consumed;
    if (!progress.value().is_complete) continue;
    read.head = reader.head();
    return read;
  }
  return read;
}

std::optional<Fault> fault_of(const ClientFrame& frame, bool may_be_compressed = false) {
  std::optional<Fault> fault;
  const std::string bytes = frame.bytes();
  testing::for_each_fragmentation(bytes.substr(0, 20), [&](const testing::Fragments& fragments) {
    fault = read_head(fragments, may_be_compressed).fault;
    CHECK(fault == read_head({bytes}, may_be_compressed).fault);
  });
  return fault;
}

TEST_CASE("the head of a frame is read at every split, for lengths around those where its size changes") {
  for (const std::size_t length : {0, 1, 125, 126, 127, 65535, 65536, 70000}) {
    const std::string bytes = ClientFrame{2, std::string(length, 'x')}.bytes();
    const std::size_t head_size = bytes.size() - length;
    testing::for_each_fragmentation(bytes.substr(0, head_size + 3), [&](const testing::Fragments& fragments) {
      const HeadRead read = read_head(fragments);
      REQUIRE(read.head);
      CHECK(read.used == head_size);
      CHECK(read.head->length == length);
      CHECK(read.head->opcode == Opcode::Binary);
      CHECK(read.head->is_final);
      CHECK_FALSE(read.head->is_compressed);
      CHECK(read.head->mask == Mask{0x12, 0x34, 0xa5, 0xff});
    });
  }
}

TEST_CASE("each mistake in a frame's head is found") {
  CHECK(fault_of({1, "x", true, 1}) == Fault::ReservedBit);
  CHECK(fault_of({1, "x", true, 2}) == Fault::ReservedBit);
  CHECK(fault_of({1, "x", true, 4}) == Fault::ReservedBit);
  for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    CHECK(fault_of({opcode, "x"}) == Fault::ReservedOpcode);
  }
  CHECK(fault_of({1, "x", true, 0, false}) == Fault::NotMasked);
  for (const int opcode : {8, 9, 10}) {
    CHECK(fault_of({opcode, "", false}) == Fault::ControlFragmented);
    CHECK_FALSE(fault_of({opcode, std::string(125, 'x')}));
    CHECK(fault_of({opcode, std::string(126, 'x')}) == Fault::ControlTooLong);
  }
  CHECK(fault_of({2, std::string(125, 'x'), true, 0, true, 2}) == Fault::LengthNotMinimal);
  CHECK(fault_of({2, std::string(126, 'x'), true, 0, true, 8}) == Fault::LengthNotMinimal);
  CHECK(fault_of({2, std::string(65535, 'x'), true, 0, true, 8}) == Fault::LengthNotMinimal);
  CHECK_FALSE(fault_of({2, std::string(65536, 'x'), true, 0, true, 8}));
}

TEST_CASE("a length is less than 2^63") {
  const std::string most = "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\1\2\3\4"s;
  REQUIRE(read_head({most}).head);
  CHECK(read_head({most}).head->length == 0x7fff'ffff'ffff'ffff);
  const std::string more = "\x82\xff\x80\0\0\0\0\0\0\0\1\2\3\4"s;
  CHECK(read_head({more}).fault == Fault::LengthTooLarge);
}

TEST_CASE("a mistake is found at the first byte that shows it") {
  CHECK(read_head({"\xb1"}).fault == Fault::ReservedBit);
  CHECK(read_head({"\x83"}).fault == Fault::ReservedOpcode);
  CHECK(read_head({"\x09"}).fault == Fault::ControlFragmented);
  CHECK(read_head({"\x81\x01"}).fault == Fault::NotMasked);
  CHECK(read_head({"\x89\xfe"}).fault == Fault::ControlTooLong);
  CHECK(read_head({"\x82\xfe\x00\x7d"s}).fault == Fault::LengthNotMinimal);
}

TEST_CASE("RSV1 is taken only on the first frame of a message, and when it was agreed upon") {
  CHECK_FALSE(fault_of({1, "x", true, 4}, true));
  CHECK_FALSE(fault_of({2, "x", false, 4}, true));
  CHECK(fault_of({0, "x", true, 4}, true) == Fault::ReservedBit);
  CHECK(fault_of({9, "x", true, 4}, true) == Fault::ReservedBit);
  CHECK(fault_of({1, "x", true, 6}, true) == Fault::ReservedBit);
}

TEST_CASE("the heads of the server's frames are the shortest, and have no mask") {
  const auto written = [](uint64_t length) {
    char bytes[kHeadBytesMax];
    return std::string(bytes, write_frame_head(bytes, Opcode::Text, false, length));
  };
  CHECK(written(0) == "\x81\x00"s);
  CHECK(written(125) == "\x81\x7d");
  CHECK(written(126) == "\x81\x7e\x00\x7e"s);
  CHECK(written(65535) == "\x81\x7e\xff\xff");
  CHECK(written(65536) == "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"s);
  char bytes[kHeadBytesMax];
  CHECK(std::string(bytes, write_frame_head(bytes, Opcode::Binary, true, 1)) == "\xc2\x01");
}

}  // namespace
}  // namespace outrider::websocket
