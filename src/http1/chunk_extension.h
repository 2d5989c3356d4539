// SPDX-License-Identifier: MIT
#pragma once

// The grammar of chunk extensions (RFC 9112 §7.1.1). They are skipped, but not without a look: recipients that skip
// them by different rules disagree on where the chunk's line ends. Tested by http1/body_reader_test.cpp.

namespace outrider::http1 {

class ChunkExtension {
 public:
  /// The first semicolon has been read.
  void begin() { state_ = State::BeforeName; }

  /// Takes the next byte of the line; false if the grammar doesn't allow it there. CR and LF are never allowed.
  bool take(char byte);

  /// Whether the line may end here.
  bool may_end() const { return state_ == State::Name || state_ == State::Value || state_ == State::AfterQuoted; }

 private:
  enum class State { BeforeName, Name, AfterName, BeforeValue, Value, Quoted, Escaped, AfterQuoted, AfterValue };

  bool take_delimiter(char byte, State after_space, bool may_have_value);

  State state_ = State::BeforeName;
};

}  // namespace outrider::http1
