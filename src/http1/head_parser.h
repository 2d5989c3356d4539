// SPDX-License-Identifier: MIT
#pragma once

// Bytes → request head (RFC 9112 §2 to §5). No I/O, no clock.
//
// The input is copied into the head's own storage and parsed there line by line, as soon as a line is complete:
// names are folded to lower case in place, and the head stays valid however the input was cut. Delimiters are found
// with memchr, bytes are checked against tables (and 16 at a time in field values).
//
// Tested by http1/head_parser_test.cpp, whole, byte by byte, split everywhere and with trailing bytes.

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "http/request_head.h"
#include "http1/body_framing.h"
#include "http1/protocol_error.h"
#include "outrider/limits.h"

namespace outrider::http1 {

class HeadParser {
 public:
  struct Progress {
    std::size_t consumed;  // bytes of the input that belong to the head; all of them while it is incomplete
    bool is_complete;
  };

  /// `limits` must outlive the parser.
  explicit HeadParser(const Limits& limits) : limits_(limits) {}

  /// Starts a new head, into `head`, which must be recycled and stay until the head is complete.
  void begin(http::RequestHead& head);

  /// Whether the connection is: only then a target may begin with https://.
  void set_secured(bool is_secured) { is_secured_ = is_secured; }

  /// Takes more input. After an error or completion, begin() comes next.
  Result<Progress, ProtocolError> feed(std::string_view bytes);

 private:
  enum class State { RequestLine, Fields, Complete };

  std::optional<Fault> parse_lines();
  std::optional<Fault> check_partial_line() const;
  Fault too_long_request_line() const;
  void find_method();
  std::optional<Fault> on_line(std::size_t length);
  std::optional<Fault> on_request_line(std::size_t length);
  std::optional<Fault> on_target(std::size_t offset, std::size_t length);
  std::optional<Fault> on_absolute_target(std::string_view target, std::size_t offset);
  std::optional<Fault> on_field_line(std::size_t length);

  const Limits& limits_;
  http::RequestHead* head_ = nullptr;
  FramingRules framing_;
  State state_ = State::RequestLine;
  std::size_t line_start_ = 0;  // in the head's storage
  std::size_t scanned_ = 0;     // up to here there is no LF after line_start_
  bool skipped_empty_line_ = false;
  bool is_secured_ = false;
};

}  // namespace outrider::http1
