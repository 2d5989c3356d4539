// SPDX-License-Identifier: MIT
#pragma once

// How a WebSocket ends, and the close frames that say so (RFC 6455 §5.5.1, §7.4).
//
// Thread: any.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "websocket/fault.h"

namespace outrider::websocket {

/// How a WebSocket ended.
struct Closure {
  /// The peer's code when it closed (1005 when it gave none), the server's own when the server did: 1002, 1007, 1009
  /// for a peer's mistakes, 1011 for a ping that wasn't answered, 1012 for the server's stop; 1006 when the
  /// connection ended without a close frame.
  uint16_t code = 1006;
  std::string reason;  // UTF-8
};

/// Whether an endpoint may put that code into a close frame (RFC 6455 §7.4): 1000 to 1003, 1007 to 1014, 3000 to
/// 4999.
bool is_valid_close_code(int code);

/// The longest reason that fits into a close frame.
inline constexpr std::size_t kReasonBytesMax = 123;

/// Reads the payload of a close frame.
Result<Closure, Fault> read_closure(std::string_view payload);

/// The payload of a close frame; empty for 1005, which says that there is no code.
std::string close_payload(uint16_t code, std::string_view reason);

}  // namespace outrider::websocket
