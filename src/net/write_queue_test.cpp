// SPDX-License-Identifier: MIT
#include "net/write_queue.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "net/stream.h"

namespace outrider::net {
namespace {

// Takes so many bytes per try_write(), and what write() holds when it is told to.
class SlowStream final : public Stream {
 public:
  explicit SlowStream(std::size_t at_once) : at_once_(at_once) {}

  void set_handler(StreamHandler*) override {}
  void start_reading() override {}
  void stop_reading() override {}
  bool is_peer_gone() const override { return is_broken; }
  std::ptrdiff_t try_write(std::span<const std::string_view> pieces) override {
    REQUIRE(pieces.size() <= kPiecesMax);
    REQUIRE(held_.empty());
    if (is_broken) return -EPIPE;
    std::size_t left = at_once_;
    std::size_t taken = 0;
    for (const std::string_view piece : pieces) {
      REQUIRE(!piece.empty());
      const std::size_t count = std::min(left, piece.size());
      written.append(piece.substr(0, count));
      taken += count;
      left -= count;
    }
    return static_cast<std::ptrdiff_t>(taken);
  }
  void write(std::span<const std::string_view> pieces) override {
    REQUIRE(held_.empty());
    held_.assign(pieces.begin(), pieces.end());
  }
  std::size_t unwritten() const override { return 0; }
  void shut_write() override {}
  void reset_on_close() override {}
  Address local_address() const override { return {}; }
  Address peer_address() const override { return {}; }

  void take_held() {
    for (const std::string_view piece : held_) written.append(piece);
    held_.clear();
  }
  bool holds() const { return !held_.empty(); }

  std::string written;
  bool is_broken = false;

 private:
  std::size_t at_once_;
  std::vector<std::string_view> held_;
};

// A string that knows when it was released.
struct Owned {
  explicit Owned(std::string text) : bytes(std::move(text)) {}
  std::string bytes;
  int released = 0;

