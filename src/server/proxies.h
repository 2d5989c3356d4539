// SPDX-License-Identifier: MIT
#pragma once

// What a Config says of proxies → whom the engine believes what.

#include "http/forwarded.h"
#include "outrider/config.h"

namespace outrider::server {

/// Throws Error(Option), naming the option, for what is no network or no field.
http::ProxyRules read_proxy_rules(const Config& config);

}  // namespace outrider::server
