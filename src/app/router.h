// SPDX-License-Identifier: MIT
#pragma once

// Path and method → handler. A tree with a level for each segment of a path; its nodes lie in one vector, so that
// copying an App's table for a server is cheap and a match walks little memory. A match allocates nothing.
//
// Tested by app/router_test.cpp.
//
// Thread: immutable while it serves, and then any; add() has one owner.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/path_pattern.h"
#include "outrider/handler.h"

namespace outrider::app {

/// The method of the GETs that ask for a WebSocket. No token, so that nobody can send it.
inline constexpr std::string_view kWebSocketMethod = "<websocket>";

struct Route {
  std::string method;
  std::string pattern;
  std::vector<std::string> parameter_names;
  std::shared_ptr<detail::Handler> handler;  // shared with the App and other servers' tables
  std::vector<std::string> subprotocols;     // of a WebSocket's
};

/// The parts of a path that a pattern's parameters stand for, still percent-encoded: views of the path.
struct Captures {
  std::array<std::string_view, kParametersMax> values;
  std::size_t count = 0;
};

class Router {
 public:
  Router();

  /// Throws std::invalid_argument: see App::get().
  void add(std::string_view method, std::string_view pattern, std::shared_ptr<detail::Handler> handler);
  /// The same for kWebSocketMethod: see App::websocket().
  void add_websocket(std::string_view pattern, std::shared_ptr<detail::Handler> handler,
                     std::vector<std::string> subprotocols);

  /// What answers when no route does: see App::fallback(). Throws std::invalid_argument when it takes path
  /// parameters, or is the second.
  void set_fallback(std::shared_ptr<detail::Handler> handler);
  /// Null when there is none.
  const Route* fallback() const { return fallback_.handler == nullptr ? nullptr : &fallback_; }

  /// The route for a path (validly percent-encoded), or null. HEAD finds GET routes, too.
  const Route* match(std::string_view method, std::string_view path, Captures& captures) const {
    return match(method, path, path.find('%') != std::string_view::npos, captures);
  }
  /// The same for a path of which it is known whether it has escapes.
  const Route* match(std::string_view method, std::string_view path, bool is_encoded, Captures& captures) const;
  /// The methods that are answered on a path, for the Allow field: "GET, HEAD, OPTIONS"; empty when no route
  /// matches. The path "*" stands for the whole server.
  std::string allowed_methods(std::string_view path) const;

 private:
  struct Node {
    std::string text;               // the segment's, for a child found by its text
    std::vector<uint32_t> by_text;  // sorted by their text
    uint32_t parameter = 0;         // children; 0, the root, is nobody's child
    uint32_t rest = 0;
    std::vector<Route> routes;
  };
  struct Search;

  Route& insert(std::string_view method, std::string_view pattern, std::shared_ptr<detail::Handler> handler);
  uint32_t child_for(uint32_t node, const PatternSegment& segment);
  uint32_t child_by_text(uint32_t node, std::string_view text) const;

  std::vector<Node> nodes_;
  Route fallback_;
};

}  // namespace outrider::app
