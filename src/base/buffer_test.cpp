// SPDX-License-Identifier: MIT
#include "base/buffer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>

namespace outrider {
namespace {

TEST_CASE("an empty buffer has no memory and an empty view") {
  const Buffer buffer;
  CHECK(buffer.empty());
  CHECK(buffer.view().empty());
  CHECK(buffer.capacity() == 0);
}

TEST_CASE("a buffer is the bytes appended less those consumed, whatever the order") {
  Buffer buffer;
  std::string model;
  unsigned random = 1;
  for (int step = 0; step < 5000; ++step) {
    random = random * 1103515245U + 12345U;
    const std::size_t count = (random >> 16) % 300;
    switch ((random >> 8) % 4) {
      case 0:
      case 1: {
        const std::string bytes(count, static_cast<char>('a' + step % 26));
        buffer.append(bytes);
        model += bytes;
        break;
      }
      case 2:
        buffer.consume(std::min(count, buffer.size()));
        model.erase(0, count);
        break;
      default:
        buffer.truncate(buffer.size() - std::min(count, buffer.size()) / 8);
        model.resize(model.size() - std::min(count, model.size()) / 8);
    }
    REQUIRE(buffer.size() == model.size());
    REQUIRE((buffer.view() == model));
  }
}

TEST_CASE("reserve() makes room that is kept by commit()") {
  Buffer buffer;
  buffer.append('x');
  char* to = buffer.reserve(5000);
  std::fill(to, to + 5000, 'y');
  CHECK(buffer.size() == 1);
  buffer.commit(5000);
  CHECK(buffer.view() == "x" + std::string(5000, 'y'));
}

TEST_CASE("room at the front is used before memory is asked for") {
  Buffer buffer;
  buffer.append(std::string(1000, 'a'));
  const std::size_t capacity = buffer.capacity();
  for (int i = 0; i < 100; ++i) {
    buffer.consume(500);
    buffer.append(std::string(500, 'b'));
  }
  CHECK(buffer.capacity() == capacity);
}

TEST_CASE("recycle() keeps memory up to a size") {
  Buffer buffer;
  buffer.append(std::string(2000, 'a'));
  const std::size_t capacity = buffer.capacity();
  buffer.recycle(capacity);
  CHECK(buffer.empty());
  CHECK(buffer.capacity() == capacity);
  buffer.append("a");
  buffer.recycle(capacity - 1);
  CHECK(buffer.capacity() == 0);
  buffer.append("b");
  CHECK(buffer.view() == "b");
}

TEST_CASE("a moved buffer takes its bytes along") {
  Buffer buffer;
  buffer.append("abc");
  buffer.consume(1);
  Buffer moved = std::move(buffer);
  CHECK(moved.view() == "bc");
  CHECK(buffer.empty());  // NOLINT: a moved-from buffer is an empty one
  buffer.append("x");
  moved = std::move(buffer);
  CHECK(moved.view() == "x");
}

}  // namespace
}  // namespace outrider
