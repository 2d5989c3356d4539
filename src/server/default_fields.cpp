// SPDX-License-Identifier: MIT
#include "server/default_fields.h"

#include "outrider/error.h"

namespace outrider::server {

http1::DefaultFields default_fields(const Config& config) {
  http1::DefaultFields fields;
  for (const auto& [name, value] : config.headers) {
    const http::ResponseFault fault = fields.add(name, value);
    if (fault == http::ResponseFault::None) continue;
    throw Error(ErrorKind::Option, "Config::headers holds '" + name + "': " + std::string(http::sentence(fault)));
  }
  return fields;
}

}  // namespace outrider::server
