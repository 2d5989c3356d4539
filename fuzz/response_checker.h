// SPDX-License-Identifier: MIT
#pragma once

// Reads responses as strictly as RFC 9112 is written, with nothing of the engine: what leaves a server must pass
// here.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outrider::fuzz {

struct Response {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string content;
  std::vector<std::pair<std::string, std::string>> trailers;
  bool says_close = false;
  bool ends_with_close = false;  // only the connection's close ends its content

  bool is_informational() const { return status < 200; }
  /// How many fields have that name, in any case.
  std::size_t count(std::string_view name) const;
  /// The value of the first of them; empty without one.
  std::string_view find(std::string_view name) const;
};

/// Takes one response from the front of `bytes`. Nothing when it isn't complete; aborts when it isn't a response.
std::optional<Response> take_response(std::string_view& bytes, bool answers_head);

/// Whether the front of `bytes` is a whole head that says how long the content is: where it isn't all there, the
/// recipient can tell.
bool has_framed_head(std::string_view bytes);

}  // namespace outrider::fuzz
