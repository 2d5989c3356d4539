// SPDX-License-Identifier: MIT
#include "http1/response_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <iterator>

#include "base/ascii.h"
#include "base/check.h"
#include "http/status.h"
#include "http1/field_line.h"

namespace outrider::http1 {
namespace {

constexpr std::string_view kCrlf = "\r\n";

// Storage kept for the next head.
constexpr std::size_t kKeepHeadBytes = 4 * 1024;

void append_field(std::string_view name, std::string_view value, Buffer& out) {
  char* to = out.reserve(name.size() + value.size() + 4);
  std::memcpy(to, name.data(), name.size());
  to += name.size();
  *to++ = ':';
  *to++ = ' ';
  if (!value.empty()) std::memcpy(to, value.data(), value.size());
  to += value.size();
  *to++ = '\r';
  *to++ = '\n';
  out.commit(name.size() + value.size() + 4);
}

void append_number(uint64_t number, int base, Buffer& out) {
  char* to = out.reserve(20);
  const std::to_chars_result result = std::to_chars(to, to + 20, number, base);
  out.commit(static_cast<std::size_t>(result.ptr - to));
}

// "HTTP/1.1 200 OK\r\n". RFC 9112 §2.3: the version is the server's own, also in the answer to HTTP/1.0.
void append_status_line(int status, Buffer& out) {
  if (status == 200) return out.append("HTTP/1.1 200 OK\r\n");
  out.append("HTTP/1.1 ");
  append_number(static_cast<uint64_t>(status), 10, out);
  out.append(' ');
  out.append(http::reason_phrase(status));
  out.append(kCrlf);
}

bool is_valid_field(std::string_view name, std::string_view value, http::ResponseFault& fault) {
  if (!ascii::is_token(name)) {
    fault = http::ResponseFault::FieldNameInvalid;
  } else if (find_invalid_field_byte(value) != value.size()) {
    fault = http::ResponseFault::FieldValueInvalid;
  } else {
    return true;
  }
  return false;
}

// RFC 9110 §6.5.1: what frames, routes or controls the message, or says how its content is to be read.
bool is_forbidden_trailer(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "age",
      "cache-control",
      "connection",
      "content-encoding",
      "content-length",
      "content-range",
      "content-type",
      "date",
      "expires",
      "host",
      "keep-alive",
      "location",
      "retry-after",
      "set-cookie",
      "te",
      "trailer",
      "transfer-encoding",
      "upgrade",
      "vary",
      "www-authenticate",
  };
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [name](std::string_view other) { return ascii::equals_ignore_case(name, other); });
}

}  // namespace

ResponseWriter::Fault ResponseWriter::begin(int status) {
  OUTRIDER_CHECK(facts_.state == State::Idle);
  // 101 changes the protocol: begin_switch().
  if (status < 100 || status > 999 || status == 101) return Fault::StatusInvalid;
  facts_.state = status < 200 ? State::Informational : State::Head;
  facts_.status = status;
  append_status_line(status, head_);
  return Fault::None;
}

void ResponseWriter::begin_switch(std::string_view protocol) {
  OUTRIDER_CHECK(facts_.state == State::Idle);
  facts_.state = State::Head;
  facts_.status = 101;
  facts_.is_switch = true;
  append_status_line(101, head_);
  append_field("upgrade", protocol, head_);
}

ResponseWriter::Fault ResponseWriter::add_field(std::string_view name, std::string_view value) {
  OUTRIDER_CHECK(facts_.state == State::Head || facts_.state == State::Informational);
  Fault fault = Fault::None;
  if (!is_valid_field(name, value, fault)) return fault;
  bool drop = false;
  fault = on_known_field(name, value, drop);
  if (fault == Fault::None && !drop) append_field(name, value, head_);
  return fault;
}

