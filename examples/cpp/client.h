// SPDX-License-Identifier: MIT
#pragma once

// A plain HTTP client for the examples: what a visitor of the server does, over a bare socket and with calls that
// wait. Enough for a server of our own, and no more than that.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace client {

struct Answer {
  int status = 0;  // 0: there was none
  std::string head;
  std::string body;
};

/// Asks once, on a connection of its own, and waits for the whole answer.
Answer ask(uint16_t port, const std::string& method, const std::string& path, const std::string& body = {});
inline Answer get(uint16_t port, const std::string& path) { return ask(port, "GET", path); }

/// Reads an answer as it comes, until it ends or `on_bytes` returns false. False: it was cut off.
bool listen(uint16_t port, const std::string& path, const std::function<bool(std::string_view)>& on_bytes);

/// Ends the program with a message when `is_true` isn't.
void expect(bool is_true, const char* what);

}  // namespace client
