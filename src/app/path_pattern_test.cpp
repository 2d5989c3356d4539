// SPDX-License-Identifier: MIT
#include "app/path_pattern.h"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

namespace outrider::app {
namespace {

// "text:items parameter:id rest:path"
std::string shown(std::string_view pattern) {
  std::string text;
  for (const PatternSegment& segment : parse_pattern(pattern)) {
    const char* kinds[] = {"text:", "parameter:", "rest:"};
    text += std::string(text.empty() ? "" : " ") + kinds[static_cast<int>(segment.kind)] + segment.text;
  }
  return text;
}

std::string reason_against(std::string_view pattern) {
  try {
    parse_pattern(pattern);
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST_CASE("a pattern is taken apart at its slashes") {
  CHECK(shown("/") == "text:");
  CHECK(shown("/items") == "text:items");
  CHECK(shown("/items/") == "text:items text:");
  CHECK(shown("/items/{id}") == "text:items parameter:id");
  CHECK(shown("/{a}/b/{rest...}") == "parameter:a text:b rest:rest");
  CHECK(shown("/{rest...}") == "rest:rest");
}

TEST_CASE("an invalid pattern is refused with the pattern and the reason") {
  CHECK(reason_against("items") == "invalid pattern \"items\": it must begin with '/'");
  CHECK(reason_against("").ends_with("it must begin with '/'"));
  CHECK(reason_against("/{rest...}/more").ends_with("nothing may follow {rest...}"));
  CHECK(reason_against("/{a}/{a}").ends_with("the name 'a' occurs twice"));
  CHECK(reason_against("/{a}/{a...}").ends_with("the name 'a' occurs twice"));
  CHECK(reason_against("/item-{id}").ends_with("a parameter must be a whole segment, like /{name}/"));
  CHECK(reason_against("/{id").ends_with("a parameter must be a whole segment, like /{name}/"));
  CHECK(reason_against("/{}").find("a parameter's name is made of") != std::string::npos);
  CHECK(reason_against("/{...}").find("a parameter's name is made of") != std::string::npos);
  CHECK(reason_against("/{1st}").find("a parameter's name is made of") != std::string::npos);
  CHECK(reason_against("/{a b}").find("a parameter's name is made of") != std::string::npos);
  CHECK(reason_against("/search?q={q}").find("may not hold '?'") != std::string::npos);
  CHECK(reason_against("/a\nb").ends_with("it holds a control character"));
}

TEST_CASE("a pattern may have sixteen parameters and no more") {
  std::string pattern;
  for (int i = 0; i < 16; ++i) pattern += "/{p" + std::to_string(i) + "}";
  CHECK(reason_against(pattern).empty());
  CHECK(reason_against(pattern + "/{p16}").ends_with("it has more than 16 parameters"));
}

}  // namespace
}  // namespace outrider::app
