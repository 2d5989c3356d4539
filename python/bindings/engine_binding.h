// SPDX-License-Identifier: MIT
#pragma once

// outrider._engine.Engine: one engine nested in a host event loop, as outrider._server uses it.

#include <nanobind/nanobind.h>

namespace outrider::python {

void bind_engine(nanobind::module_& module);

}  // namespace outrider::python
