// SPDX-License-Identifier: MIT
#include "http1/response_writer.h"

#include <array>
#include <charconv>
#include <cstring>

#include "base/ascii.h"
#include "base/check.h"
#include "http/status.h"
#include "http1/field_line.h"

namespace outrider::http1 {
namespace {

constexpr std::string_view kCrlf = "\r\n";

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

}  // namespace

ResponseWriter::Fault ResponseWriter::begin(int status, Buffer& out) {
  OUTRIDER_CHECK(state_ == State::Idle);
  // 101 changes the protocol and is not an answer that an exchange can give.
  if (status < 100 || status > 999 || status == 101) return Fault::StatusInvalid;
  state_ = status < 200 ? State::Informational : State::Head;
  status_ = status;
  head_start_ = out.size();
  append_status_line(status, out);
  return Fault::None;
}

ResponseWriter::Fault ResponseWriter::add_field(std::string_view name, std::string_view value, Buffer& out) {
  OUTRIDER_CHECK(state_ == State::Head || state_ == State::Informational);
  Fault fault = Fault::None;
  if (!is_valid_field(name, value, fault)) return fault;
  bool drop = false;
  fault = on_known_field(name, value, drop);
  if (fault == Fault::None && !drop) append_field(name, value, out);
  return fault;
}

// Fields that the server acts on. `drop`: the field isn't copied, because close_head() writes it as it comes out.
ResponseWriter::Fault ResponseWriter::on_known_field(std::string_view name, std::string_view value, bool& drop) {
  using ascii::equals_ignore_case;
  switch (name.size()) {
    case 4:
      has_date_ = has_date_ || equals_ignore_case(name, "date");
      break;
    case 6:
      has_server_ = has_server_ || equals_ignore_case(name, "server");
      break;
    case 7:
      if (equals_ignore_case(name, "upgrade")) return Fault::FieldForbidden;
      break;
    case 10:
      if (!equals_ignore_case(name, "connection") && !equals_ignore_case(name, "keep-alive")) break;
      // The application may ask for a close; all else about the connection is the server's alone.
      ascii::for_each_element(value, [this](std::string_view option) {
        says_close_ = says_close_ || equals_ignore_case(option, "close");
      });
      drop = true;
      break;
    case 14: {
      if (!equals_ignore_case(name, "content-length")) break;
      const std::string_view digits = ascii::trim(value);
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), content_length_);
      if (error != std::errc() || end != digits.data() + digits.size() || has_content_length_) {
        return Fault::ContentLengthInvalid;
      }
      has_content_length_ = true;
      drop = true;
      break;
    }
    case 17:
      // Frameworks that think of HTTP/1.1 say "chunked"; how the content is framed is decided here.
      if (!equals_ignore_case(name, "transfer-encoding")) break;
      if (!equals_ignore_case(ascii::trim(value), "chunked")) return Fault::FieldForbidden;
      drop = true;
      break;
    default:
      break;
  }
  return Fault::None;
}

void ResponseWriter::drop_head(Buffer& out) {
  OUTRIDER_CHECK(state_ != State::Content);
  if (state_ != State::Idle) out.truncate(head_start_);
  reset();
}

void ResponseWriter::end_informational(Buffer& out) {
  OUTRIDER_CHECK(state_ == State::Informational);
  out.append(kCrlf);
  const bool has_trailers = has_trailers_;  // of the response that is still to come
  reset();
  has_trailers_ = has_trailers;
}

Buffer ResponseWriter::take_head(Buffer& out) const {
  Buffer head;
  head.append(out.view().substr(head_start_));
  out.truncate(head_start_);
  return head;
}

void ResponseWriter::put_back_head(const Buffer& head, Buffer& out) {
  head_start_ = out.size();
  out.append(head.view());
}

