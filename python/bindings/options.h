// SPDX-License-Identifier: MIT
#pragma once

// Options as Python gives them: times are seconds.
//
// Thread: needs the GIL.

#include <nanobind/nanobind.h>

#include <chrono>

#include "http1/default_fields.h"
#include "outrider/limits.h"

namespace outrider::python {

std::chrono::milliseconds milliseconds(double seconds);

/// The limits by their names; those that aren't there have their defaults.
Limits limits_of(const nanobind::dict& values);

/// Pairs of str. Raises ValueError for one that no response could have.
http1::DefaultFields default_fields(nanobind::handle headers);

}  // namespace outrider::python
