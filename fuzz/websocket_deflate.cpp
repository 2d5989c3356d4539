// SPDX-License-Identifier: MIT
// What is compressed is inflated again, with every window, with and without context, however it is cut; and what only
// claims to be compressed makes the same of it however it is cut, within its limit.
//
// Input: a byte of choices, one of the window, three lengths of fragments, then messages or hostile bytes.

#include <string>

#include "support.h"
#include "websocket/deflate.h"

namespace outrider::fuzz {
namespace {

using websocket::Inflater;

constexpr std::size_t kLimit = 4096;

// "too long", "invalid", or what came of it.
std::string inflate(Inflater& inflater, const Fragments& fragments, std::size_t limit) {
  Buffer to;
  Inflater::Outcome outcome = Inflater::Outcome::Fine;
  for (const std::string_view fragment : fragments) {
    if (outcome == Inflater::Outcome::Fine) outcome = inflater.inflate(fragment, to, limit);
  }
  if (outcome == Inflater::Outcome::Fine) outcome = inflater.end_message(to, limit);
  check(to.size() <= limit, "the limit holds");
  check(to.capacity() <= 4 * limit + 8192, "the memory is bounded");
  if (outcome == Inflater::Outcome::TooLong) return "too long";
  return outcome == Inflater::Outcome::Invalid ? "invalid" : "fine " + std::string(to.view());
}

void check_round_trip(std::string_view bytes, const Cut& cut, const websocket::DeflateAgreement& agreement) {
  const WebSocketDeflate config;
  websocket::DeflatePool pool;
  websocket::Compression sender(config, pool, agreement);
  Inflater inflater(agreement.server_window_bits);
  std::size_t count = 0;
  for (const std::string_view payload : cut.of(bytes)) {
    Buffer compressed;
    const bool is_foreign = ++count % 3 == 0;  // as a shared message is
    if (is_foreign) {
      pool.deflater(config, 9).compress(payload, compressed);
      sender.on_foreign_message();
    } else {
      sender.compress(payload, compressed);
    }
    const std::string inflated = inflate(inflater, cut.of(compressed.view()), payload.size());
    check(inflated == "fine " + std::string(payload), "what was compressed is inflated");
  }
}

void check_hostile(std::string_view bytes, const Cut& cut, int bits) {
  // Several messages with one context, each as long as a fragment; and the same cut further.
  Inflater whole(bits), cut_up(bits);
  for (const std::string_view message : cut.of(bytes)) {
    const std::string expected = inflate(whole, {message}, kLimit);
    check(inflate(cut_up, single_bytes(message), kLimit) == expected, "bytes and the whole come to the same");
    if (!expected.starts_with("fine")) return;
  }
}

}  // namespace
}  // namespace outrider::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace outrider;
  fuzz::Input input(data, size);
  const std::size_t choices = input.byte();
  const int bits = 9 + static_cast<int>(input.byte() % 7);
  const fuzz::Cut cut(input);
  if ((choices & 1) == 0) {
    fuzz::check_hostile(input.rest(), cut, bits);
    return 0;
  }
  websocket::DeflateAgreement agreement;
  agreement.server_window_bits = bits;
  agreement.server_no_context_takeover = (choices & 2) != 0;
  fuzz::check_round_trip(input.rest(), cut, agreement);
  return 0;
}
