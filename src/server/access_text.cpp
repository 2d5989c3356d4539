// SPDX-License-Identifier: MIT
#include "server/access_text.h"

#include <charconv>
#include <cstdio>
#include <ctime>

#include "base/http_date.h"

namespace outrider::server {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr uint32_t kReplacement = 0xfffd;

bool is_plain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

// The length of the text's beginning that needs no escape.
std::size_t plain_prefix(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size() && is_plain(text[length])) ++length;
  return length;
}

// The code point that the text begins with; `length` is what it takes. RFC 3629 §3 and §4: no overlong forms, no
// surrogates, nothing above U+10FFFF.
uint32_t decode(std::string_view text, std::size_t& length) {
  const auto byte = [&](std::size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  const std::size_t count = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
  length = 1;
  if (first < 0x80) return first;
  if (count == 1 || first > 0xf4 || text.size() < count) return kReplacement;
  uint32_t point = first & (0x7fU >> count);
  for (std::size_t i = 1; i < count; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return kReplacement;
    point = point << 6 | (byte(i) & 0x3fU);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < kLeast[count] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return kReplacement;
  length = count;
  return point;
}

void append_unit(uint32_t unit, Buffer& out) {
  const char text[] = {'\\', 'u', kHex[unit >> 12 & 15], kHex[unit >> 8 & 15], kHex[unit >> 4 & 15], kHex[unit & 15]};
  out.append({text, sizeof text});
}

std::tm utc(int64_t second) {
  const auto time = static_cast<std::time_t>(second);
  std::tm parts{};
  gmtime_r(&time, &parts);
  return parts;
}

}  // namespace

void append_escaped(std::string_view text, Buffer& out) {
  while (true) {
    const std::size_t plain = plain_prefix(text);
    out.append(text.substr(0, plain));
    if (plain == text.size()) return;
    const char c = text[plain];
    if (c == '"' || c == '\\') {
      out.append('\\');
      out.append(c);
    } else {
      const auto byte = static_cast<uint8_t>(c);
      const char escape[] = {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
      out.append({escape, sizeof escape});
    }
    text.remove_prefix(plain + 1);
  }
}

void append_json(std::string_view text, Buffer& out) {
  while (true) {
    const std::size_t plain = plain_prefix(text);
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) return;
    std::size_t length = 0;
    const uint32_t point = decode(text, length);
    text.remove_prefix(length);
    if (point == '"' || point == '\\') {
      out.append('\\');
      out.append(static_cast<char>(point));
    } else if (point < 0x10000) {
      append_unit(point, out);
    } else {
      // RFC 8259 §7: a pair of UTF-16 surrogates.
      append_unit(0xd800 + ((point - 0x10000) >> 10), out);
      append_unit(0xdc00 + ((point - 0x10000) & 0x3ff), out);
    }
  }
}

void append_number(uint64_t number, Buffer& out) {
  char* to = out.reserve(20);
  out.commit(static_cast<std::size_t>(std::to_chars(to, to + 20, number).ptr - to));
}

void append_padded(uint64_t number, int digits, Buffer& out) {
  char* to = out.reserve(static_cast<std::size_t>(digits));
  for (int i = digits - 1; i >= 0; --i, number /= 10) to[i] = static_cast<char>('0' + number % 10);
  out.commit(static_cast<std::size_t>(digits));
}

// Not strftime(): its names of months follow the program's locale.
std::string common_time(int64_t second) {
  char date[29];  // "Sun, 06 Nov 1994 08:49:37 GMT"
  format_http_date(static_cast<std::time_t>(second), date);
  const std::string_view text(date, sizeof date);
  std::string time(text.substr(5, 2));
  time.append("/").append(text.substr(8, 3)).append("/").append(text.substr(12, 4));
  return time.append(":").append(text.substr(17, 8)).append(" +0000");
}

std::string rfc3339_time(int64_t second) {
  const std::tm parts = utc(second);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d", parts.tm_year + 1900, parts.tm_mon + 1,
                parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  return text;
}

std::string formatted_time(int64_t second, const std::string& format) {
  const std::tm parts = utc(second);
  char text[256];
  return {text, std::strftime(text, sizeof text, format.c_str(), &parts)};
}

}  // namespace outrider::server
