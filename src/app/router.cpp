// SPDX-License-Identifier: MIT
#include "app/router.h"

#include <algorithm>
#include <stdexcept>

#include "app/percent.h"
#include "base/ascii.h"

namespace outrider::app {
namespace {

// So many are compared one after the other: most differ in their length.
constexpr std::size_t kFewChildren = 8;

const Route* find_method(const std::vector<Route>& routes, std::string_view method) {
  for (const Route& route : routes) {
    if (route.method == method) return &route;
  }
  return method == "HEAD" ? find_method(routes, "GET") : nullptr;
}

void add_once(std::vector<std::string_view>& methods, std::string_view method) {
  if (std::find(methods.begin(), methods.end(), method) == methods.end()) methods.push_back(method);
}

}  // namespace

// One walk down the tree, in the order of precedence: text, parameter, rest. A node can be reached in one way only,
// so trying all of them is bounded by the size of the tree, whatever a peer asks for.
struct Router::Search {
  const Router& router;
  std::string_view method;  // empty: of any method; then `methods` collects
  Captures& captures;
  std::vector<std::string_view> methods;
  bool is_encoded;

  const Route* at_end(const Node& node) {
    if (!method.empty()) return find_method(node.routes, method);
    for (const Route& route : node.routes) {
      add_once(methods, route.method == kWebSocketMethod ? std::string_view("GET") : route.method);
    }
    return nullptr;
  }

  // `path` is what follows the slash after the node's own segment.
  const Route* below(const Node& node, std::string_view path) {
    const std::size_t slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    const auto descend = [&](uint32_t child) {
      const Node& next = router.nodes_[child];
      return slash == std::string_view::npos ? at_end(next) : below(next, path.substr(slash + 1));
    };
    if (const Route* route = by_text(node, segment, descend)) return route;
    if (node.parameter != 0 && !segment.empty()) {
      captures.values[captures.count++] = segment;
      if (const Route* route = descend(node.parameter)) return route;
      --captures.count;
    }
    if (node.rest != 0) {
      captures.values[captures.count++] = path;
      if (const Route* route = at_end(router.nodes_[node.rest])) return route;
      --captures.count;
    }
    return nullptr;
  }

