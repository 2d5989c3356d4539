// SPDX-License-Identifier: MIT
#pragma once

// ASCII without locales: the character classes of RFC 9110 §5.6 and case-insensitive comparison.

#include <array>
#include <cstdint>
#include <string_view>

namespace outrider::ascii {

constexpr char to_lower(char c) { return (c >= 'A' && c <= 'Z') ? static_cast<char>(c + ('a' - 'A')) : c; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }

/// RFC 9110 §5.6.2 tchar.
constexpr bool is_token_char(char c) {
  return is_digit(c) || is_alpha(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

/// For each byte its lower-case form when it may stand in a token, else 0: validates and folds in one look-up.
inline constexpr std::array<char, 256> kTokenLower = [] {
  std::array<char, 256> table{};
  for (int byte = 1; byte < 128; ++byte) {
    const char c = static_cast<char>(byte);
    table[static_cast<std::size_t>(byte)] = is_token_char(c) ? to_lower(c) : '\0';
  }
  return table;
}();

constexpr bool is_token(std::string_view text) {
  for (char c : text) {
    if (kTokenLower[static_cast<uint8_t>(c)] == 0) return false;
  }
  return !text.empty();
}

/// RFC 9110 §5.5: what a field value may hold besides its position rules: VCHAR, SP, HTAB and obs-text.
constexpr bool is_field_byte(char c) {
  const auto byte = static_cast<uint8_t>(c);
  return (byte >= 0x20 && byte != 0x7f) || c == '\t';
}

/// The value of a hexadecimal digit, or -1.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = to_lower(c);
  return (lower >= 'a' && lower <= 'f') ? lower - 'a' + 10 : -1;
}

constexpr bool equals_ignore_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

/// Optional whitespace (RFC 9110 §5.6.3) taken off both ends.
constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Calls visit(element) for each non-empty element of a comma-separated list (RFC 9110 §5.6.1).
template <class Visit>
constexpr void for_each_element(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view element = trim(list.substr(0, comma));
    if (!element.empty()) visit(element);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace outrider::ascii
