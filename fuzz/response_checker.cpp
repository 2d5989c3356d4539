// SPDX-License-Identifier: MIT
#include "response_checker.h"

#include <charconv>

#include "support.h"

namespace outrider::fuzz {
namespace {

using FieldList = std::vector<std::pair<std::string, std::string>>;

// A line without its CRLF; nothing when it isn't complete.
std::optional<std::string_view> take_line(std::string_view& bytes) {
  const std::size_t end = bytes.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  check(end > 0 && bytes[end - 1] == '\r', "a line ends in CRLF");
  const std::string_view line = bytes.substr(0, end - 1);
  bytes.remove_prefix(end + 1);
  check(is_field_text(line), "a line has no control characters");
  return line;
}

// Fields up to and with the empty line.
bool take_fields(std::string_view& bytes, FieldList& fields) {
  while (const std::optional<std::string_view> line = take_line(bytes)) {
    if (line->empty()) return true;
    const std::size_t colon = line->find(':');
    check(colon != std::string_view::npos && ascii::is_token(line->substr(0, colon)), "a field has a name");
    check(line->substr(colon + 1, 1) == " ", "a space stands before a value");
    fields.emplace_back(line->substr(0, colon), line->substr(colon + 2));
  }
  return false;
}

void parse_status_line(std::string_view line, Response& response) {
  check(line.starts_with("HTTP/1.1 ") && line.size() >= 13 && line[12] == ' ', "a status line is one");
  for (const char c : line.substr(9, 3)) {
    check(ascii::is_digit(c), "a status is three digits");
    response.status = response.status * 10 + (c - '0');
  }
  check(response.status >= 100 && response.status != 101, "a status that a server without upgrades may send");
}

uint64_t number(std::string_view text, int base) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  check(!text.empty() && error == std::errc() && end == text.data() + text.size(), "a number is one");
  return value;
}

bool take_content(std::string_view& bytes, uint64_t size, std::string& content) {
  if (bytes.size() < size) return false;
  content.append(bytes.substr(0, size));
  bytes.remove_prefix(size);
  return true;
}

bool take_chunks(std::string_view& bytes, Response& response) {
  while (const std::optional<std::string_view> line = take_line(bytes)) {
    const uint64_t size = number(*line, 16);
    if (size == 0) return take_fields(bytes, response.trailers);
    if (!take_content(bytes, size, response.content)) return false;
    if (bytes.size() < 2) return false;
    check(bytes.substr(0, 2) == "\r\n", "a chunk ends in CRLF");
    bytes.remove_prefix(2);
  }
  return false;
}

// RFC 9112 §6: what a recipient must be able to rely on.
void check_framing(const Response& response) {
  const std::size_t lengths = response.count("content-length");
  const std::size_t codings = response.count("transfer-encoding");
  check(lengths + codings <= 1, "a response has one framing");
  if (codings == 1) check(response.find("transfer-encoding") == "chunked", "the only coding is chunked");
  if (lengths == 1) number(response.find("content-length"), 10);
  if (response.status < 200 || response.status == 204) check(lengths + codings == 0, "1xx and 204 have no framing");
  if (response.status == 304) check(codings == 0, "a 304 isn't chunked");
  if (response.status == 205) check(response.find("content-length") == "0", "a 205 has no content");
  check(response.count("connection") <= 1, "there is one Connection field");
}

}  // namespace

std::size_t Response::count(std::string_view name) const {
  std::size_t found = 0;
  for (const auto& field : fields) found += ascii::equals_ignore_case(field.first, name) ? 1 : 0;
  return found;
}

std::string_view Response::find(std::string_view name) const {
  for (const auto& field : fields) {
    if (ascii::equals_ignore_case(field.first, name)) return field.second;
  }
  return {};
}

std::optional<Response> take_response(std::string_view& bytes, bool answers_head) {
  std::string_view rest = bytes;
  Response response;
  const std::optional<std::string_view> line = take_line(rest);
  if (!line) return std::nullopt;
  parse_status_line(*line, response);
  if (!take_fields(rest, response.fields)) return std::nullopt;
  check_framing(response);
  response.says_close = response.find("connection").ends_with("close");
  if (!answers_head && response.status >= 200 && response.status != 204 && response.status != 304) {
    if (response.count("transfer-encoding") == 1) {
      if (!take_chunks(rest, response)) return std::nullopt;
    } else if (response.count("content-length") == 1) {
      if (!take_content(rest, number(response.find("content-length"), 10), response.content)) return std::nullopt;
    } else {
      check(response.says_close, "content without framing ends with the connection, which is told");
      response.ends_with_close = true;
      take_content(rest, rest.size(), response.content);
    }
  }
  bytes = rest;
  return response;
}

bool has_framed_head(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return false;
  const std::string_view head = bytes.substr(0, end);
  return head.find("\r\ncontent-length: ") != head.npos || head.find("\r\ntransfer-encoding: chunked") != head.npos;
}

}  // namespace outrider::fuzz