  template <class Descend>
  const Route* by_text(const Node& node, std::string_view segment, Descend descend) {
    if (!is_encoded) {
      const uint32_t child = router.child_by_text(static_cast<uint32_t>(&node - router.nodes_.data()), segment);
      return child != 0 ? descend(child) : nullptr;
    }
    for (const uint32_t child : node.by_text) {
      if (equals_decoded(segment, router.nodes_[child].text)) return descend(child);
    }
    return nullptr;
  }
};

Router::Router() : nodes_(1) {}

void Router::add(std::string_view method, std::string_view pattern, std::shared_ptr<detail::Handler> handler) {
  if (!ascii::is_token(method)) throw std::invalid_argument("invalid method \"" + std::string(method) + "\"");
  insert(method, pattern, std::move(handler));
}

void Router::add_websocket(std::string_view pattern, std::shared_ptr<detail::Handler> handler,
                           std::vector<std::string> subprotocols) {
  for (const std::string& subprotocol : subprotocols) {
    if (ascii::is_token(subprotocol)) continue;  // RFC 6455 §4.1
    throw std::invalid_argument("invalid subprotocol \"" + subprotocol + "\": expected a token such as \"chat.v2\"");
  }
  insert(kWebSocketMethod, pattern, std::move(handler)).subprotocols = std::move(subprotocols);
}

void Router::set_fallback(std::shared_ptr<detail::Handler> handler) {
  if (handler->parameter_count() != 0) {
    throw std::invalid_argument("the fallback takes path parameters, but it has no pattern");
  }
  if (fallback_.handler != nullptr) throw std::invalid_argument("the fallback is there already");
  fallback_.pattern = "of the fallback";
  fallback_.handler = std::move(handler);
}

Route& Router::insert(std::string_view method, std::string_view pattern, std::shared_ptr<detail::Handler> handler) {
  const std::vector<PatternSegment> segments = parse_pattern(pattern);
  std::vector<std::string> names;
  for (const PatternSegment& segment : segments) {
    if (segment.kind != PatternSegment::Kind::Text) names.push_back(segment.text);
  }
  const std::string what = std::string(method) + " " + std::string(pattern);
  const std::size_t taken = handler->parameter_count();
  if (taken != 0 && taken != names.size()) {
    throw std::invalid_argument("the handler of " + what + " takes " + std::to_string(taken) +
                                " path parameters, but the pattern has " + std::to_string(names.size()));
  }
  uint32_t node = 0;
  for (const PatternSegment& segment : segments) node = child_for(node, segment);
  for (const Route& route : nodes_[node].routes) {
    if (route.method != method) continue;
    throw std::invalid_argument("the route " + what + " is there already, as " + route.method + " " + route.pattern);
  }
  return nodes_[node].routes.emplace_back(
      Route{std::string(method), std::string(pattern), std::move(names), std::move(handler), {}});
}

uint32_t Router::child_for(uint32_t node, const PatternSegment& segment) {
  using Kind = PatternSegment::Kind;
  uint32_t child = segment.kind == Kind::Text        ? child_by_text(node, segment.text)
                   : segment.kind == Kind::Parameter ? nodes_[node].parameter
                                                     : nodes_[node].rest;
  if (child != 0) return child;
  child = static_cast<uint32_t>(nodes_.size());
  nodes_.emplace_back();
  if (segment.kind == Kind::Parameter) {
    nodes_[node].parameter = child;
  } else if (segment.kind == Kind::Rest) {
    nodes_[node].rest = child;
  } else {
    nodes_[child].text = segment.text;
    std::vector<uint32_t>& siblings = nodes_[node].by_text;
    siblings.push_back(child);
    std::sort(siblings.begin(), siblings.end(),
              [this](uint32_t a, uint32_t b) { return nodes_[a].text < nodes_[b].text; });
  }
  return child;
}

uint32_t Router::child_by_text(uint32_t node, std::string_view text) const {
  const std::vector<uint32_t>& children = nodes_[node].by_text;
  if (children.size() <= kFewChildren) {
    for (const uint32_t child : children) {
      if (nodes_[child].text == text) return child;
    }
    return 0;
  }
  const auto found = std::lower_bound(children.begin(), children.end(), text,
                                      [this](uint32_t child, std::string_view t) { return nodes_[child].text < t; });
  return found != children.end() && nodes_[*found].text == text ? *found : 0;
}

const Route* Router::match(std::string_view method, std::string_view path, bool is_encoded,
                           Captures& captures) const {
  captures.count = 0;
  if (!path.starts_with('/')) return nullptr;
  Search search{*this, method, captures, {}, is_encoded};
  return search.below(nodes_[0], path.substr(1));
}

std::string Router::allowed_methods(std::string_view path) const {
  Captures captures;
  Search search{*this, {}, captures, {}, path.find('%') != std::string_view::npos};
  if (path == "*") {
    for (const Node& node : nodes_) search.at_end(node);
  } else if (path.starts_with('/')) {
    search.below(nodes_[0], path.substr(1));
  }
  std::vector<std::string_view>& methods = search.methods;
  if (methods.empty()) return {};
  const auto get = std::find(methods.begin(), methods.end(), "GET");
  if (get != methods.end() && std::find(methods.begin(), methods.end(), "HEAD") == methods.end()) {
    methods.insert(get + 1, "HEAD");
  }
  add_once(methods, "OPTIONS");
  std::string list;
  for (const std::string_view method : methods) list.append(list.empty() ? "" : ", ").append(method);
  return list;
}

}  // namespace outrider::app
