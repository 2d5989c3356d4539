// SPDX-License-Identifier: MIT
#pragma once

// Response → bytes (RFC 9112 §4 to §7, §9.3). No I/O, no clock.
//
// The head stays open, after its fields, until the first content is written: then it is known whether that is all
// (Content-Length) or more follows (chunked; for HTTP/1.0 the connection's close), and head and content leave
// together. Tested by http1/response_writer_test.cpp.

#include <cstdint>
#include <string_view>

#include "base/buffer.h"
#include "http/exchange.h"

namespace outrider::http1 {

/// What a response must know of its request.
struct ResponseContext {
  bool is_http11 = true;
  bool is_head = false;     // answers HEAD: no content is sent
  bool keep_alive = true;   // the connection is to be kept, as far as the request and the server are concerned
  std::string_view date;    // the value of the Date field; empty for none
  std::string_view server;  // the value of the Server field; empty for none
};

class ResponseWriter {
 public:
  using Fault = http::ResponseFault;

  /// Starts over for another exchange.
  void reset() { *this = ResponseWriter(); }

  /// Begins a head in `out`.
  Fault begin(int status, Buffer& out);
  /// Adds a field to the head in `out`.
  Fault add_field(std::string_view name, std::string_view value, Buffer& out);
  /// Takes the head out of `out` again.
  void drop_head(Buffer& out);
  void end_informational(Buffer& out);
  /// Takes the bytes of an unfinished head out of `out`, and puts them to the end of it again.
  Buffer take_head(Buffer& out) const;
  void put_back_head(const Buffer& head, Buffer& out);
  void expect_trailers() { has_trailers_ = true; }

  /// What write() has to put around a piece of content.
  struct Frame {
    Fault fault = Fault::None;
    bool sends_content = false;  // the content itself goes on the wire
    std::string_view suffix;     // what follows it; a static string
  };
  /// Decides about `size` bytes of content: closes the head and writes what comes before the content to `out`.
  Frame frame_content(uint64_t size, http::More more, const ResponseContext& context, Buffer& out);

  Fault add_trailer(std::string_view name, std::string_view value, Buffer& out);
  void end_trailers(Buffer& out);

  bool has_begun() const { return state_ != State::Idle; }
  bool has_sent_head() const { return state_ == State::Content; }
  bool has_trailers() const { return has_trailers_; }
  int status() const { return status_; }
  /// Whether the connection persists after this response; decided with the first content.
  bool keeps_alive() const { return keeps_alive_; }

 private:
  enum class State { Idle, Head, Informational, Content };
  enum class Framing { None, Length, Chunked, UntilClose };

  Fault on_known_field(std::string_view name, std::string_view value, bool& drop);
  void close_head(uint64_t size, http::More more, const ResponseContext& context, Buffer& out);
  Fault account(uint64_t size, http::More more);

  State state_ = State::Idle;
  Framing framing_ = Framing::None;
  int status_ = 0;
  std::size_t head_start_ = 0;   // in `out`
  uint64_t content_length_ = 0;  // as the application declared it
  uint64_t content_sent_ = 0;
  bool has_content_length_ = false;
  bool has_trailers_ = false;
  bool has_date_ = false;
  bool has_server_ = false;
  bool says_close_ = false;
  bool keeps_alive_ = true;
  bool is_head_response_ = false;
};

}  // namespace outrider::http1
