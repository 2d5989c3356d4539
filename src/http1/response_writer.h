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
#include "http/request_head.h"
#include "http1/default_fields.h"

namespace outrider::http1 {

/// What a response must know of its request.
struct ResponseContext {
  bool is_http11 = true;
  bool is_head = false;     // answers HEAD: no content is sent
  bool keep_alive = true;   // the connection is to be kept, as far as the request and the server are concerned
  std::string_view date;    // the Date field's line, with its CRLF; empty for none
  std::string_view server;  // the Server field's line, with its CRLF; empty for none
  const DefaultFields* defaults = nullptr;
  http::Field request_id = {};  // for a response that hasn't such a field; an empty value for none
};

class ResponseWriter {
 public:
  using Fault = http::ResponseFault;

  /// Starts over for another exchange; large storage is given back.
  void reset();

  /// Begins a head; it is kept here until its first content.
  Fault begin(int status);
  /// Begins the head that switches to that protocol (RFC 9110 §15.2.2): its content is what is tunnelled, until the
  /// connection's close. `protocol` is a valid one, of the request's Upgrade field.
  void begin_switch(std::string_view protocol);
  /// Adds a field to the head.
  Fault add_field(std::string_view name, std::string_view value);
  /// Forgets the head.
  void drop_head();
  /// Ends an informational head and writes it to `out`.
  void end_informational(Buffer& out);
  void expect_trailers() { facts_.has_trailers = true; }

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

  bool has_begun() const { return facts_.state != State::Idle; }
  bool has_sent_head() const { return facts_.state == State::Content; }
  /// The peer can tell, of a response that has begun, that it is cut short when the connection just ends.
  bool shows_cut() const { return facts_.framing == Framing::Length || facts_.framing == Framing::Chunked; }
  bool has_trailers() const { return facts_.has_trailers; }
  int status() const { return facts_.status; }
  /// The value of the first field of that name, in whatever case; its data() is null when there is none. Valid until
  /// the next call that isn't const.
  std::string_view field(std::string_view name) const;
  /// Content on the wire, without what frames it.
  uint64_t content_bytes() const { return facts_.content_bytes; }
  /// Whether the connection persists after this response; decided with the first content.
  bool keeps_alive() const { return facts_.keeps_alive; }

 private:
  enum class State { Idle, Head, Informational, Content };
  enum class Framing { None, Length, Chunked, UntilClose };

  Fault on_known_field(std::string_view name, std::string_view value, bool& drop);
  void close_head(uint64_t size, http::More more, const ResponseContext& context);
  void choose_framing(uint64_t size, http::More more, bool is_http11);
  Fault account(uint64_t size, http::More more);

  struct Facts {
    State state = State::Idle;
    Framing framing = Framing::None;
    int status = 0;
    uint64_t content_length = 0;  // as the application declared it
    uint64_t content_sent = 0;    // as the application made it, also where none is sent
    uint64_t content_bytes = 0;
    bool has_content_length = false;
    bool has_trailers = false;
    bool has_date = false;
    bool has_server = false;
    bool says_close = false;
    bool says_upgrade = false;
    bool keeps_alive = true;
    bool is_head_response = false;
    bool is_switch = false;
  };

  Buffer head_;
  Facts facts_;
};

}  // namespace outrider::http1
