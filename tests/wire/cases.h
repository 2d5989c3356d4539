// SPDX-License-Identifier: MIT
#pragma once

// Conversations as data: what a client sends, and every byte that it is to be answered, however its bytes are cut
// and whatever they travel over.

#include <optional>
#include <span>
#include <string>

namespace outrider::testing {

struct Case {
  std::string name;
  std::string sent;
  std::string received;
  std::optional<std::size_t> handled;  // requests that reached the application, where the cut doesn't decide
  bool server_closes = false;          // the server ends its side after that
  // The client ends its side once all is sent. Whether the server knew it in time to say "connection: close" depends
  // on the cut, so that field is left out of the comparison.
  bool client_half_closes = false;
};

std::span<const Case> cases();

/// What is compared of the bytes that came.
std::string compared(const Case& row, const std::string& received);

/// The answer to a peer's mistake.
std::string error_answer(const std::string& status, const std::string& sentence);

}  // namespace outrider::testing
