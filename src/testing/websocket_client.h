// SPDX-License-Identifier: MIT
#pragma once

// A WebSocket's client for tests: the bytes that it sends, and the frames in what it was sent. It checks nothing and
// can therefore do everything wrong.
//
// Thread: any.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace outrider::testing {

/// A frame to be sent. What isn't set is as RFC 6455 wants it of a client.
struct ClientFrame {
  int opcode = 1;  // 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong
  std::string payload = {};
  bool is_final = true;
  int reserved = 0;  // RSV1 is 4, RSV2 is 2, RSV3 is 1
  bool is_masked = true;
  int length_bytes = -1;  // of the extended length: 0, 2 or 8; -1: as few as do

  std::string bytes() const {
    constexpr std::array<uint8_t, 4> mask{0x12, 0x34, 0xa5, 0xff};
    const std::size_t size = payload.size();
    const int extra = length_bytes >= 0 ? length_bytes : size < 126 ? 0 : size <= 0xffff ? 2 : 8;
    std::string out;
    out += static_cast<char>((is_final ? 0x80 : 0) | reserved << 4 | opcode);
    const std::size_t short_length = extra == 0 ? size : extra == 2 ? 126 : 127;
    out += static_cast<char>((is_masked ? 0x80 : 0) | static_cast<int>(short_length));
    for (int i = extra - 1; i >= 0; --i) out += static_cast<char>(static_cast<uint64_t>(size) >> (8 * i));
    if (!is_masked) return out + payload;
    for (const uint8_t byte : mask) out += static_cast<char>(byte);
    for (std::size_t i = 0; i < size; ++i) {
      out += static_cast<char>(static_cast<uint8_t>(payload[i]) ^ mask[i % mask.size()]);
    }
    return out;
  }
};

inline std::string text_frame(std::string_view payload) { return ClientFrame{1, std::string(payload)}.bytes(); }
inline std::string binary_frame(std::string_view payload) { return ClientFrame{2, std::string(payload)}.bytes(); }
inline std::string ping_frame(std::string_view payload) { return ClientFrame{9, std::string(payload)}.bytes(); }
inline std::string pong_frame(std::string_view payload) { return ClientFrame{10, std::string(payload)}.bytes(); }

inline std::string close_body(int code, std::string_view reason = {}) {
  return std::string{static_cast<char>(code >> 8), static_cast<char>(code)}.append(reason);
}
inline std::string close_frame(int code, std::string_view reason = {}) {
  return ClientFrame{8, close_body(code, reason)}.bytes();
}

/// A frame of the server's.
struct ServerFrame {
  int opcode;
  std::string payload;
  bool is_compressed;

  /// Of a close frame; 1005 without one.
  int close_code() const {
    if (payload.size() < 2) return 1005;
    return static_cast<uint8_t>(payload[0]) << 8 | static_cast<uint8_t>(payload[1]);
  }
  std::string close_reason() const { return payload.size() < 2 ? "" : payload.substr(2); }
};

/// The request for a WebSocket, with the key of RFC 6455 §1.3. `fields` are further lines, each with its CRLF.
inline std::string websocket_request(std::string_view target, std::string_view fields = {}) {
  return "GET " + std::string(target) +
         " HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
         std::string(fields) + "\r\n";
}
/// What accepts that.
inline constexpr std::string_view kWebSocketAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The frames that begin at `bytes`, up to the first that is incomplete. Behind a head, give what follows its empty
/// line. What a server must not send ends the list, too: fragments, masks, reserved bits.
inline std::vector<ServerFrame> server_frames(std::string_view bytes) {
  std::vector<ServerFrame> frames;
  const auto byte_at = [&](std::size_t at) { return static_cast<uint8_t>(bytes[at]); };
  while (bytes.size() >= 2) {
    const int first = byte_at(0);
    if ((first & 0x80) == 0 || (first & 0x30) != 0 || (byte_at(1) & 0x80) != 0) break;
    const std::size_t extra = byte_at(1) == 127 ? 8 : byte_at(1) == 126 ? 2 : 0;
    if (bytes.size() < 2 + extra) break;
    uint64_t length = byte_at(1);
    if (extra > 0) length = 0;
    for (std::size_t i = 0; i < extra; ++i) length = length << 8 | byte_at(2 + i);
    if (bytes.size() - 2 - extra < length) break;
    frames.push_back({first & 15, std::string(bytes.substr(2 + extra, length)), (first & 0x40) != 0});
    bytes.remove_prefix(2 + extra + length);
  }
  return frames;
}

/// What follows the first head in the bytes that came; nothing when it isn't complete.
inline std::string_view behind_head(std::string_view received) {
  const std::size_t end = received.find("\r\n\r\n");
  return end == std::string_view::npos ? std::string_view() : received.substr(end + 4);
}

}  // namespace outrider::testing