// Fields that the server acts on. `drop`: the field isn't copied, because close_head() writes it as it comes out.
ResponseWriter::Fault ResponseWriter::on_known_field(std::string_view name, std::string_view value, bool& drop) {
  using ascii::equals_ignore_case;
  switch (name.size()) {
    case 4:
      facts_.has_date = facts_.has_date || equals_ignore_case(name, "date");
      break;
    case 6:
      facts_.has_server = facts_.has_server || equals_ignore_case(name, "server");
      break;
    case 7:
      if (!equals_ignore_case(name, "upgrade")) break;
      // RFC 9110 §15.5.22: 426 must name the protocols. Elsewhere it would offer what this server doesn't do.
      if (facts_.status != 426) return Fault::FieldForbidden;
      facts_.says_upgrade = true;
      break;
    case 10:
      if (!equals_ignore_case(name, "connection") && !equals_ignore_case(name, "keep-alive")) break;
      // The application may ask for a close; all else about the connection is the server's alone.
      ascii::for_each_element(value, [this](std::string_view option) {
        facts_.says_close = facts_.says_close || equals_ignore_case(option, "close");
      });
      drop = true;
      break;
    case 14: {
      if (!equals_ignore_case(name, "content-length")) break;
      if (facts_.is_switch) return Fault::FieldForbidden;  // RFC 9110 §8.6
      const std::string_view digits = ascii::trim(value);
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), facts_.content_length);
      if (error != std::errc() || end != digits.data() + digits.size() || facts_.has_content_length) {
        return Fault::ContentLengthInvalid;
      }
      facts_.has_content_length = true;
      drop = true;
      break;
    }
    case 17:
      // Frameworks that think of HTTP/1.1 say "chunked"; how the content is framed is decided here.
      if (!equals_ignore_case(name, "transfer-encoding")) break;
      if (facts_.is_switch || !equals_ignore_case(ascii::trim(value), "chunked")) return Fault::FieldForbidden;
      drop = true;
      break;
    default:
      break;
  }
  return Fault::None;
}

void ResponseWriter::reset() {
  head_.recycle(kKeepHeadBytes);
  facts_ = Facts();
}

void ResponseWriter::drop_head() {
  OUTRIDER_CHECK(facts_.state != State::Content);
  reset();
}

void ResponseWriter::end_informational(Buffer& out) {
  OUTRIDER_CHECK(facts_.state == State::Informational);
  out.append(head_.view());
  out.append(kCrlf);
  const bool has_trailers = facts_.has_trailers;  // of the response that is still to come
  reset();
  facts_.has_trailers = has_trailers;
}

ResponseWriter::Frame ResponseWriter::frame_content(uint64_t size, http::More more, const ResponseContext& context,
                                                    Buffer& out) {
  OUTRIDER_CHECK(facts_.state == State::Head || facts_.state == State::Content);
  const bool is_first = facts_.state == State::Head;
  if (is_first) facts_.is_head_response = context.is_head;
  Frame frame;
  frame.fault = account(size, more);
  // A wrong length is found before the head leaves where that can be, so that the peer gets a proper error.
  if (frame.fault != Fault::None) return frame;
  if (is_first) {
    close_head(size, more, context);
    out.append(head_.view());  // and stays here, for field()
  }
  if (facts_.is_head_response || facts_.framing == Framing::None) return frame;
  frame.sends_content = size > 0;
  facts_.content_bytes += size;
  if (facts_.framing != Framing::Chunked) return frame;
  // RFC 9112 §7.1. An empty piece makes no chunk: that would be the last one.
  if (size > 0) {
    append_number(size, 16, out);
    out.append(kCrlf);
    frame.suffix = kCrlf;
  }
  if (more == http::More::No) {
    if (facts_.has_trailers) {
      frame.suffix = size > 0 ? "\r\n0\r\n" : "0\r\n";
    } else {
      frame.suffix = size > 0 ? "\r\n0\r\n\r\n" : "0\r\n\r\n";
    }
  }
  return frame;
}

std::string_view ResponseWriter::field(std::string_view name) const {
  std::string_view rest = head_.view();
  while (true) {
    const std::size_t line_end = rest.find(kCrlf);  // of the status line, then of each field
    if (line_end == std::string_view::npos) return {};
    rest.remove_prefix(line_end + kCrlf.size());
    if (rest.size() <= name.size() || rest[name.size()] != ':') continue;
    if (!ascii::equals_ignore_case(rest.substr(0, name.size()), name)) continue;
    rest.remove_prefix(name.size() + 2);
    return rest.substr(0, rest.find(kCrlf));
  }
}