  void append_to(WriteQueue& queue) {
    queue.append_owned(bytes, this, [](void* self) {
      auto* owned = static_cast<Owned*>(self);
      ++owned->released;
      owned->bytes.assign(owned->bytes.size(), '!');  // a later look at it shows
    });
  }
};

TEST_CASE("copied and owned pieces leave in order, whatever the stream takes at once") {
  for (std::size_t at_once = 0; at_once < 30; ++at_once) {
    CAPTURE(at_once);
    BufferPool pool;
    WriteQueue queue(pool);
    SlowStream stream(at_once);
    Owned first("<first>"), empty(""), second("<second>");
    queue.buffer().append("head");
    first.append_to(queue);
    queue.buffer().append("|");
    empty.append_to(queue);
    second.append_to(queue);
    queue.buffer().append("tail");
    CHECK(queue.size() == 24);
    WriteQueue::Flush result = queue.flush(stream);
    // More comes while the rest is on its way.
    Owned third("<third>");
    queue.buffer().append("more");
    third.append_to(queue);
    CHECK(third.released == 0);
    for (int i = 0; i < 10 && (stream.holds() || queue.size() > 0); ++i) {
      if (stream.holds()) {
        CHECK(result == WriteQueue::Flush::Pending);
        CHECK(queue.is_in_flight());
        CHECK(queue.flush(stream) == WriteQueue::Flush::Pending);  // one write at a time
        stream.take_held();
        queue.on_write_done();
      }
      result = queue.flush(stream);
    }
    CHECK(result == WriteQueue::Flush::Done);
    CHECK(stream.written == "head<first>|<second>tailmore<third>");
    for (const Owned* owned : {&first, &empty, &second, &third}) CHECK(owned->released == 1);
    CHECK(queue.size() == 0);
    CHECK(queue.flush(stream) == WriteQueue::Flush::Done);
  }
}

TEST_CASE("what goes through is copied as far as the stream doesn't take it, and keeps its place") {
  for (std::size_t at_once = 0; at_once < 30; ++at_once) {
    for (const bool is_behind_owned : {false, true}) {
      CAPTURE(at_once);
      CAPTURE(is_behind_owned);
      BufferPool pool;
      WriteQueue queue(pool);
      SlowStream stream(at_once);
      Owned owned("<owned>");
      if (is_behind_owned) owned.append_to(queue);
      const auto append = [&](std::string bytes) {
        queue.append_through(stream, bytes);
        bytes.assign(bytes.size(), '!');  // a later look at it shows
      };
      append("<first>");
      queue.buffer().append("head");
      append("<second>");
      WriteQueue::Flush result = queue.flush(stream);
      append("<third>");  // perhaps while the rest is on its way
      for (int i = 0; i < 10 && (stream.holds() || queue.size() > 0); ++i) {
        if (stream.holds()) {
          stream.take_held();
          queue.on_write_done();
        }
        result = queue.flush(stream);
      }
      CHECK(result == WriteQueue::Flush::Done);
      CHECK(stream.written == std::string(is_behind_owned ? "<owned>" : "") + "<first>head<second><third>");
    }
  }
}

TEST_CASE("what goes through leaves at once when the stream takes it all") {
  BufferPool pool;
  WriteQueue queue(pool);
  SlowStream stream(100);
  queue.buffer().append("head");
  queue.append_through(stream, "<bytes>");
  CHECK(stream.written == "head<bytes>");
  CHECK(queue.size() == 0);
}

TEST_CASE("more pieces than one call takes leave in several") {
  BufferPool pool;
  WriteQueue queue(pool);
  SlowStream stream(1'000'000);
  std::vector<std::unique_ptr<Owned>> all;
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    all.push_back(std::make_unique<Owned>(std::to_string(i)));
    queue.buffer().append(",");
    all.back()->append_to(queue);
    expected += "," + std::to_string(i);
  }
  CHECK(queue.flush(stream) == WriteQueue::Flush::Done);
  CHECK(stream.written == expected);
}

TEST_CASE("a broken stream is told, and what is left is released with the queue") {
  BufferPool pool;
  Owned waiting("waiting"), flying("flying");
  {
    WriteQueue queue(pool);
    SlowStream stream(1);
    flying.append_to(queue);
    CHECK(queue.flush(stream) == WriteQueue::Flush::Pending);
    waiting.append_to(queue);
    stream.is_broken = true;
    stream.take_held();
    CHECK(flying.released == 0);
    queue.on_write_done();
    CHECK(flying.released == 1);
    CHECK(queue.flush(stream) == WriteQueue::Flush::Broken);
    CHECK(waiting.released == 0);
  }
  CHECK(waiting.released == 1);
  CHECK(flying.released == 1);
}

TEST_CASE("what goes through a broken stream is found out by the next flush") {
  BufferPool pool;
  WriteQueue queue(pool);
  SlowStream stream(100);
  stream.is_broken = true;
  queue.append_through(stream, "lost");
  CHECK(queue.flush(stream) == WriteQueue::Flush::Broken);
}

TEST_CASE("a queue that dies releases what is on its way") {
  BufferPool pool;
  Owned flying("flying");
  {
    WriteQueue queue(pool);
    SlowStream stream(0);
    flying.append_to(queue);
    CHECK(queue.flush(stream) == WriteQueue::Flush::Pending);
  }
  CHECK(flying.released == 1);
}

TEST_CASE("a release may write again") {
  BufferPool pool;
  WriteQueue queue(pool);
  SlowStream stream(100);
  for (int i = 0; i < 3; ++i) {
    queue.append_owned("x", &queue, [](void* owner) { static_cast<WriteQueue*>(owner)->buffer().append("again"); });
  }
  CHECK(queue.flush(stream) == WriteQueue::Flush::Done);
  CHECK(queue.flush(stream) == WriteQueue::Flush::Done);
  CHECK(stream.written == "xxxagainagainagain");
}

TEST_CASE("buffers go back to the pool and come out of it empty") {
  BufferPool pool;
  Buffer small;
  small.append("abc");
  const char* memory = small.data();
  pool.release(std::move(small));
  Buffer again = pool.acquire();
  CHECK(again.empty());
  CHECK(again.capacity() > 0);
  CHECK(again.data() == memory);
  Buffer large;
  large.append(std::string(100'000, 'x'));
  pool.release(std::move(large));
  CHECK(pool.acquire().capacity() == 0);
}

}  // namespace
}  // namespace outrider::net
