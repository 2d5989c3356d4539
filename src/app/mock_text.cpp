// SPDX-License-Identifier: MIT
#include "app/mock_text.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "app/percent.h"
#include "base/ascii.h"

namespace outrider::testing {
namespace {

// What is shown of a body.
constexpr std::size_t kShownMax = 100;

// On one line, and without what a terminal would take for a command.
void append_shown(std::string_view bytes, std::string& to) {
  to += '"';
  for (const char c : bytes.substr(0, kShownMax))
    to += c == '\n' ? ' ' : static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  to += '"';
  if (bytes.size() > kShownMax) to.append("… (").append(std::to_string(bytes.size())).append(" bytes)");
}

}  // namespace

std::optional<std::string> MockRequest::header(std::string_view name) const {
  for (const auto& [field, value] : headers) {
    if (ascii::equals_ignore_case(field, name)) return value;
  }
  return std::nullopt;
}

std::optional<std::string> MockRequest::query_value(std::string_view name) const {
  return app::find_in_query(query, name);
}

const std::string& MockRequest::parameter(std::string_view name) const {
  for (const auto& [parameter, value] : parameters) {
    if (parameter == name) return value;
  }
  const std::string whose = route.empty() ? "no route answered, so there" : "the route " + route;
  throw std::out_of_range(whose + (route.empty() ? " is" : " has") + " no parameter '" + std::string(name) + "'");
}

std::string MockRequest::to_string() const {
  std::string text = method + " " + path;
  if (!query.empty()) text.append("?").append(query);
  if (!body.empty()) append_shown(body, text += ' ');
  if (!is_complete) text += " (its body isn't complete)";
  if (route.empty()) text += " (no route)";
  return text;
}

}  // namespace outrider::testing

namespace outrider::app {
namespace {

using testing::MockRequest;

// The more, the nearer: first whether the paths begin alike, so that a wrong method is seen at once.
std::pair<std::size_t, bool> nearness(const MockRequest& request, std::string_view method, std::string_view pattern) {
  const auto ends = std::mismatch(request.path.begin(), request.path.end(), pattern.begin(), pattern.end());
  return {static_cast<std::size_t>(ends.first - request.path.begin()), request.method == method};
}

std::string times_text(std::size_t count) { return std::to_string(count) + (count == 1 ? " time" : " times"); }

}  // namespace

std::string no_route_text(const MockRequest& request, const std::vector<std::string>& routes) {
  std::string text = "this mock has no route for " + request.method + " " + request.path;
  text += routes.empty() ? ": it has none at all\n" : "; it has\n";
  for (const std::string& route : routes) text.append("  ").append(route).append("\n");
  return text;
}

std::string failure_text(std::string_view method, std::string_view pattern, std::size_t found,
                         std::optional<std::size_t> expected) {
  const std::string what = std::string(method) + " " + std::string(pattern);
  if (!expected) return what + " wasn't asked for";
  return what + " was asked for " + times_text(found) + ", expected " + std::to_string(*expected);
}

std::string list_requests(std::vector<MockRequest> requests, std::string_view method, std::string_view pattern,
                          std::size_t forgotten) {
  if (!method.empty()) {
    std::stable_sort(requests.begin(), requests.end(), [&](const MockRequest& a, const MockRequest& b) {
      return nearness(a, method, pattern) > nearness(b, method, pattern);
    });
  }
  std::string text = requests.empty() ? "nothing was asked for\n" : "what was asked for:\n";
  for (const MockRequest& request : requests) text.append("  ").append(request.to_string()).append("\n");
  if (forgotten > 0) text.append("and before them ").append(std::to_string(forgotten)).append(", forgotten\n");
  return text;
}

}  // namespace outrider::app
