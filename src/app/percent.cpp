// SPDX-License-Identifier: MIT
#include "app/percent.h"

#include <algorithm>

#include "base/ascii.h"

namespace outrider::app {
namespace {

// The byte that the escape at the beginning of `text` stands for, or -1 when there is none.
int escape_value(std::string_view text) {
  if (text.size() < 3 || text[0] != '%') return -1;
  const int high = ascii::hex_value(text[1]);
  const int low = ascii::hex_value(text[2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// Takes the next byte off `encoded`.
char next_byte(std::string_view& encoded, Plus plus) {
  const int value = escape_value(encoded);
  if (value >= 0) {
    encoded.remove_prefix(3);
    return static_cast<char>(value);
  }
  const char c = encoded.front();
  encoded.remove_prefix(1);
  return c == '+' && plus == Plus::IsSpace ? ' ' : c;
}

}  // namespace

bool is_valid_encoding(std::string_view text) {
  for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 3)) {
    if (escape_value(text.substr(at)) <= 0) return false;
  }
  return true;
}

bool equals_decoded(std::string_view encoded, std::string_view text) {
  for (const char c : text) {
    if (encoded.empty() || next_byte(encoded, Plus::IsPlus) != c) return false;
  }
  return encoded.empty();
}

void append_decoded(std::string_view encoded, Plus plus, std::string& to) {
  while (!encoded.empty()) to += next_byte(encoded, plus);
}

std::optional<std::string> find_in_query(std::string_view query, std::string_view name) {
  std::string decoded;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::string_view key = pair.substr(0, pair.find('='));
    decoded.clear();
    append_decoded(key, Plus::IsSpace, decoded);
    if (decoded != name || pair.empty()) continue;
    decoded.clear();
    if (key.size() < pair.size()) append_decoded(pair.substr(key.size() + 1), Plus::IsSpace, decoded);
    return decoded;
  }
  return std::nullopt;
}

}  // namespace outrider::app
