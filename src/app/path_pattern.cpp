// SPDX-License-Identifier: MIT
#include "app/path_pattern.h"

#include <algorithm>
#include <stdexcept>

#include "base/ascii.h"

namespace outrider::app {
namespace {

constexpr std::string_view kRestMark = "...";

[[noreturn]] void refuse(std::string_view pattern, const std::string& reason) {
  throw std::invalid_argument("invalid pattern \"" + std::string(pattern) + "\": " + reason);
}

bool is_name(std::string_view text) {
  return !text.empty() && !ascii::is_digit(text.front()) && std::all_of(text.begin(), text.end(), [](char c) {
    return ascii::is_alpha(c) || ascii::is_digit(c) || c == '_';
  });
}

void check_text(std::string_view pattern, std::string_view text) {
  for (const char c : text) {
    if (c == '{' || c == '}') refuse(pattern, "a parameter must be a whole segment, like /{name}/");
    // A query isn't part of the path, a fragment is never sent; both would make a route that can't match.
    if (c == '?' || c == '#') refuse(pattern, "it may not hold '?' or '#'");
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) refuse(pattern, "it holds a control character");
  }
}

PatternSegment parse_segment(std::string_view pattern, std::string_view text) {
  const bool is_braced = text.size() >= 2 && text.front() == '{' && text.back() == '}';
  if (!is_braced) {
    check_text(pattern, text);
    return {PatternSegment::Kind::Text, std::string(text)};
  }
  std::string_view name = text.substr(1, text.size() - 2);
  const bool is_rest = name.ends_with(kRestMark);
  if (is_rest) name.remove_suffix(kRestMark.size());
  if (!is_name(name)) refuse(pattern, "a parameter's name is made of letters, digits and '_', like {item_id}");
  return {is_rest ? PatternSegment::Kind::Rest : PatternSegment::Kind::Parameter, std::string(name)};
}

void check_names(std::string_view pattern, const std::vector<PatternSegment>& segments) {
  std::vector<std::string_view> names;
  for (const PatternSegment& segment : segments) {
    if (segment.kind == PatternSegment::Kind::Text) continue;
    if (std::find(names.begin(), names.end(), segment.text) != names.end()) {
      refuse(pattern, "the name '" + segment.text + "' occurs twice");
    }
    names.push_back(segment.text);
  }
  if (names.size() > kParametersMax) {
    refuse(pattern, "it has more than " + std::to_string(kParametersMax) + " parameters");
  }
}

}  // namespace

std::vector<PatternSegment> parse_pattern(std::string_view pattern) {
  if (!pattern.starts_with('/')) refuse(pattern, "it must begin with '/'");
  std::vector<PatternSegment> segments;
  std::size_t start = 1;
  while (true) {
    const std::size_t end = std::min(pattern.find('/', start), pattern.size());
    if (!segments.empty() && segments.back().kind == PatternSegment::Kind::Rest) {
      refuse(pattern, "nothing may follow {" + segments.back().text + "...}");
    }
    segments.push_back(parse_segment(pattern, pattern.substr(start, end - start)));
    if (end == pattern.size()) break;
    start = end + 1;
  }
  check_names(pattern, segments);
  return segments;
}

}  // namespace outrider::app
