// SPDX-License-Identifier: MIT
#pragma once

// The mask of a client's frames (RFC 6455 §5.3), taken off many bytes at a time.
//
// Thread: any.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace outrider::websocket {

using Mask = std::array<uint8_t, 4>;

/// Masks, or takes the mask off, where the bytes lie. `offset` is where in the frame's payload they do. Returns
/// whether what comes out is ASCII, since they are looked at anyway.
bool apply_mask(std::span<char> bytes, const Mask& mask, uint64_t offset);

/// The same on the way to another place, which has room and doesn't overlap.
bool copy_masked(std::span<const char> from, char* to, const Mask& mask, uint64_t offset);

}  // namespace outrider::websocket
