// SPDX-License-Identifier: MIT
#pragma once

// A file's text, for tests of what is written to files.

#include <fstream>
#include <sstream>
#include <string>

namespace outrider::testing {

/// Empty when there is no such file.
inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace outrider::testing
