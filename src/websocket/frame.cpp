// SPDX-License-Identifier: MIT
#include "websocket/frame.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace outrider::websocket {
namespace {

// RFC 6455 §5.2: the bits of the first two bytes.
constexpr uint8_t kFinal = 0x80;
constexpr uint8_t kCompressed = 0x40;
constexpr uint8_t kReserved = 0x30;
constexpr uint8_t kOpcode = 0x0f;
constexpr uint8_t kMasked = 0x80;
constexpr uint8_t kLength = 0x7f;

// Lengths that say that another one follows, of two or eight bytes.
constexpr uint8_t kLength16 = 126;
constexpr uint8_t kLength64 = 127;

constexpr std::size_t kMaskBytes = 4;

bool is_reserved(uint8_t opcode) { return (opcode > 2 && opcode < 8) || opcode > 10; }

}  // namespace

Result<FrameHeadReader::Progress, Fault> FrameHeadReader::feed(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size()) {
    const Finding finding = count_ < 2 ? take_byte(static_cast<uint8_t>(bytes[used++])) : take_more(bytes, used);
    if (finding == Finding::Faulty) return fault_;
    if (count_ < 2 || count_ < size_) continue;
    std::copy_n(bytes_.begin() + (size_ - kMaskBytes), kMaskBytes, head_.mask.begin());
    count_ = 0;
    size_ = 2;
    return Progress{used, true};
  }
  return Progress{used, false};
}

FrameHeadReader::Finding FrameHeadReader::take_byte(uint8_t byte) {
  bytes_[count_++] = byte;
  return count_ == 1 ? read_first(byte) : read_second(byte);
}

// Of the length, or of the mask behind it.
FrameHeadReader::Finding FrameHeadReader::take_more(std::string_view bytes, std::size_t& used) {
  const std::size_t length_end = size_ - kMaskBytes;
  const bool is_in_length = count_ < length_end;
  const std::size_t wanted = (is_in_length ? length_end : size_) - count_;
  const std::string_view piece = bytes.substr(used, wanted);
  std::memcpy(bytes_.data() + count_, piece.data(), piece.size());
  count_ = static_cast<uint8_t>(count_ + piece.size());
  used += piece.size();
  return is_in_length && piece.size() == wanted ? read_length() : Finding::Fine;
}

FrameHeadReader::Finding FrameHeadReader::read_first(uint8_t byte) {
  const auto opcode = static_cast<uint8_t>(byte & kOpcode);
  head_.is_final = (byte & kFinal) != 0;
  head_.is_compressed = (byte & kCompressed) != 0;
  head_.opcode = static_cast<Opcode>(opcode);
  // RFC 6455 §5.2: bits that no extension gave a meaning. RFC 7692 §6.1: RSV1 only on a message's first frame.
  if ((byte & kReserved) != 0) return found(Fault::ReservedBit);
  const bool begins_message = head_.opcode == Opcode::Text || head_.opcode == Opcode::Binary;
  if (head_.is_compressed && !(may_be_compressed_ && begins_message)) return found(Fault::ReservedBit);
  if (is_reserved(opcode)) return found(Fault::ReservedOpcode);
  // §5.4: control frames may come between fragments, but not as such.
  if (is_control(head_.opcode) && !head_.is_final) return found(Fault::ControlFragmented);
  return Finding::Fine;
}

FrameHeadReader::Finding FrameHeadReader::read_second(uint8_t byte) {
  const auto length = static_cast<uint8_t>(byte & kLength);
  if ((byte & kMasked) == 0) return found(Fault::NotMasked);  // §5.1
  if (is_control(head_.opcode) && length > kControlBytesMax) return found(Fault::ControlTooLong);
  head_.length = length;
  size_ = static_cast<uint8_t>(2 + kMaskBytes + (length == kLength64 ? 8 : length == kLength16 ? 2 : 0));
  return Finding::Fine;
}

// The bytes behind the first two, in network order.
FrameHeadReader::Finding FrameHeadReader::read_length() {
  uint64_t length = 0;
  for (std::size_t i = 2; i < count_; ++i) length = length << 8 | bytes_[i];
  const bool is_short = count_ == 4 ? length < kLength16 : length <= 0xffff;
  if (is_short) return found(Fault::LengthNotMinimal);
  if (length >> 63 != 0) return found(Fault::LengthTooLarge);
  head_.length = length;
  return Finding::Fine;
}

std::size_t write_frame_head(char* to, Opcode opcode, bool is_compressed, uint64_t length) {
  to[0] = static_cast<char>(kFinal | (is_compressed ? kCompressed : 0) | static_cast<uint8_t>(opcode));
  const std::size_t extra = length < kLength16 ? 0 : length <= 0xffff ? 2 : 8;
  to[1] = static_cast<char>(extra == 0 ? length : extra == 2 ? kLength16 : kLength64);
  for (std::size_t i = 0; i < extra; ++i) to[2 + i] = static_cast<char>(length >> (8 * (extra - 1 - i)));
  return 2 + extra;
}

}  // namespace outrider::websocket
