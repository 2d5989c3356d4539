// SPDX-License-Identifier: MIT
#pragma once

// Bytes → request content: none, of a known length, or chunked (RFC 9112 §6 and §7). No I/O, no clock.
//
// feed() returns one run of content at a time, as a view of its input, so that nothing is copied here.
// Tested by http1/body_reader_test.cpp.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "http/request_head.h"
#include "http1/chunk_extension.h"
#include "http1/protocol_error.h"
#include "outrider/limits.h"

namespace outrider::http1 {

class BodyReader {
 public:
  struct Progress {
    std::size_t consumed;      // bytes of the input that were used up
    std::string_view content;  // what of them is content; a view of the input
    bool is_complete;          // the body has ended; what follows is the next request
  };

  /// `limits` must outlive the reader.
  explicit BodyReader(const Limits& limits) : limits_(limits) {}

  /// Starts the body of that head. An error when it is known from the start to be too large.
  Result<bool, ProtocolError> begin(const http::RequestHead& head);

  /// Forgets the trailers, and gives large storage back: a pooled reader is to hold none.
  void recycle();

  /// Takes more input; call again with the rest as long as something was consumed and the body isn't complete.
  Result<Progress, ProtocolError> feed(std::string_view bytes);

  /// The fields of the trailer section; complete when the body is.
  const http::RequestHead& trailers() const { return trailers_; }

 private:
  enum class State { Length, ChunkSize, ChunkExtension, ChunkLineFeed, ChunkData, ChunkEnd, Trailers, Complete };

  Result<Progress, ProtocolError> feed_data(std::string_view bytes, State next);
  Result<Progress, ProtocolError> feed_chunk_line(std::string_view bytes);
  Result<Progress, ProtocolError> feed_trailers(std::string_view bytes);
  std::optional<Fault> on_chunk_line_byte(char byte);
  std::optional<Fault> on_chunk_size_end();
  std::optional<Fault> on_trailer_line(std::size_t length);

  const Limits& limits_;
  State state_ = State::Complete;
  uint64_t left_ = 0;             // bytes of the body or of the chunk
  uint64_t total_ = 0;            // bytes of all chunks so far
  uint64_t extension_total_ = 0;  // bytes of all chunk extensions so far
  std::size_t line_length_ = 0;   // bytes of the chunk's size line, or of its end, so far
  std::size_t line_start_ = 0;    // of the trailer line, in the trailers' storage
  ChunkExtension extension_;
  http::RequestHead trailers_;
};

}  // namespace outrider::http1
