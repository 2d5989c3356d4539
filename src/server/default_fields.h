// SPDX-License-Identifier: MIT
#pragma once

#include "http1/default_fields.h"
#include "outrider/config.h"

namespace outrider::server {

/// Config::headers as the engine takes them. Throws Error(Option) for one that no response could have.
http1::DefaultFields default_fields(const Config& config);

}  // namespace outrider::server
