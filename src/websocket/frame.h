// SPDX-License-Identifier: MIT
#pragma once

// The heads of frames (RFC 6455 §5.2): what stands before each payload.
//
// Thread: any.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "websocket/fault.h"
#include "websocket/mask.h"

namespace outrider::websocket {

enum class Opcode : uint8_t { Continuation = 0, Text = 1, Binary = 2, Close = 8, Ping = 9, Pong = 10 };

constexpr bool is_control(Opcode opcode) { return opcode >= Opcode::Close; }

/// RFC 6455 §5.5: what a close, ping or pong may carry.
inline constexpr std::size_t kControlBytesMax = 125;

struct FrameHead {
  Opcode opcode{};
  bool is_final = false;
  bool is_compressed = false;  // RSV1, which permessage-deflate uses
  Mask mask{};
  uint64_t length = 0;  // of the payload
};

/// Reads the heads of a client's frames, cut anywhere. What is wrong is found at the first byte that shows it.
class FrameHeadReader {
 public:
  /// From now on RSV1 may be set on the first frame of a message (RFC 7692 §6).
  void allow_compression() { may_be_compressed_ = true; }

  struct Progress {
    std::size_t consumed;
    bool is_complete;  // head() is there; the next feed() begins the next one
  };
  Result<Progress, Fault> feed(std::string_view bytes);
  const FrameHead& head() const { return head_; }

 private:
  // The longest: two bytes, eight of length, four of mask.
  static constexpr std::size_t kSizeMax = 14;

  enum class Finding { Fine, Faulty };
  Finding take_byte(uint8_t byte);
  Finding take_more(std::string_view bytes, std::size_t& used);
  Finding read_first(uint8_t byte);
  Finding read_second(uint8_t byte);
  Finding read_length();
  Finding found(Fault fault) {
    fault_ = fault;
    return Finding::Faulty;
  }

  FrameHead head_;
  std::array<uint8_t, kSizeMax> bytes_;
  uint8_t count_ = 0;
  uint8_t size_ = 2;  // as far as it is known
  bool may_be_compressed_ = false;
  Fault fault_{};
};

/// The longest head of ours: without a mask.
inline constexpr std::size_t kHeadBytesMax = 10;

/// Writes the head of an unfragmented frame of the server's. Returns its size.
std::size_t write_frame_head(char* to, Opcode opcode, bool is_compressed, uint64_t length);

}  // namespace outrider::websocket
