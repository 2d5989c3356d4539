// SPDX-License-Identifier: MIT
#include "outrider/error.h"

#include <cstring>

namespace outrider {

Error::Error(ErrorKind kind, const std::string& message, int code)
    : std::runtime_error(code == 0 ? message : message + ": " + std::strerror(code)), kind_(kind), code_(code) {}

}  // namespace outrider
