// SPDX-License-Identifier: MIT
#include "http1/body_reader.h"

#include <algorithm>

#include "base/ascii.h"
#include "http1/field_line.h"

namespace outrider::http1 {
namespace {

// A chunk's size line: 16 digits and a short extension. Nothing in use sends more, and endless extensions are an
// attack (a byte of content for kilobytes of line).
constexpr std::size_t kChunkLineMax = 256;
// What all extensions of a body may have together, besides as much as there is content: signed uploads send some
// 80 bytes with each chunk of many kilobytes, attacks send hundreds with each byte.
constexpr uint64_t kChunkExtensionsFree = 16 * 1024;
// 15 hexadecimal digits can't overflow 64 bits, nor the sum of many such chunks its check.
constexpr std::size_t kChunkSizeDigitsMax = 15;

// RFC 9110 §6.5.1: fields that change framing, routing or authentication aren't allowed in trailers.
bool is_forbidden_trailer(std::string_view name) {
  for (const std::string_view forbidden :
       {"content-length", "transfer-encoding", "host", "connection", "trailer", "content-encoding", "content-type",
        "content-range", "expect", "te", "upgrade", "authorization", "cookie", "set-cookie"}) {
    if (name == forbidden) return true;
  }
  return false;
}

}  // namespace

Result<bool, ProtocolError> BodyReader::begin(const http::RequestHead& head) {
  total_ = extension_total_ = 0;
  line_length_ = 0;
  trailers_.recycle();  // those of an earlier request are nobody else's business
  switch (head.body_framing()) {
    case http::BodyFraming::None:
      state_ = State::Complete;
      break;
    case http::BodyFraming::Length:
      if (limits_.body_bytes_max != 0 && head.content_length() > limits_.body_bytes_max) {
        return ProtocolError{Fault::BodyTooLarge};
      }
      left_ = head.content_length();
      state_ = State::Length;
      break;
    case http::BodyFraming::Chunked:
      line_start_ = 0;
      left_ = 0;
      state_ = State::ChunkSize;
      break;
  }
  return true;
}

void BodyReader::recycle() {
  if (trailers_.storage().capacity() > 0) trailers_.recycle();
}

Result<BodyReader::Progress, ProtocolError> BodyReader::feed(std::string_view bytes) {
  switch (state_) {
    case State::Length:
      return feed_data(bytes, State::Complete);
    case State::ChunkData:
      return feed_data(bytes, State::ChunkEnd);
    case State::ChunkSize:
    case State::ChunkExtension:
    case State::ChunkLineFeed:
    case State::ChunkEnd:
      return feed_chunk_line(bytes);
    case State::Trailers:
      return feed_trailers(bytes);
    case State::Complete:
      break;
  }
  return Progress{0, {}, true};
}

Result<BodyReader::Progress, ProtocolError> BodyReader::feed_data(std::string_view bytes, State next) {
  const std::string_view content = bytes.substr(0, std::min<uint64_t>(left_, bytes.size()));
  left_ -= content.size();
  if (left_ == 0) state_ = next;
  return Progress{content.size(), content, state_ == State::Complete};
}

Result<BodyReader::Progress, ProtocolError> BodyReader::feed_chunk_line(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && state_ != State::ChunkData && state_ != State::Trailers) {
    if (const std::optional<Fault> fault = on_chunk_line_byte(bytes[used])) return ProtocolError{*fault};
    ++used;
  }
  return Progress{used, {}, false};
}

// RFC 9112 §7.1: chunk-size [ chunk-ext ] CRLF chunk-data CRLF. Byte by byte: these lines are a few bytes long.
std::optional<Fault> BodyReader::on_chunk_line_byte(char byte) {
  if (state_ == State::ChunkEnd) {
    if (byte != "\r\n"[line_length_]) return Fault::ChunkDataUnterminated;
    if (++line_length_ == 2) {
      line_length_ = 0;
      state_ = State::ChunkSize;
    }
    return std::nullopt;
  }
  if (++line_length_ > kChunkLineMax) return Fault::ChunkLineTooLong;
  if (state_ == State::ChunkLineFeed) return byte == '\n' ? on_chunk_size_end() : Fault::ChunkSizeInvalid;
  if (state_ == State::ChunkExtension) {
    // RFC 9112 §7.1.1: the length of all extensions together is to be limited.
    if (++extension_total_ > kChunkExtensionsFree + total_) return Fault::ChunkExtensionsTooLarge;
    if (byte == '\n') return Fault::BareLineFeed;
    if (byte == '\r' && extension_.may_end()) {
      state_ = State::ChunkLineFeed;
    } else if (!extension_.take(byte)) {
      return Fault::ChunkExtensionInvalid;
    }
    return std::nullopt;
  }
  const bool has_digits = line_length_ > 1;
  if (const int digit = ascii::hex_value(byte); digit >= 0) {
    if (line_length_ > kChunkSizeDigitsMax) return Fault::ChunkSizeInvalid;
    left_ = left_ * 16 + static_cast<uint64_t>(digit);
  } else if (byte == ';' && has_digits) {
    state_ = State::ChunkExtension;
    extension_.begin();
  } else if (byte == '\r' && has_digits) {
    state_ = State::ChunkLineFeed;
  } else {
    return byte == '\n' && has_digits ? Fault::BareLineFeed : Fault::ChunkSizeInvalid;
  }
  return std::nullopt;
}

std::optional<Fault> BodyReader::on_chunk_size_end() {
  line_length_ = 0;
  total_ += left_;
  if (limits_.body_bytes_max != 0 && total_ > limits_.body_bytes_max) return Fault::BodyTooLarge;
  state_ = left_ == 0 ? State::Trailers : State::ChunkData;
  return std::nullopt;
}

Result<BodyReader::Progress, ProtocolError> BodyReader::feed_trailers(std::string_view bytes) {
  Buffer& storage = trailers_.storage();
  std::size_t used = 0;
  while (used < bytes.size()) {
    const char byte = bytes[used++];
    storage.append(byte);
    if (storage.size() > limits_.head_bytes_max) return ProtocolError{Fault::HeadTooLarge};
    if (byte != '\n') continue;
    const std::size_t length = storage.size() - line_start_ - 1;
    if (length == 0 || storage.data()[storage.size() - 2] != '\r') return ProtocolError{Fault::BareLineFeed};
    if (length == 1) {
      state_ = State::Complete;
      return Progress{used, {}, true};
    }
    if (const std::optional<Fault> fault = on_trailer_line(length - 1)) return ProtocolError{*fault};
    line_start_ = storage.size();
  }
  return Progress{used, {}, false};
}

std::optional<Fault> BodyReader::on_trailer_line(std::size_t length) {
  auto& fields = trailers_.layout().fields;
  if (fields.size() >= limits_.header_count_max) return Fault::TooManyFields;
  const std::optional<Fault> fault = parse_field_line(trailers_.storage().data(), line_start_, length, fields);
  if (fault) return fault;
  if (is_forbidden_trailer(trailers_.field(fields.size() - 1).name)) return Fault::TrailerForbidden;
  return std::nullopt;
}

}  // namespace outrider::http1
