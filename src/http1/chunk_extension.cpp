// SPDX-License-Identifier: MIT
#include "http1/chunk_extension.h"

#include "base/ascii.h"

namespace outrider::http1 {
namespace {

constexpr bool is_space(char byte) { return byte == ' ' || byte == '\t'; }

}  // namespace

// chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] ); the value is a token or a quoted string.
bool ChunkExtension::take(char byte) {
  switch (state_) {
    case State::BeforeName:
      if (is_space(byte)) return true;
      state_ = State::Name;
      return ascii::is_token_char(byte);
    case State::Name:
      return ascii::is_token_char(byte) || take_delimiter(byte, State::AfterName, true);
    case State::AfterName:
      return take_delimiter(byte, State::AfterName, true);
    case State::BeforeValue:
      if (is_space(byte)) return true;
      state_ = byte == '"' ? State::Quoted : State::Value;
      return byte == '"' || ascii::is_token_char(byte);
    case State::Value:
      return ascii::is_token_char(byte) || take_delimiter(byte, State::AfterValue, false);
    case State::Quoted:
      if (byte == '"') state_ = State::AfterQuoted;
      if (byte == '\\') state_ = State::Escaped;
      return ascii::is_field_byte(byte);
    case State::Escaped:
      state_ = State::Quoted;
      return ascii::is_field_byte(byte);
    case State::AfterQuoted:
    case State::AfterValue:
      return take_delimiter(byte, State::AfterValue, false);
  }
  return false;
}

// What may follow a name or a value: whitespace, but not at the line's end, and the next part.
bool ChunkExtension::take_delimiter(char byte, State after_space, bool may_have_value) {
  if (is_space(byte)) {
    state_ = after_space;
    return true;
  }
  state_ = byte == '=' ? State::BeforeValue : State::BeforeName;
  return byte == ';' || (byte == '=' && may_have_value);
}

}  // namespace outrider::http1
