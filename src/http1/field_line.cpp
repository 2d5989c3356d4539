// SPDX-License-Identifier: MIT
#include "http1/field_line.h"

#include <cstdint>
#include <cstring>

#include "base/ascii.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace outrider::http1 {

std::size_t find_invalid_field_byte(std::string_view text) {
  std::size_t i = 0;
#ifdef __SSE2__
  const __m128i space = _mm_set1_epi8(0x20);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  for (; i + 16 <= text.size(); i += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + i));
    const __m128i at_least_space = _mm_cmpeq_epi8(_mm_max_epu8(bytes, space), bytes);
    const __m128i allowed = _mm_or_si128(at_least_space, _mm_cmpeq_epi8(bytes, tab));
    const __m128i valid = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, del), allowed);
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(valid)) ^ 0xffffU;
    if (mask != 0) return i + static_cast<std::size_t>(__builtin_ctz(mask));
  }
#endif
  // Most values are short. Eight bytes at once: the high bit of a byte of `suspects` is set when that byte is below
  // 0x20 or is 0x7f (others may be set as well: carries go upwards). The loop below then looks at them one by one.
  constexpr uint64_t kOnes = 0x0101010101010101U;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t bytes = 0;
    std::memcpy(&bytes, text.data() + i, sizeof bytes);
    const uint64_t is_del = bytes ^ (kOnes * 0x7f);
    const uint64_t suspects = ((bytes - kOnes * 0x20) & ~bytes) | ((is_del - kOnes) & ~is_del);
    if ((suspects & (kOnes * 0x80)) != 0) break;
  }
  while (i < text.size() && ascii::is_field_byte(text[i])) ++i;
  return i;
}

namespace {

// Folds the token at the beginning of a line to lower case, and returns its length.
std::size_t fold_token(char* line, std::size_t length) {
  std::size_t end = 0;
#ifdef __SSE2__
  // Names are made of letters, digits and '-': sixteen bytes at a time until another one comes. What the table
  // allows beyond these is looked up below.
  const auto is_up_to = [](__m128i bytes, char most) {
    return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(most)), bytes);
  };
  for (; end + 16 <= length; end += 16) {
    auto* const at = reinterpret_cast<__m128i*>(line + end);
    const __m128i bytes = _mm_loadu_si128(at);
    const __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    const __m128i is_letter = is_up_to(_mm_sub_epi8(folded, _mm_set1_epi8('a')), 25);
    const __m128i is_digit = is_up_to(_mm_sub_epi8(bytes, _mm_set1_epi8('0')), 9);
    const __m128i is_dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
    const __m128i is_common = _mm_or_si128(is_letter, _mm_or_si128(is_digit, is_dash));
    const auto others = static_cast<unsigned>(_mm_movemask_epi8(is_common)) ^ 0xffffU;
    if (others != 0) {
      const auto count = static_cast<std::size_t>(__builtin_ctz(others));
      // Letters behind the token keep their case.
      const __m128i place = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
      const __m128i is_inside = _mm_cmplt_epi8(place, _mm_set1_epi8(static_cast<char>(count)));
      const __m128i bit = _mm_and_si128(_mm_and_si128(is_letter, is_inside), _mm_set1_epi8(0x20));
      _mm_storeu_si128(at, _mm_or_si128(bytes, bit));
      end += count;
      break;
    }
    _mm_storeu_si128(at, _mm_or_si128(bytes, _mm_and_si128(is_letter, _mm_set1_epi8(0x20))));
  }
#endif
  for (; end < length; ++end) {
    const char lower = ascii::kTokenLower[static_cast<uint8_t>(line[end])];
    if (lower == 0) break;
    line[end] = lower;
  }
  return end;
}

}  // namespace

std::optional<Fault> parse_field_line(char* storage, std::size_t offset, std::size_t length,
                                      std::vector<http::HeadLayout::FieldSpan>& fields) {
  char* const line = storage + offset;
  // RFC 9112 §5.2: a line that starts with whitespace continues the one before. Refused: recipients disagree on it.
  if (line[0] == ' ' || line[0] == '\t') return Fault::ObsoleteFold;

  const std::size_t colon = fold_token(line, length);
  if (colon == length || line[colon] != ':' || colon == 0) {
    // RFC 9112 §5.1: no whitespace is allowed there, and a server MUST refuse it.
    const bool spaced = colon > 0 && colon < length && (line[colon] == ' ' || line[colon] == '\t');
    return spaced ? Fault::SpaceBeforeColon : Fault::FieldNameInvalid;
  }

  const std::string_view rest(line + colon + 1, length - colon - 1);
  if (find_invalid_field_byte(rest) != rest.size()) return Fault::FieldValueInvalid;
  const std::string_view value = ascii::trim(rest);
  const auto value_offset = static_cast<uint32_t>(value.data() - storage);
  fields.push_back({{static_cast<uint32_t>(offset), static_cast<uint32_t>(colon)},
                    {value_offset, static_cast<uint32_t>(value.size())}});
  return std::nullopt;
}

}  // namespace outrider::http1
