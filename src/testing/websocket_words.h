// SPDX-License-Identifier: MIT
#pragma once

// What a WebSocket's client was sent, in words.
//
// Thread: any.

#include <string>
#include <string_view>

#include "testing/websocket_client.h"

namespace outrider::testing {

/// The server's frames behind the head of a handshake that was accepted: "text hello|binary 3|close 1000 bye|". Of
/// binary messages the size.
inline std::string frames_in(std::string_view received) {
  if (!received.starts_with("HTTP/1.1 101 ")) return {};
  std::string words;
  for (const ServerFrame& frame : server_frames(behind_head(received))) {
    if (frame.opcode == 1) {
      words += "text " + frame.payload;
    } else if (frame.opcode == 2) {
      words += "binary " + std::to_string(frame.payload.size());
    } else if (frame.opcode == 8) {
      words += "close " + std::to_string(frame.close_code());
      if (!frame.close_reason().empty()) words += ' ' + frame.close_reason();
    } else {
      words += "frame " + std::to_string(frame.opcode);
    }
    words += '|';
  }
  return words;
}

}  // namespace outrider::testing
