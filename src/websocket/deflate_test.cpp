// SPDX-License-Identifier: MIT
#include "websocket/deflate.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "testing/fragmenter.h"

namespace outrider::websocket {
namespace {

using namespace std::literals;
using Outcome = Inflater::Outcome;

constexpr std::size_t kNoLimit = 1 << 24;

DeflateAgreement agreement_of(int bits, bool has_takeover) {
  DeflateAgreement agreement;
  agreement.server_window_bits = agreement.client_window_bits = bits;
  agreement.server_no_context_takeover = agreement.client_no_context_takeover = !has_takeover;
  return agreement;
}

std::string compressed_of(Compression& compression, const std::string& payload) {
  Buffer to;
  compression.compress(payload, to);
  return std::string(to.view());
}

// Text with repetitions at all distances, and some without.
std::string varied_text(std::size_t size) {
  std::string text;
  uint32_t random = 1;
  while (text.size() < size) {
    random = random * 1664525 + 1013904223;
    if (random >> 30 == 0 && !text.empty()) {
      text += text.substr(random % text.size(), 300);
    } else {
      text += std::to_string(random);
    }
  }
  text.resize(size);
  return text;
}

// Inflates one message; "invalid" or "too long" when it isn't one.
std::string inflated(Inflater& inflater, const testing::Fragments& fragments, std::size_t size_max = kNoLimit) {
  Buffer to;
  Outcome outcome = Outcome::Fine;
  for (const std::string_view fragment : fragments) {
    if (outcome == Outcome::Fine) outcome = inflater.inflate(fragment, to, size_max);
  }
  if (outcome == Outcome::Fine) outcome = inflater.end_message(to, size_max);
  if (outcome == Outcome::Invalid) return "invalid";
  if (outcome == Outcome::TooLong) {
    CHECK(to.size() == size_max);
    return "too long";
  }
  return std::string(to.view());
}

std::string inflated_fresh(const std::string& bytes, std::size_t size_max = kNoLimit) {
  Inflater whole_inflater(15);
  const std::string whole = inflated(whole_inflater, {bytes}, size_max);
  testing::for_each_fragmentation(bytes, [&](const testing::Fragments& fragments) {
    Inflater inflater(15);
    CHECK(inflated(inflater, fragments, size_max) == whole);
  });
  return whole;
}

TEST_CASE("a limit as large as sizes get is none") {
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  CHECK(inflated_fresh("\xf2\x48\xcd\xc9\xc9\x07\x00"s, most) == "Hello");
}

TEST_CASE("the examples of RFC 7692 §7.2.3 are inflated, at every split") {
  CHECK(inflated_fresh("\xf2\x48\xcd\xc9\xc9\x07\x00"s) == "Hello");
  CHECK(inflated_fresh("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"s) == "Hello");          // not compressed
  CHECK(inflated_fresh("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"s) == "Hello");                      // BFINAL
  CHECK(inflated_fresh("\xf3\x48\xcd\xc9\xc9\x07\x00"s) == "Hello");                          // and nothing behind
  CHECK(inflated_fresh("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"s) == "Hello");  // two blocks
  CHECK(inflated_fresh("\x00"s).empty());
  Inflater inflater(15);
  CHECK(inflated(inflater, {"\xf2\x48\xcd\xc9\xc9\x07\x00"sv}) == "Hello");
  CHECK(inflated(inflater, {"\xf2\x00\x11\x00\x00"sv}) == "Hello");  // refers to the first
}

TEST_CASE("the window goes on behind a block that says it is the last one") {
  Inflater inflater(15);
  CHECK(inflated(inflater, {"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"sv}) == "Hello");
  CHECK(inflated(inflater, {"\xf2\x00\x11\x00\x00"sv}) == "Hello");
  CHECK(inflated(inflater, {"\xf3\x48\xcd\xc9\xc9\x07\x00"sv}) == "Hello");
  CHECK(inflated(inflater, {"\xf2\x00\x11\x00\x00"sv}) == "Hello");
}

TEST_CASE("what isn't compressed rightly, or is cut short, is invalid") {
  CHECK(inflated_fresh("\xff\xff\xff"s) == "invalid");
  CHECK(inflated_fresh("\xf2\x00\x11\x00\x00"s) == "invalid");          // refers to what never was
  CHECK(inflated_fresh("\xf2\x48\xcd\xc9"s) == "invalid");              // ends inside of a block
  CHECK(inflated_fresh("\x00\x05\x00\xfa\xff\x48\x65"s) == "invalid");  // the same
  CHECK(inflated_fresh(""s) == "invalid");  // RFC 7692 §7.2.3.6: even nothing takes a byte
}

TEST_CASE("messages of all sizes come through all windows, with and without context") {
  const WebSocketDeflate config;
  for (int bits = 9; bits <= 15; ++bits) {
    for (const bool has_takeover : {true, false}) {
      DeflatePool pool;
      Compression sender(config, pool, agreement_of(bits, has_takeover));
      Compression receiver(config, pool, agreement_of(bits, has_takeover));
      Inflater strict(has_takeover ? bits : 15);  // the window that was promised is enough
      for (const std::size_t size : {1, 2, 100, 4096, 70'000, 3}) {
        const std::string text = varied_text(size);
        const std::string bytes = compressed_of(sender, text);
        Buffer to;
        CHECK(receiver.inflate(bytes, to, kNoLimit) == Outcome::Fine);
        CHECK(receiver.end_message(to, kNoLimit) == Outcome::Fine);
        CHECK(to.view() == text);
        CHECK(inflated(strict, {bytes}) == text);
      }
    }
  }
}

TEST_CASE("a context makes the second of two equal messages small, and without one it isn't") {
  const WebSocketDeflate config;
  DeflatePool pool;
  const std::string text = varied_text(500);
  Compression with(config, pool, agreement_of(12, true));
  Compression without(config, pool, agreement_of(12, false));
  compressed_of(with, text);
  const std::string first = compressed_of(without, text);
  CHECK(compressed_of(with, text).size() < 30);
  CHECK(compressed_of(without, text) == first);
  CHECK(first.size() > 100);
}

TEST_CASE("behind a message of another's making nothing refers to what was before it") {
  const WebSocketDeflate config;
  DeflatePool pool;
  Compression sender(config, pool, agreement_of(12, true));
  Inflater peer(12);
  const std::string text = varied_text(500);
  const std::string foreign = varied_text(3000);
  CHECK(inflated(peer, {compressed_of(sender, text)}) == text);
  Buffer independent;
  pool.deflater(config, 12).compress(foreign, independent);
  CHECK(inflated(peer, {independent.view()}) == foreign);
  sender.on_foreign_message();
  for (int i = 0; i < 3; ++i) CHECK(inflated(peer, {compressed_of(sender, text)}) == text);
}

TEST_CASE("a message is inflated to its limit and not beyond") {
  const WebSocketDeflate config;
  DeflatePool pool;
  Compression sender(config, pool, agreement_of(15, false));
  const std::string text = varied_text(1000);
  const std::string bytes = compressed_of(sender, text);
  CHECK(inflated_fresh(bytes, 1001) == text);
  CHECK(inflated_fresh(bytes, 1000) == text);
  CHECK(inflated_fresh(bytes, 999) == "too long");
}

TEST_CASE("a bomb is found while it is inflated, and takes no more memory than the limit") {
  const WebSocketDeflate config;
  DeflatePool pool;
  Compression sender(config, pool, agreement_of(15, false));
  const std::string bomb = compressed_of(sender, std::string(64 << 20, 'x'));
  CHECK(bomb.size() < 600'000);
  Inflater inflater(15);
  Buffer to;
  CHECK(inflater.inflate(bomb, to, 100'000) == Outcome::TooLong);
  CHECK(to.capacity() < 400'000);
}

TEST_CASE("messages below the least size, and empty ones, aren't worth compressing") {
  WebSocketDeflate config;
  DeflatePool pool;
  config.message_bytes_min = 256;
  CHECK_FALSE(Compression(config, pool, agreement_of(12, true)).is_worth(255));
  CHECK(Compression(config, pool, agreement_of(12, true)).is_worth(256));
  config.message_bytes_min = 0;
  CHECK_FALSE(Compression(config, pool, agreement_of(12, true)).is_worth(0));
  CHECK(Compression(config, pool, agreement_of(12, true)).is_worth(1));
}

}  // namespace
}  // namespace outrider::websocket
