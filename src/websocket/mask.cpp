// SPDX-License-Identifier: MIT
#include "websocket/mask.h"

#include <cstring>

namespace outrider::websocket {
namespace {

// Vectors of the compiler's own: SSE2 and NEON, which every such processor has, or two registers where there is
// neither. Twice that a turn, because one XOR waits for its load. memcpy is how bytes that lie anywhere are loaded.
using Lanes = uint8_t __attribute__((vector_size(16)));
constexpr std::size_t kLane = sizeof(Lanes);

// `from` and `to` may be the same.
void mask_bytes(const char* from, char* to, std::size_t count, const Mask& mask, uint64_t offset) {
  std::array<uint8_t, kLane> turned;
  for (std::size_t i = 0; i < kLane; ++i) turned[i] = mask[(offset + i) % mask.size()];
  Lanes lanes;
  std::memcpy(&lanes, turned.data(), kLane);
  std::size_t at = 0;
  for (; count - at >= 2 * kLane; at += 2 * kLane) {
    Lanes first, second;
    std::memcpy(&first, from + at, kLane);
    std::memcpy(&second, from + at + kLane, kLane);
    first ^= lanes;
    second ^= lanes;
    std::memcpy(to + at, &first, kLane);
    std::memcpy(to + at + kLane, &second, kLane);
  }
  // A lane is a whole number of masks, so that the turned mask fits any multiple of it.
  for (; at < count; ++at) to[at] = static_cast<char>(static_cast<uint8_t>(from[at]) ^ turned[at % kLane]);
}

}  // namespace

void apply_mask(std::span<char> bytes, const Mask& mask, uint64_t offset) {
  mask_bytes(bytes.data(), bytes.data(), bytes.size(), mask, offset);
}

void copy_masked(std::span<const char> from, char* to, const Mask& mask, uint64_t offset) {
  mask_bytes(from.data(), to, from.size(), mask, offset);
}

}  // namespace outrider::websocket
