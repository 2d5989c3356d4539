// SPDX-License-Identifier: MIT
#include "outrider/config.h"

namespace outrider {

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::Debug:
      return "debug";
    case LogLevel::Info:
      return "info";
    case LogLevel::Warning:
      return "warning";
    case LogLevel::Error:
      return "error";
  }
  return {};
}

std::string HandlerError::message() const {
  std::string text = std::string(method) + " " + std::string(target);
  if (!request_id.empty()) text += " (request id " + std::string(request_id) + ")";
  text += ": ";
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    return text + error.what();
  } catch (...) {
    return text + "an exception that is no std::exception";
  }
}

}  // namespace outrider
