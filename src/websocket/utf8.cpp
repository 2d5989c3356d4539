// SPDX-License-Identifier: MIT
#include "websocket/utf8.h"

#include <cstring>

namespace outrider::websocket {
namespace {

using Words = uint64_t __attribute__((vector_size(16)));

// How many bytes at the front are ASCII, in steps of 64: the caller looks at what is left.
std::size_t ascii_run(const char* bytes, std::size_t count) {
  const auto load = [bytes](std::size_t at) {
    Words words;
    std::memcpy(&words, bytes + at, sizeof words);
    return words;
  };
  constexpr std::size_t kSize = sizeof(Words);
  std::size_t at = 0;
  for (; count - at >= 4 * kSize; at += 4 * kSize) {
    const Words all = (load(at) | load(at + kSize)) | (load(at + 2 * kSize) | load(at + 3 * kSize));
    if (((all[0] | all[1]) & 0x8080808080808080) != 0) break;
  }
  return at;
}

}  // namespace

bool Utf8Validator::feed(std::string_view bytes) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (at < end) {
    const auto byte = static_cast<uint8_t>(*at);
    if (wanted_ > 0) {
      if (byte < lowest_ || byte > highest_) return false;
      lowest_ = 0x80;
      highest_ = 0xbf;
      --wanted_;
      ++at;
    } else if (byte < 0x80) {
      at += ascii_run(at, static_cast<std::size_t>(end - at));
      while (at < end && static_cast<uint8_t>(*at) < 0x80) ++at;
    } else {
      if (!begin_character(byte)) return false;
      ++at;
    }
  }
  return true;
}

// RFC 3629 §4: the second byte of some characters has a smaller range, so that none is longer than it need be, a
// surrogate, or beyond U+10FFFF.
bool Utf8Validator::begin_character(uint8_t byte) {
  is_ascii_ = false;
  if (byte < 0xc2 || byte > 0xf4) return false;
  wanted_ = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
  if (byte == 0xe0) lowest_ = 0xa0;
  if (byte == 0xed) highest_ = 0x9f;
  if (byte == 0xf0) lowest_ = 0x90;
  if (byte == 0xf4) highest_ = 0x8f;
  return true;
}

bool is_utf8(std::string_view text) {
  Utf8Validator validator;
  return validator.feed(text) && validator.is_complete();
}

}  // namespace outrider::websocket
