// SPDX-License-Identifier: MIT
#pragma once
// The client's side of the opening handshake (RFC 6455 §4.1), and of what it negotiates (RFC 7692 §7.1).

#include <string>
#include <string_view>

#include "options.h"

namespace bench {

struct Negotiated {
  bool has_deflate = false;
  bool server_no_context_takeover = false;
  int client_max_window_bits = 15;
  const char* trouble = nullptr;  // what is wrong with the answer; null for nothing
};

// The request; with deflate, the offer that browsers make.
std::string websocket_opening(const Options& options, bool offers_deflate);

// Reads the server's whole head.
Negotiated read_opening_answer(std::string_view head, bool offered_deflate);

}  // namespace bench
