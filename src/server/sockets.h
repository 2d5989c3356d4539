// SPDX-License-Identifier: MIT
#pragma once

// Where a Config says to listen → bound sockets.

#include <vector>

#include "net/socket.h"
#include "outrider/config.h"

namespace outrider::server {

/// For each loop thread its sockets, one for each place; all threads have the same places in the same order. Throws
/// Error for the first place that can't be had; those before are given back.
std::vector<std::vector<net::BoundSocket>> bind_sockets(const Config& config);

}  // namespace outrider::server
