// SPDX-License-Identifier: MIT
#include "websocket/message_pool.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

namespace outrider::websocket {
namespace {

constexpr std::size_t kLarge = 100'000;

Buffer buffer_of(std::size_t size) {
  Buffer buffer;
  buffer.append(std::string(size, 'x'));
  return buffer;
}

TEST_CASE("the pool keeps the memory of small messages, which come back empty") {
  MessagePool pool;
  Buffer small = buffer_of(1);
  const char* memory = small.data();
  pool.release(std::move(small));
  const Buffer again = pool.acquire();
  CHECK(again.data() == memory);
  CHECK(again.empty());
}

TEST_CASE("the pool keeps the memory of large messages for large ones") {
  MessagePool pool;
  pool.release(buffer_of(kLarge));
  CHECK(pool.has_large());
  CHECK(pool.acquire().capacity() == 0);
  CHECK(pool.acquire(kLarge).capacity() == kLarge);
  CHECK(!pool.has_large());
}

TEST_CASE("the pool frees what is larger than it keeps, and what is more") {
  MessagePool pool;
  pool.release(buffer_of(1024 * 1024 + 1));
  CHECK(!pool.has_large());
  for (int i = 0; i < 65; ++i) pool.release(buffer_of(kLarge));
  int kept = 0;
  for (; pool.has_large(); ++kept) static_cast<void>(pool.acquire(kLarge));
  CHECK(kept == 64);
}

TEST_CASE("large buffers are freed that weren't needed from one trim to the next") {
  MessagePool pool;
  for (int i = 0; i < 5; ++i) pool.release(buffer_of(kLarge));
  pool.trim();  // all five were released only now
  std::vector<Buffer> taken;
  for (int i = 0; i < 3; ++i) taken.push_back(pool.acquire(kLarge));
  for (Buffer& buffer : taken) pool.release(std::move(buffer));
  pool.trim();  // two weren't needed
  for (int i = 0; i < 3; ++i) CHECK(pool.acquire(kLarge).capacity() == kLarge);
  CHECK(!pool.has_large());
  pool.release(buffer_of(kLarge));
  pool.trim();
  CHECK(pool.has_large());
  pool.trim();
  CHECK(!pool.has_large());
}

}  // namespace
}  // namespace outrider::websocket
