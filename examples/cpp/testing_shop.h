// SPDX-License-Identifier: MIT
#pragma once

// What the examples testing_*.cpp test: an application, and clients of somebody else's API.

#include <outrider/outrider.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "client.h"

inline outrider::App make_shop() {
  outrider::App app;
  app.get("/items/{id}", [](int id) { return "item " + std::to_string(id); });
  app.get("/broken", []() -> std::string { throw std::runtime_error("the shelf is empty"); });
  return app;
}

/// What a weather service says, asked once more when it doesn't answer well.
inline std::string forecast(uint16_t port, const std::string& place) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    const client::Answer answer = client::get(port, "/weather/" + place);
    if (answer.status == 200) return answer.body;
  }
  return "nobody knows";
}

/// Reads a file; false when not all of it came.
inline bool download(uint16_t port, const std::string& path, std::string& to) {
  const client::Answer answer = client::get(port, path);
  to = answer.body;
  return answer.status == 200 &&
         answer.head.find("content-length: " + std::to_string(to.size())) != std::string::npos;
}
