// SPDX-License-Identifier: MIT
#pragma once
// Reads HTTP/1.1 responses for the load client and compares every one, byte for byte, with the body
// that the workload must produce. A server that answers quickly but wrongly must not win.
//
// Not a general HTTP client: the expected body is known in advance, so nothing is stored but a head
// that arrived in pieces.

#include <cstddef>
#include <string>
#include <string_view>

#include "protocol.h"

namespace bench {

class ResponseReader {
 public:
  // `expected_body` must outlive the reader.
  explicit ResponseReader(std::string_view expected_body) : expected_(expected_body) {}

  // Consumes from the front of `data` up to the end of one response. After Complete the rest of `data` belongs to
  // the next response and the reader is ready for it; after Bad the connection is of no further use.
  Outcome feed(std::string_view& data);

  // Whether the last complete response said `connection: close`.
  bool closes() const { return closes_; }
  const char* trouble() const { return trouble_; }

 private:
  enum class State { Head, Body, ChunkSize, ChunkData, ChunkEnd, Trailers };

  Outcome fail(const char* trouble);
  Outcome complete();
  Outcome read_head(std::string_view& data);
  Outcome parse_head(std::string_view head);
  bool parse_field(std::string_view line);
  Outcome read_body(std::string_view& data);
  Outcome read_chunked_line(std::string_view& data);
  Outcome end_chunked_line();
  bool matches(std::string_view piece);

  std::string_view expected_;
  std::string buffer_;  // a head or a chunked line that arrived in pieces
  State state_ = State::Head;
  std::size_t remaining_ = 0;  // bytes left of the body or of the chunk
  std::size_t received_ = 0;   // body bytes compared so far
  bool has_length_ = false;
  bool is_chunked_ = false;
  bool says_close_ = false;  // the response being read
  bool closes_ = false;      // the last complete one
  const char* trouble_ = "";
};

}  // namespace bench
