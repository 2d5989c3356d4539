// SPDX-License-Identifier: MIT
#include "http1/head_parser.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/ascii.h"
#include "http1/field_line.h"

namespace outrider::http1 {
namespace {

// Input is copied in steps of this size, so that a body behind the head isn't copied along with it.
constexpr std::size_t kCopyStep = 2048;

// RFC 8446 §5.1: the first byte of a client that speaks TLS. It would wait for an answer, and we for a line's end.
constexpr char kTlsHandshake = 22;

// RFC 9112 §3.2: what may stand in a request target. A fragment is never sent, so '#' doesn't pass. Browsers send
// some characters that RFC 3986 would have encoded ("|", "{"), which don't change how a message is read; others they
// encode too.
constexpr std::array<bool, 256> kTargetChars = [] {
  std::array<bool, 256> table{};
  for (std::size_t byte = 0x21; byte < 0x7f; ++byte) {
    table[byte] = std::string_view("#\"<>").find(static_cast<char>(byte)) == std::string_view::npos;
  }
  return table;
}();

// A backslash is a slash for some, so browsers never send one in a path; in a query they do.
bool is_path(std::string_view path) { return path.find('\\') == std::string_view::npos; }

http::Span span(std::size_t offset, std::size_t length) {
  return {static_cast<uint32_t>(offset), static_cast<uint32_t>(length)};
}

}  // namespace

void HeadParser::begin(http::RequestHead& head) {
  head_ = &head;
  framing_.reset();
  state_ = State::RequestLine;
  line_start_ = scanned_ = 0;
  skipped_empty_line_ = false;
}

Result<HeadParser::Progress, ProtocolError> HeadParser::feed(std::string_view bytes) {
  Buffer& storage = head_->storage();
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    const std::string_view step = bytes.substr(taken, kCopyStep);
    storage.append(step);
    taken += step.size();
    if (const std::optional<Fault> fault = parse_lines()) {
      if (state_ == State::RequestLine) find_method();
      return ProtocolError{*fault};
    }
    if (state_ == State::Complete) {
      const std::size_t surplus = storage.size() - line_start_;
      storage.truncate(line_start_);
      return Progress{taken - surplus, true};
    }
  }
  return Progress{taken, false};
}

std::optional<Fault> HeadParser::parse_lines() {
  const Buffer& storage = head_->storage();
  while (state_ != State::Complete) {
    const bool has_begun = state_ == State::RequestLine && storage.size() > line_start_;
    if (has_begun && storage.data()[line_start_] == kTlsHandshake) return Fault::TlsRecord;
    const auto* end =
        static_cast<const char*>(std::memchr(storage.data() + scanned_, '\n', storage.size() - scanned_));
    if (end == nullptr) {
      scanned_ = storage.size();
      return check_partial_line();
    }
    const auto line_end = static_cast<std::size_t>(end - storage.data());
    std::size_t length = line_end - line_start_;
    // The limits come first, in the same order as for an incomplete line, so that the verdict on some bytes doesn't
    // depend on how they were cut.
    if (state_ == State::RequestLine && length > limits_.request_line_bytes_max + 1) return too_long_request_line();
    if (line_end >= limits_.head_bytes_max) return Fault::HeadTooLarge;
    if (length == 0 || storage.data()[line_end - 1] != '\r') return Fault::BareLineFeed;
    --length;
    const std::optional<Fault> fault = on_line(length);
    if (fault) return fault;
    line_start_ = scanned_ = line_end + 1;
  }
  return std::nullopt;
}

std::optional<Fault> HeadParser::check_partial_line() const {
  const std::size_t length = scanned_ - line_start_;
  if (state_ == State::RequestLine && length > limits_.request_line_bytes_max + 1) return too_long_request_line();
  if (scanned_ > limits_.head_bytes_max) return Fault::HeadTooLarge;
  return std::nullopt;
}

// RFC 9112 §3: 414 for a target that is too long, 501 for a method. The same bytes are looked at however they were
// cut.
Fault HeadParser::too_long_request_line() const {
  const std::string_view line(head_->storage().data() + line_start_, limits_.request_line_bytes_max + 1);
  return ascii::is_token(line) ? Fault::MethodTooLong : Fault::RequestLineTooLong;
}

// The method of a request line that was refused before it was looked at: the answer to HEAD has no content. Only what
// was there at any cut is looked at.
void HeadParser::find_method() {
  const std::string_view taken = head_->storage().view().substr(0, limits_.head_bytes_max);
  const std::string_view line = taken.substr(line_start_, limits_.request_line_bytes_max + 1);
  const std::size_t space = line.find(' ');
  if (space != std::string_view::npos && ascii::is_token(line.substr(0, space))) {
    head_->layout().method = span(line_start_, space);
  }
}