ResponseWriter::Frame ResponseWriter::frame_content(uint64_t size, http::More more, const ResponseContext& context,
                                                    Buffer& out) {
  OUTRIDER_CHECK(state_ == State::Head || state_ == State::Content);
  const bool is_first = state_ == State::Head;
  if (is_first) is_head_response_ = context.is_head;
  Frame frame;
  frame.fault = account(size, more);
  // A wrong length is found before the head leaves where that can be, so that the peer gets a proper error.
  if (frame.fault != Fault::None) return frame;
  if (is_first) close_head(size, more, context, out);
  if (is_head_response_ || framing_ == Framing::None) return frame;
  frame.sends_content = size > 0;
  if (framing_ != Framing::Chunked) return frame;
  // RFC 9112 §7.1. An empty piece makes no chunk: that would be the last one.
  if (size > 0) {
    append_number(size, 16, out);
    out.append(kCrlf);
    frame.suffix = kCrlf;
  }
  if (more == http::More::No) {
    if (has_trailers_) {
      frame.suffix = size > 0 ? "\r\n0\r\n" : "0\r\n";
    } else {
      frame.suffix = size > 0 ? "\r\n0\r\n\r\n" : "0\r\n\r\n";
    }
  }
  return frame;
}

ResponseWriter::Fault ResponseWriter::account(uint64_t size, http::More more) {
  content_sent_ += size;
  // A response to HEAD (or a 304) may give the length of content that isn't sent.
  const bool may_be_empty = content_sent_ == 0 && (http::forbids_content(status_) || is_head_response_);
  if (!has_content_length_ || may_be_empty) return Fault::None;
  if (content_sent_ > content_length_) return Fault::BodyTooLong;
  if (more == http::More::No && content_sent_ < content_length_) return Fault::BodyTooShort;
  return Fault::None;
}

// Writes the fields that depend on the content and the connection, and the empty line.
void ResponseWriter::close_head(uint64_t size, http::More more, const ResponseContext& context, Buffer& out) {
  state_ = State::Content;
  if (!has_date_ && !context.date.empty()) append_field("date", context.date, out);
  if (!has_server_ && !context.server.empty()) append_field("server", context.server, out);

  // RFC 9112 §6.1, §6.2; RFC 9110 §8.6: no Content-Length in a 204. A 304 keeps the one it was given.
  if (status_ == 204 || (status_ == 304 && !has_content_length_)) {
    framing_ = Framing::None;
  } else if (has_content_length_ && !has_trailers_) {
    framing_ = status_ == 304 ? Framing::None : Framing::Length;
    out.append("content-length: ");
    append_number(content_length_, 10, out);
    out.append(kCrlf);
  } else if (is_head_response_ && size == 0) {
    framing_ = Framing::None;  // the application made no content for HEAD: what GET would have sent isn't known
  } else if (more == http::More::No && !has_trailers_) {
    framing_ = Framing::Length;
    out.append("content-length: ");
    append_number(size, 10, out);
    out.append(kCrlf);
  } else if (context.is_http11) {
    framing_ = Framing::Chunked;
    out.append("transfer-encoding: chunked\r\n");
  } else {
    framing_ = Framing::UntilClose;
    has_trailers_ = false;  // HTTP/1.0 has no place for them
  }

  keeps_alive_ = context.keep_alive && !says_close_ && (framing_ != Framing::UntilClose || is_head_response_);
  if (!keeps_alive_) {
    out.append("connection: close\r\n");
  } else if (!context.is_http11) {
    out.append("connection: keep-alive\r\n");
  }
  out.append(kCrlf);
}

ResponseWriter::Fault ResponseWriter::add_trailer(std::string_view name, std::string_view value, Buffer& out) {
  Fault fault = Fault::None;
  if (!is_valid_field(name, value, fault)) return fault;
  if (framing_ == Framing::Chunked && !is_head_response_) append_field(name, value, out);
  return Fault::None;
}

void ResponseWriter::end_trailers(Buffer& out) {
  if (framing_ == Framing::Chunked && !is_head_response_) out.append(kCrlf);
}

}  // namespace outrider::http1
