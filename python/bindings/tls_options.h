// SPDX-License-Identifier: MIT
#pragma once

// TLS as Python's options say it, and what a handshake came to as ASGI's TLS extension says it.
//
// Thread: needs the GIL.

#include <nanobind/nanobind.h>

#include "outrider/tls.h"

namespace outrider::python {

/// From the dict that outrider._tls makes. Raises what nanobind raises for wrong types.
TlsConfig tls_config(const nanobind::dict& values);

/// The "tls" of scope["extensions"]: a new dict; null with a Python error on failure.
PyObject* tls_extension(const TlsInfo& info);

void bind_tls(nanobind::module_& module);

}  // namespace outrider::python
