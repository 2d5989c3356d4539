// SPDX-License-Identifier: MIT
#pragma once

// The application behind the cases: a path for each thing that an application can do with an exchange.

#include "server/engine.h"
#include "testing/harness.h"

namespace outrider::testing {

using Server = Harness<server::Engine>;

/// Installs them all.
void add_routes(RecordingApplication& application);

}  // namespace outrider::testing
