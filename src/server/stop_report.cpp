// SPDX-License-Identifier: MIT
#include <cstdio>

#include "outrider/stop.h"

namespace outrider {

std::string StopReport::to_string() const {
  char text[160];
  std::snprintf(text, sizeof text,
                "stopped in %.1f ms: %llu completed, %llu disconnected, %llu cancelled, %llu aborted",
                static_cast<double>(elapsed.count()) / 1000.0, static_cast<unsigned long long>(completed),
                static_cast<unsigned long long>(disconnected), static_cast<unsigned long long>(cancelled),
                static_cast<unsigned long long>(aborted));
  return text;
}

}  // namespace outrider
