// SPDX-License-Identifier: MIT
#pragma once

// What a session sends, as frames on the wire: messages, compressed when that was agreed upon and is worth it, and
// control frames. Each is one frame.
//
// Thread: loop only.

#include <string_view>

#include "base/buffer.h"
#include "http/exchange.h"
#include "websocket/frame.h"
#include "websocket/message.h"

namespace outrider::websocket {

class Compression;
class SharedMessage;
struct Service;

class Sender {
 public:
  /// They must live as long as something is sent.
  Sender(http::Exchange& exchange, Service& service) : exchange_(exchange), service_(service) {}

  /// From now on messages may be compressed. It must live as long as something is sent.
  void allow_compression(Compression& compression) { compression_ = &compression; }

  /// As Session's.
  void send(MessageType type, http::Piece payload);
  void send(const SharedMessage& message);
  /// At most kControlBytesMax of payload.
  void send_control(Opcode opcode, std::string_view payload);

 private:
  void send_frame(Opcode opcode, http::Piece payload);
  void send_compressed(Opcode opcode, http::Piece payload);
  void compress(std::string_view payload, Buffer& to);

  http::Exchange& exchange_;
  Service& service_;
  Compression* compression_ = nullptr;
};

}  // namespace outrider::websocket
