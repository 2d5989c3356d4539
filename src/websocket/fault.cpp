// SPDX-License-Identifier: MIT
#include "websocket/fault.h"

#include "base/check.h"

namespace outrider::websocket {

uint16_t close_code(Fault fault) {
  switch (fault) {
    case Fault::FrameTooLong:
    case Fault::MessageTooLong:
      return 1009;
    case Fault::TextNotUtf8:
    case Fault::CloseReasonNotUtf8:  // RFC 6455 §8.1
    case Fault::CompressionInvalid:  // data that isn't consistent with the type of the message
      return 1007;
    default:
      return 1002;
  }
}

std::string_view sentence(Fault fault) {
  switch (fault) {
    case Fault::ReservedBit:
      return "a reserved bit is set";
    case Fault::ReservedOpcode:
      return "the opcode is reserved";
    case Fault::NotMasked:
      return "the frame is not masked";
    case Fault::ControlFragmented:
      return "a control frame is fragmented";
    case Fault::ControlTooLong:
      return "a control frame is longer than 125 bytes";
    case Fault::LengthNotMinimal:
      return "the length takes more bytes than it needs";
    case Fault::LengthTooLarge:
      return "the length has its first bit set";
    case Fault::FrameTooLong:
      return "the frame is too long";
    case Fault::MessageTooLong:
      return "the message is too long";
    case Fault::ContinuationUnexpected:
      return "there is no message to continue";
    case Fault::MessageUnfinished:
      return "a message begins inside another";
    case Fault::TextNotUtf8:
      return "the text is not UTF-8";
    case Fault::CompressionInvalid:
      return "the message is not compressed rightly";
    case Fault::CloseTooShort:
      return "the close code is cut short";
    case Fault::CloseCodeInvalid:
      return "the close code is invalid";
    case Fault::CloseReasonNotUtf8:
      return "the close reason is not UTF-8";
  }
  OUTRIDER_CHECK(false);
  return {};
}

}  // namespace outrider::websocket
