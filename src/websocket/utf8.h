// SPDX-License-Identifier: MIT
#pragma once

// Whether bytes are UTF-8 (RFC 3629), as they come: a text message's bytes arrive cut anywhere, and what can't become
// UTF-8 any more is known at its first such byte.
//
// Thread: any.

#include <cstdint>
#include <string_view>

namespace outrider::websocket {

class Utf8Validator {
 public:
  /// More bytes. False: these aren't UTF-8 whatever follows; the validator is then to be reset.
  bool feed(std::string_view bytes);
  /// Whether the text may end here.
  bool is_complete() const { return wanted_ == 0; }
  /// Whether every byte since the beginning, or the last reset(), was ASCII.
  bool is_ascii() const { return is_ascii_; }
  void reset() { *this = Utf8Validator(); }

 private:
  // Of the character that is under way: how many bytes it still wants, and the range of the next one.
  uint8_t wanted_ = 0;
  uint8_t lowest_ = 0x80;
  uint8_t highest_ = 0xbf;
  bool is_ascii_ = true;

  bool begin_character(uint8_t byte);
};

bool is_utf8(std::string_view text);

}  // namespace outrider::websocket
