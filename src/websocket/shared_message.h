// SPDX-License-Identifier: MIT
#pragma once

// A message that many WebSockets send: its bytes exist once, for all of them.
//
// Thread: any. Copies share what they hold, which never changes.

#include <string_view>

#include "http/exchange.h"
#include "websocket/frame.h"
#include "websocket/message.h"

namespace outrider::websocket {

class SharedMessage {
 public:
  /// Copies the payload. Text must be valid UTF-8.
  SharedMessage(MessageType type, std::string_view payload);
  SharedMessage(const SharedMessage& other) noexcept;
  SharedMessage& operator=(const SharedMessage& other) noexcept;
  ~SharedMessage();

  Opcode opcode() const;
  std::string_view payload() const;
  /// The whole frame, with a share in it as the owner, which may be released on any thread.
  http::Piece frame() const;

  // The same compressed for itself, so that any peer can be sent it whose window is large enough: made by the first
  // session that wants it.

  /// The bits of the window that it takes; 0 as long as there is none.
  int compressed_bits() const;
  /// Gives it, unless another thread did meanwhile.
  void set_compressed(std::string_view payload, int window_bits) const;
  /// As frame(); only if compressed_bits().
  http::Piece compressed_frame() const;

 private:
  struct Block;
  static void release(void* block);

  Block* block_;
};

}  // namespace outrider::websocket
