// SPDX-License-Identifier: MIT
#pragma once

// How permessage-deflate is agreed upon (RFC 7692 §5 and §7.1): what the client offers, and what the server takes.
//
// Thread: any.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "outrider/websocket_deflate.h"

namespace outrider::websocket {

/// A permessage-deflate that the client offers, with parameters that the RFC knows.
struct DeflateOffer {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  int server_max_window_bits = 15;  // the most that the client takes
  int client_max_window_bits = 15;  // the most that it uses
  bool takes_client_max_window_bits = false;
};

/// Adds the offers in the value of a Sec-WebSocket-Extensions field, in the client's order. Other extensions, and
/// offers with parameters that are unknown or invalid, are left out: they are declined. False: the value isn't a list
/// of extensions (RFC 6455 §9.1).
bool read_deflate_offers(std::string_view value, std::vector<DeflateOffer>& offers);

/// What both keep to.
struct DeflateAgreement {
  int server_window_bits = 15;  // of what the server compresses
  int client_window_bits = 15;  // the most of what it is to inflate
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  std::string field;  // the value of Sec-WebSocket-Extensions that says so
};

/// Takes the first offer that can be taken.
std::optional<DeflateAgreement> agree(const WebSocketDeflate& config, const std::vector<DeflateOffer>& offers);

}  // namespace outrider::websocket
