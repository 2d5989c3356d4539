// SPDX-License-Identifier: MIT
#pragma once

// SHA-1 (RFC 3174): for the handshake of WebSockets, which proves with it that a server knows the protocol and hides
// nothing. Nothing that is to be safe may be built upon it.
//
// Thread: any.

#include <array>
#include <cstdint>
#include <string_view>

namespace outrider {

std::array<uint8_t, 20> sha1(std::string_view text);

}  // namespace outrider
