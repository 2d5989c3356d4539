// SPDX-License-Identifier: MIT
#pragma once
// Reads a server's WebSocket frames and compares the messages, byte for byte, with what was sent; compressed or not,
// in one frame or in many.

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

class WebSocketReader {
 public:
  enum class Event { NeedMore, Message, Ping, Bad };

  WebSocketReader() = default;
  ~WebSocketReader();
  WebSocketReader(const WebSocketReader&) = delete;
  WebSocketReader& operator=(const WebSocketReader&) = delete;

  // Called once, before the first feed(), when permessage-deflate was negotiated.
  void allow_deflate(bool no_context_takeover);

  // Consumes from the front of `data` up to the end of one message, which must equal `expected`, or of one ping.
  Event feed(std::string_view& data, std::string_view expected);

  const std::string& ping() const { return control_; }  // the last one's payload
  const std::string& trouble() const { return trouble_; }

 private:
  Event fail(std::string trouble);
  Event read_header(std::string_view& data, std::string_view expected);
  Event begin_frame(std::string_view expected);
  bool begins_rightly(bool is_compressed) const;
  Event read_payload(std::string_view& data, std::string_view expected);
  Event end_frame(std::string_view expected);
  Event end_control();
  Event end_message(std::string_view expected);
  bool take(std::string_view piece, std::string_view expected);
  bool inflate_and_match(std::string_view piece, std::string_view expected);
  bool matches(std::string_view piece, std::string_view expected);

  std::string header_;  // of the frame that begins
  std::string control_;
  std::string trouble_;
  unsigned opcode_ = 0;
  bool is_final_ = false;
  bool is_in_payload_ = false;
  bool is_in_message_ = false;
  bool is_compressed_ = false;   // the message that is being read
  std::uint64_t remaining_ = 0;  // bytes left of the frame
  std::size_t received_ = 0;     // bytes of the message compared so far
  bool has_deflate_ = false;
  bool no_context_takeover_ = false;
  bool has_inflater_ = false;
  z_stream inflater_{};
};

}  // namespace bench
