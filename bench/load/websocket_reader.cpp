// SPDX-License-Identifier: MIT
#include "websocket_reader.h"

#include <array>
#include <cstring>
#include <utility>

namespace bench {
namespace {

constexpr unsigned kContinuation = 0, kText = 1, kClose = 8, kPing = 9, kPong = 10;
constexpr unsigned kControlBytesMax = 125;
constexpr std::string_view kFlushed("\x00\x00\xff\xff", 4);  // RFC 7692 §7.2.2

unsigned byte_of(const std::string& bytes, std::size_t index) { return static_cast<unsigned char>(bytes[index]); }

// Bytes of a frame's header, as far as its beginning tells (RFC 6455 §5.2).
std::size_t header_bytes(const std::string& header) {
  if (header.size() < 2) return 2;
  const unsigned length = byte_of(header, 1) & 0x7f;
  return length == 127 ? 10 : length == 126 ? 4 : 2;
}

std::uint64_t payload_bytes(const std::string& header) {
  if (header.size() == 2) return byte_of(header, 1) & 0x7f;
  std::uint64_t length = 0;
  for (std::size_t index = 2; index < header.size(); ++index) length = length << 8 | byte_of(header, index);
  return length;
}

}  // namespace

WebSocketReader::~WebSocketReader() {
  if (has_inflater_) inflateEnd(&inflater_);
}

void WebSocketReader::allow_deflate(bool no_context_takeover) {
  has_deflate_ = true;
  no_context_takeover_ = no_context_takeover;
}

WebSocketReader::Event WebSocketReader::feed(std::string_view& data, std::string_view expected) {
  while (!data.empty()) {
    const Event event = is_in_payload_ ? read_payload(data, expected) : read_header(data, expected);
    if (event != Event::NeedMore) return event;
  }
  return Event::NeedMore;
}

WebSocketReader::Event WebSocketReader::fail(std::string trouble) {
  trouble_ = std::move(trouble);
  return Event::Bad;
}

WebSocketReader::Event WebSocketReader::read_header(std::string_view& data, std::string_view expected) {
  while (!data.empty()) {
    header_.push_back(data.front());
    data.remove_prefix(1);
    if (header_.size() == header_bytes(header_)) return begin_frame(expected);
  }
  return Event::NeedMore;
}

WebSocketReader::Event WebSocketReader::begin_frame(std::string_view expected) {
  const unsigned first = byte_of(header_, 0);
  is_final_ = (first & 0x80) != 0;
  opcode_ = first & 0x0f;
  if ((first & 0x30) != 0 || (byte_of(header_, 1) & 0x80) != 0) return fail("a frame has reserved bits, or a mask");
  const bool is_compressed = (first & 0x40) != 0;
  if (!begins_rightly(is_compressed)) return fail("a frame of the wrong kind");
  remaining_ = payload_bytes(header_);
  header_.clear();
  is_in_payload_ = true;
  if (opcode_ >= kClose) {
    if (remaining_ > kControlBytesMax) return fail("a control frame is too long");
    control_.clear();
  } else if (opcode_ == kText) {
    is_in_message_ = true;
    is_compressed_ = is_compressed;
  }
  return remaining_ == 0 ? end_frame(expected) : Event::NeedMore;
}

bool WebSocketReader::begins_rightly(bool is_compressed) const {
  if (is_compressed && (!has_deflate_ || opcode_ != kText)) return false;
  if (opcode_ == kText) return !is_in_message_;
  if (opcode_ == kContinuation) return is_in_message_;
  return is_final_ && (opcode_ == kClose || opcode_ == kPing || opcode_ == kPong);
}

WebSocketReader::Event WebSocketReader::read_payload(std::string_view& data, std::string_view expected) {
  const std::string_view piece = data.substr(0, remaining_);
  data.remove_prefix(piece.size());
  remaining_ -= piece.size();
  if (opcode_ >= kClose) control_ += piece;
  else if (!take(piece, expected)) return fail("the message differs from what was sent");
  return remaining_ == 0 ? end_frame(expected) : Event::NeedMore;
}

WebSocketReader::Event WebSocketReader::end_frame(std::string_view expected) {
  is_in_payload_ = false;
  if (opcode_ >= kClose) return end_control();
  return is_final_ ? end_message(expected) : Event::NeedMore;
}

WebSocketReader::Event WebSocketReader::end_control() {
  if (opcode_ == kPing) return Event::Ping;
  if (opcode_ == kPong) return Event::NeedMore;
  if (control_.size() < 2) return fail("the server closed the WebSocket");
  const unsigned code = byte_of(control_, 0) << 8 | byte_of(control_, 1);
  return fail("the server closed the WebSocket: " + std::to_string(code) + " " + control_.substr(2));
}

WebSocketReader::Event WebSocketReader::end_message(std::string_view expected) {
  if (is_compressed_ && !take(kFlushed, expected)) return fail("the message differs from what was sent");
  if (received_ != expected.size()) return fail("the message is shorter than what was sent");
  if (is_compressed_ && no_context_takeover_) inflateReset(&inflater_);
  received_ = 0;
  is_in_message_ = false;
  return Event::Message;
}

bool WebSocketReader::take(std::string_view piece, std::string_view expected) {
  return is_compressed_ ? inflate_and_match(piece, expected) : matches(piece, expected);
}

bool WebSocketReader::inflate_and_match(std::string_view piece, std::string_view expected) {
  static std::array<char, 64 * 1024> buffer;
  if (!has_inflater_) has_inflater_ = inflateInit2(&inflater_, -15) == Z_OK;
  inflater_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
  inflater_.avail_in = static_cast<uInt>(piece.size());
  do {
    inflater_.next_out = reinterpret_cast<Bytef*>(buffer.data());
    inflater_.avail_out = static_cast<uInt>(buffer.size());
    const int result = inflate(&inflater_, Z_SYNC_FLUSH);
    if (result == Z_BUF_ERROR) break;  // nothing left to do
    if (result != Z_OK) return false;
    if (!matches(std::string_view(buffer.data(), buffer.size() - inflater_.avail_out), expected)) return false;
  } while (inflater_.avail_out == 0);
  return inflater_.avail_in == 0;
}

bool WebSocketReader::matches(std::string_view piece, std::string_view expected) {
  if (piece.size() > expected.size() - received_) return false;
  if (std::memcmp(piece.data(), expected.data() + received_, piece.size()) != 0) return false;
  received_ += piece.size();
  return true;
}

}  // namespace bench