std::optional<Fault> HeadParser::on_line(std::size_t length) {
  if (state_ == State::RequestLine) {
    // RFC 9112 §2.2: an empty line before the request line SHOULD be ignored; clients that add one add just one.
    if (length == 0 && !skipped_empty_line_) {
      skipped_empty_line_ = true;
      return std::nullopt;
    }
    state_ = State::Fields;
    return on_request_line(length);
  }
  if (length > 0) return on_field_line(length);
  state_ = State::Complete;
  return framing_.finish(*head_, head_->layout());
}

// RFC 9112 §3: method SP request-target SP HTTP-version.
std::optional<Fault> HeadParser::on_request_line(std::size_t length) {
  const char* const line = head_->storage().data() + line_start_;
  std::size_t i = 0;
  while (i < length && ascii::kTokenLower[static_cast<uint8_t>(line[i])] != 0) ++i;
  if (i == 0 || i == length || line[i] != ' ') return Fault::MethodInvalid;
  head_->layout().method = span(line_start_, i);

  const std::size_t target = ++i;
  while (i < length && kTargetChars[static_cast<uint8_t>(line[i])]) ++i;
  if (i == target) return Fault::TargetInvalid;
  // "GET /" is HTTP/0.9, which has no version.
  if (i == length) return Fault::VersionInvalid;
  if (line[i] != ' ') return Fault::TargetInvalid;

  const std::string_view version(line + i + 1, length - i - 1);
  const bool has_form = version.size() == 8 && version.starts_with("HTTP/") && ascii::is_digit(version[5]) &&
                        version[6] == '.' && ascii::is_digit(version[7]);
  if (!has_form) return Fault::VersionInvalid;
  if (version[5] != '1' || version[7] > '1') return Fault::VersionUnsupported;
  head_->layout().minor_version = version[7] - '0';
  return on_target(line_start_ + target, i - target);
}

std::optional<Fault> HeadParser::on_target(std::size_t offset, std::size_t length) {
  http::HeadLayout& layout = head_->layout();
  layout.target = span(offset, length);
  const std::string_view target = head_->target();
  const std::string_view method = head_->method();
  if (method == "CONNECT") return Fault::MethodNotImplemented;
  if (target.front() != '/') {
    // RFC 9112 §3.2.4: the asterisk is for OPTIONS alone.
    if (target != "*") return on_absolute_target(target, offset);
    if (method != "OPTIONS") return Fault::TargetInvalid;
  }
  const std::size_t question = target.find('?');
  const std::size_t path_length = std::min(question, length);
  layout.path = span(offset, path_length);
  if (!is_path(head_->path())) return Fault::TargetInvalid;
  if (question != std::string_view::npos) layout.query = span(offset + question + 1, length - question - 1);
  return std::nullopt;
}

// RFC 9112 §3.2.2: a server MUST accept the absolute form, though only proxies are sent it.
std::optional<Fault> HeadParser::on_absolute_target(std::string_view target, std::size_t offset) {
  std::size_t scheme = 0;
  if (ascii::equals_ignore_case(target.substr(0, 7), "http://")) scheme = 7;
  // RFC 9110 §7.4: not over a connection that isn't secured.
  if (ascii::equals_ignore_case(target.substr(0, 8), "https://")) {
    if (!is_secured_) return Fault::SchemeUnsecured;
    scheme = 8;
  }
  if (scheme == 0) return Fault::TargetInvalid;
  const std::size_t end = std::min(target.find_first_of("/?", scheme), target.size());
  const std::string_view authority = target.substr(scheme, end - scheme);
  if (authority.empty() || !is_valid_authority(authority)) return Fault::TargetInvalid;

  http::HeadLayout& layout = head_->layout();
  layout.authority = span(offset + scheme, authority.size());
  const std::size_t question = std::min(target.find('?', end), target.size());
  // An empty path means "/" (RFC 9110 §4.2.3): the scheme's last slash stands for it.
  layout.path = question > end ? span(offset + end, question - end) : span(offset + scheme - 1, 1);
  if (!is_path(head_->path())) return Fault::TargetInvalid;
  if (question < target.size()) layout.query = span(offset + question + 1, target.size() - question - 1);
  return std::nullopt;
}

std::optional<Fault> HeadParser::on_field_line(std::size_t length) {
  http::HeadLayout& layout = head_->layout();
  if (layout.fields.size() >= limits_.header_count_max) return Fault::TooManyFields;
  const std::optional<Fault> fault = parse_field_line(head_->storage().data(), line_start_, length, layout.fields);
  if (fault) return fault;
  return framing_.on_field(*head_, layout.fields.back(), layout);
}

}  // namespace outrider::http1
