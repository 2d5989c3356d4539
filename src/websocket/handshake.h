// SPDX-License-Identifier: MIT
#pragma once

// The opening handshake, server side (RFC 6455 §4.2): what a request asks for, and whether it does so rightly.
//
// Thread: any.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/request_head.h"
#include "websocket/deflate_offer.h"

namespace outrider::http {
class Exchange;
}

namespace outrider::websocket {

/// What is wrong with a handshake.
enum class HandshakeFault {
  MethodNotGet,
  VersionMissing,
  VersionUnsupported,  ///< not 13; answered 426 with the version that is
  KeyMissing,
  KeyInvalid,  ///< not 16 bytes in base64, or given twice
  SubprotocolInvalid,
  ExtensionInvalid,  ///< Sec-WebSocket-Extensions isn't a list of extensions
};

/// One sentence per fault.
std::string_view sentence(HandshakeFault fault);

/// A valid request for a WebSocket. The views are the head's, valid as long as those.
struct Handshake {
  std::string_view key;
  std::vector<std::string_view> subprotocols;  // in the client's order of preference; often none
  std::vector<DeflateOffer> deflate_offers;    // the same
};

/// Whether the request asks for a WebSocket, rightly or not: the Upgrade field has "websocket".
bool is_websocket_request(const http::RequestHead& head);

/// Reads the handshake of such a request.
Result<Handshake, HandshakeFault> read_handshake(const http::RequestHead& head);

/// Answers a faulty handshake: 400, or 426 with Sec-WebSocket-Version. The exchange ends.
void refuse(http::Exchange& exchange, HandshakeFault fault);

/// The value of Sec-WebSocket-Accept for that key (RFC 6455 §4.2.2).
std::string accept_value(std::string_view key);

}  // namespace outrider::websocket
