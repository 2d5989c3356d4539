// SPDX-License-Identifier: MIT
#include "websocket/closure.h"

#include "websocket/utf8.h"

namespace outrider::websocket {
namespace {

constexpr uint16_t kNoCode = 1005;

}  // namespace

bool is_valid_close_code(int code) {
  // RFC 6455 §7.4.1 and the registry of §11.7: 1004 has no meaning, 1005, 1006 and 1015 are never sent; 1012 to 1014
  // were added later. §7.4.2: to 2999 for the protocol, from 3000 for libraries, from 4000 for applications.
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

Result<Closure, Fault> read_closure(std::string_view payload) {
  if (payload.empty()) return Closure{kNoCode, {}};  // §7.1.5
  if (payload.size() == 1) return Fault::CloseTooShort;
  const auto code = static_cast<uint16_t>(static_cast<uint8_t>(payload[0]) << 8 | static_cast<uint8_t>(payload[1]));
  if (!is_valid_close_code(code)) return Fault::CloseCodeInvalid;
  const std::string_view reason = payload.substr(2);
  if (!is_utf8(reason)) return Fault::CloseReasonNotUtf8;
  return Closure{code, std::string(reason)};
}

std::string close_payload(uint16_t code, std::string_view reason) {
  if (code == kNoCode) return {};
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  return payload.append(reason);
}

}  // namespace outrider::websocket