// A piece that is refused counts for nothing: the next one stands in its place.
ResponseWriter::Fault ResponseWriter::account(uint64_t size, http::More more) {
  const uint64_t sent = facts_.content_sent + size;
  // A response to HEAD (or a 304) may give the length of content that isn't sent.
  const bool may_be_empty = sent == 0 && (http::forbids_content(facts_.status) || facts_.is_head_response);
  if (facts_.has_content_length && !may_be_empty) {
    if (sent > facts_.content_length) return Fault::BodyTooLong;
    if (more == http::More::No && sent < facts_.content_length) return Fault::BodyTooShort;
  }
  facts_.content_sent = sent;
  return Fault::None;
}

// Adds the fields that depend on the content and the connection, and the empty line.
void ResponseWriter::close_head(uint64_t size, http::More more, const ResponseContext& context) {
  facts_.state = State::Content;
  if (context.defaults != nullptr) context.defaults->complete(head_);
  if (!facts_.has_date) head_.append(context.date);
  if (!facts_.has_server) head_.append(context.server);
  if (!context.request_id.value.empty() && field(context.request_id.name).data() == nullptr) {
    append_field(context.request_id.name, context.request_id.value, head_);
  }
  if (facts_.is_switch) {
    facts_.framing = Framing::UntilClose;
    facts_.keeps_alive = false;
    return head_.append("connection: upgrade\r\n\r\n");
  }
  choose_framing(size, more, context.is_http11);
  facts_.keeps_alive =
      context.keep_alive && !facts_.says_close && (facts_.framing != Framing::UntilClose || facts_.is_head_response);
  // RFC 9110 §7.8: who sends Upgrade names it here.
  const bool says_keep_alive = facts_.keeps_alive && !context.is_http11;
  if (facts_.says_upgrade) {
    head_.append("connection: upgrade");
    head_.append(!facts_.keeps_alive ? ", close\r\n" : says_keep_alive ? ", keep-alive\r\n" : "\r\n");
  } else if (!facts_.keeps_alive) {
    head_.append("connection: close\r\n");
  } else if (says_keep_alive) {
    head_.append("connection: keep-alive\r\n");
  }
  head_.append(kCrlf);
}

// RFC 9112 §6.1 and §6.2, RFC 9110 §8.6.
void ResponseWriter::choose_framing(uint64_t size, http::More more, bool is_http11) {
  const auto add_length = [this](uint64_t length) {
    head_.append("content-length: ");
    append_number(length, 10, head_);
    head_.append(kCrlf);
  };
  if (http::forbids_content(facts_.status)) {
    facts_.framing = Framing::None;  // no Content-Length in a 204; a 304 keeps the one it was given
    if (facts_.status == 304 && facts_.has_content_length) add_length(facts_.content_length);
    if (facts_.status == 205) add_length(0);  // RFC 9110 §15.3.6: else its end would be looked for
  } else if (facts_.has_content_length && !facts_.has_trailers) {
    facts_.framing = Framing::Length;
    add_length(facts_.content_length);
  } else if (facts_.is_head_response && size == 0) {
    facts_.framing = Framing::None;  // the application made no content for HEAD: what GET would have sent isn't known
  } else if (more == http::More::No && !facts_.has_trailers) {
    facts_.framing = Framing::Length;
    add_length(size);
  } else if (is_http11) {
    facts_.framing = Framing::Chunked;
    head_.append("transfer-encoding: chunked\r\n");
  } else {
    facts_.framing = Framing::UntilClose;  // HTTP/1.0 has no place for trailers: add_trailer() drops them
  }
}

ResponseWriter::Fault ResponseWriter::add_trailer(std::string_view name, std::string_view value, Buffer& out) {
  Fault fault = Fault::None;
  if (!is_valid_field(name, value, fault)) return fault;
  if (is_forbidden_trailer(name)) return Fault::TrailerForbidden;
  if (facts_.framing == Framing::Chunked && !facts_.is_head_response) append_field(name, value, out);
  return Fault::None;
}

void ResponseWriter::end_trailers(Buffer& out) {
  if (facts_.framing == Framing::Chunked && !facts_.is_head_response) out.append(kCrlf);
}

}  // namespace outrider::http1
