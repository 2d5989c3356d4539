// SPDX-License-Identifier: MIT
#pragma once

// What a peer can do wrong on an open WebSocket. Each of them fails the connection (RFC 6455 §7.1.7): it is closed
// with the fault's code, and its sentence as the reason.
//
// Thread: any.

#include <cstdint>
#include <string_view>

namespace outrider::websocket {

enum class Fault : uint8_t {
  ReservedBit,             ///< RSV1 to RSV3 without an extension that says what they mean
  ReservedOpcode,          ///< 3 to 7, or 11 to 15
  NotMasked,               ///< a client's frames are
  ControlFragmented,       ///< a close, ping or pong that isn't one frame
  ControlTooLong,          ///< more than 125 bytes of such
  LengthNotMinimal,        ///< more bytes than the length needs
  LengthTooLarge,          ///< the first of its 64 bits is set
  FrameTooLong,            ///< above websocket_frame_bytes_max
  MessageTooLong,          ///< above websocket_message_bytes_max
  ContinuationUnexpected,  ///< a frame that goes on with no message
  MessageUnfinished,       ///< another message begins inside of one
  TextNotUtf8,             ///< of a text message
  CompressionInvalid,      ///< what was said to be compressed isn't
  CloseTooShort,           ///< half a code
  CloseCodeInvalid,        ///< one that can't be sent
  CloseReasonNotUtf8,      ///< of a close frame
};

/// The code of the close frame (RFC 6455 §7.4.1).
uint16_t close_code(Fault fault);

/// One sentence per fault, short enough for a close frame.
std::string_view sentence(Fault fault);

}  // namespace outrider::websocket
