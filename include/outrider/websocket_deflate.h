// SPDX-License-Identifier: MIT
#pragma once

// How WebSocket messages are compressed (permessage-deflate, RFC 7692), for peers that offer it.

#include <cstddef>

namespace outrider {

struct WebSocketDeflate {
  /// Whether compression is negotiated at all.
  bool is_enabled = true;
  /// The windows of the server's and of the client's messages, as powers of two from 9 to 15: the most that a
  /// connection may use. A window costs 2^bits bytes (the server's, which compresses, four times that and 2^(level +
  /// 9) more), for as long as its context is kept. 12 is 4 KiB: most of the gain for JSON at an eighth of the memory.
  /// A client that doesn't offer client_max_window_bits, as browsers do, can't be told and may use 15.
  int server_max_window_bits = 12;
  int client_max_window_bits = 12;
  /// Each message is compressed for itself: worse, and without memory between messages.
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  /// zlib's memLevel, 1 to 9, and its level, 1 to 9.
  int memory_level = 5;
  int level = 1;
  /// Messages of fewer bytes are sent as they are: compressing them takes longer than sending.
  std::size_t message_bytes_min = 256;
};

}  // namespace outrider
