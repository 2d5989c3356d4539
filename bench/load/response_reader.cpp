// SPDX-License-Identifier: MIT
#include "response_reader.h"

#include <charconv>
#include <cstring>

#include "text.h"

namespace bench {
namespace {

constexpr std::size_t kHeadBytesMax = 64 * 1024;

bool parse_number(std::string_view text, int base, std::size_t& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

Outcome ResponseReader::feed(std::string_view& data) {
  while (!data.empty()) {
    Outcome outcome = Outcome::NeedMore;
    switch (state_) {
      case State::Head:
        outcome = read_head(data);
        break;
      case State::Body:
      case State::ChunkData:
        outcome = read_body(data);
        break;
      case State::ChunkSize:
      case State::ChunkEnd:
      case State::Trailers:
        outcome = read_chunked_line(data);
        break;
    }
    if (outcome != Outcome::NeedMore) return outcome;
  }
  return Outcome::NeedMore;
}

Outcome ResponseReader::fail(const char* trouble) {
  trouble_ = trouble;
  return Outcome::Bad;
}

Outcome ResponseReader::complete() {
  if (received_ != expected_.size()) return fail("the body is shorter than expected");
  state_ = State::Head;
  closes_ = says_close_;
  return Outcome::Complete;
}

Outcome ResponseReader::read_head(std::string_view& data) {
  if (buffer_.empty()) {
    // The usual case, a head in one piece, is parsed where it lies.
    const void* end = memmem(data.data(), data.size(), "\r\n\r\n", 4);
    if (end != nullptr) {
      const auto length = static_cast<std::size_t>(static_cast<const char*>(end) - data.data()) + 4;
      const std::string_view head = data.substr(0, length);
      data.remove_prefix(length);
      return parse_head(head);
    }
  }
  // In pieces: byte by byte is good enough for something this rare.
  while (!data.empty()) {
    buffer_.push_back(data.front());
    data.remove_prefix(1);
    if (buffer_.size() > kHeadBytesMax) return fail("the head does not end");
    if (!buffer_.ends_with("\r\n\r\n")) continue;
    const std::string head = std::move(buffer_);
    buffer_.clear();
    return parse_head(head);
  }
  return Outcome::NeedMore;
}

Outcome ResponseReader::parse_head(std::string_view head) {
  if (!head.starts_with("HTTP/1.1 200")) return fail("the status is not HTTP/1.1 200");
  has_length_ = is_chunked_ = says_close_ = false;
  received_ = remaining_ = 0;
  for (auto position = head.find("\r\n") + 2; position + 2 < head.size();) {
    const auto end = head.find("\r\n", position);
    if (!parse_field(head.substr(position, end - position))) return fail("a header can't be read");
    position = end + 2;
  }
  if (has_length_ == is_chunked_) return fail("the body has no framing, or two");
  state_ = is_chunked_ ? State::ChunkSize : State::Body;
  return has_length_ && remaining_ == 0 ? complete() : Outcome::NeedMore;
}

bool ResponseReader::parse_field(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (equals_ignoring_case(name, "content-length")) {
    has_length_ = true;
    return parse_number(value, 10, remaining_);
  }
  if (equals_ignoring_case(name, "transfer-encoding")) {
    is_chunked_ = true;
    return equals_ignoring_case(value, "chunked");
  }
  if (equals_ignoring_case(name, "connection")) says_close_ = equals_ignoring_case(value, "close");
  return true;
}

bool ResponseReader::matches(std::string_view piece) {
  if (piece.size() > expected_.size() - received_) return false;
  if (std::memcmp(piece.data(), expected_.data() + received_, piece.size()) != 0) return false;
  received_ += piece.size();
  return true;
}

Outcome ResponseReader::read_body(std::string_view& data) {
  const std::string_view piece = data.substr(0, remaining_);
  if (!matches(piece)) return fail("the body differs from what is expected");
  data.remove_prefix(piece.size());
  remaining_ -= piece.size();
  if (remaining_ > 0) return Outcome::NeedMore;
  if (state_ == State::Body) return complete();
  state_ = State::ChunkEnd;
  return Outcome::NeedMore;
}

Outcome ResponseReader::read_chunked_line(std::string_view& data) {
  while (!data.empty()) {
    buffer_.push_back(data.front());
    data.remove_prefix(1);
    if (buffer_.size() > kHeadBytesMax) return fail("a chunk's line does not end");
    if (!buffer_.ends_with("\r\n")) continue;
    buffer_.resize(buffer_.size() - 2);
    const Outcome outcome = end_chunked_line();
    buffer_.clear();
    return outcome;
  }
  return Outcome::NeedMore;
}

Outcome ResponseReader::end_chunked_line() {
  if (state_ == State::Trailers) return buffer_.empty() ? complete() : Outcome::NeedMore;
  if (state_ == State::ChunkEnd) {
    if (!buffer_.empty()) return fail("a chunk is longer than it said");
    state_ = State::ChunkSize;
    return Outcome::NeedMore;
  }
  if (!parse_number(buffer_, 16, remaining_)) return fail("a chunk's size can't be read");
  state_ = remaining_ == 0 ? State::Trailers : State::ChunkData;
  return Outcome::NeedMore;
}

}  // namespace bench
