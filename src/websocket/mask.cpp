// SPDX-License-Identifier: MIT
#include "websocket/mask.h"

#include <cstring>

namespace outrider::websocket {
namespace {

// Vectors of the compiler's own: SSE2 and NEON, which every such processor has, or two registers where there is
// neither. Twice that a turn, because one XOR waits for its load. memcpy is how bytes that lie anywhere are loaded.
using Lanes = uint32_t __attribute__((vector_size(16)));

// Masks as many bytes as T has, and goes on behind them; `seen` has every bit that was set in one of them. `from` and
// `to` may be the same.
template <class T>
void mask_next(const char*& from, char*& to, const T& mask, T& seen) {
  T bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  bytes ^= mask;
  seen |= bytes;
  std::memcpy(to, &bytes, sizeof bytes);
  from += sizeof bytes;
  to += sizeof bytes;
}

bool mask_bytes(const char* from, char* to, std::size_t count, const Mask& mask, uint64_t offset) {
  // The mask as it begins at the offset; whatever is masked below is a multiple of it.
  const std::array<uint8_t, 7> twice{mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2]};
  const uint8_t* turned = twice.data() + offset % mask.size();
  uint32_t word;
  std::memcpy(&word, turned, sizeof word);
  const Lanes lanes{word, word, word, word};
  Lanes seen{};
  Lanes seen_too{};  // a second one: each OR waits for the one before
  for (; count >= 2 * sizeof lanes; count -= 2 * sizeof lanes) {
    mask_next(from, to, lanes, seen);
    mask_next(from, to, lanes, seen_too);
  }
  seen |= seen_too;
  uint32_t seen_last = seen[0] | seen[1] | seen[2] | seen[3];
  for (; count >= sizeof word; count -= sizeof word) mask_next(from, to, word, seen_last);
  uint8_t seen_rest = 0;
  for (std::size_t i = 0; i < count; ++i) mask_next(from, to, turned[i], seen_rest);
  return ((seen_last | seen_rest * 0x01010101U) & 0x80808080U) == 0;
}

}  // namespace

bool apply_mask(std::span<char> bytes, const Mask& mask, uint64_t offset) {
  return mask_bytes(bytes.data(), bytes.data(), bytes.size(), mask, offset);
}

bool copy_masked(std::span<const char> from, char* to, const Mask& mask, uint64_t offset) {
  return mask_bytes(from.data(), to, from.size(), mask, offset);
}

}  // namespace outrider::websocket
