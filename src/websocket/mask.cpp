// SPDX-License-Identifier: MIT
#include "websocket/mask.h"

#include <cstring>

namespace outrider::websocket {
namespace {

// Vectors of the compiler's own: SSE2 and NEON, which every such processor has, or two registers where there is
// neither. Twice that a turn, because one XOR waits for its load. memcpy is how bytes that lie anywhere are loaded.
using Lanes = uint32_t __attribute__((vector_size(16)));

// Masks as many bytes as T has, and goes on behind them. `from` and `to` may be the same.
template <class T>
void mask_next(const char*& from, char*& to, const T& mask) {
  T bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  bytes ^= mask;
  std::memcpy(to, &bytes, sizeof bytes);
  from += sizeof bytes;
  to += sizeof bytes;
}

void mask_bytes(const char* from, char* to, std::size_t count, const Mask& mask, uint64_t offset) {
  // The mask as it begins at the offset; whatever is masked below is a multiple of it.
  const std::array<uint8_t, 7> twice{mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2]};
  const uint8_t* turned = twice.data() + offset % mask.size();
  uint32_t word;
  std::memcpy(&word, turned, sizeof word);
  const Lanes lanes{word, word, word, word};
  for (; count >= 2 * sizeof lanes; count -= 2 * sizeof lanes) {
    mask_next(from, to, lanes);
    mask_next(from, to, lanes);
  }
  for (; count >= sizeof word; count -= sizeof word) mask_next(from, to, word);
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<char>(static_cast<uint8_t>(from[i]) ^ turned[i]);
}

}  // namespace

void apply_mask(std::span<char> bytes, const Mask& mask, uint64_t offset) {
  mask_bytes(bytes.data(), bytes.data(), bytes.size(), mask, offset);
}

void copy_masked(std::span<const char> from, char* to, const Mask& mask, uint64_t offset) {
  mask_bytes(from.data(), to, from.size(), mask, offset);
}

}  // namespace outrider::websocket
