// SPDX-License-Identifier: MIT
// outrider._engine: the engine for Python. Everything that users see is in the package around it.

#include <nanobind/nanobind.h>

#include "callables.h"
#include "engine_binding.h"
#include "names.h"
#include "options.h"
#include "polite_poll.h"
#include "tls_options.h"
#include "waiter.h"

NB_MODULE(_engine, module) {
  module.doc() = "Outrider's engine. Internal: use the outrider package.";
  // A server in a global variable is alive when the interpreter ends; that is no leak worth a line on stderr.
  nanobind::set_leak_warnings(false);
  module.attr("__version__") = OUTRIDER_VERSION;
  if (!outrider::python::make_names() || !outrider::python::make_waiter_type() ||
      !outrider::python::make_callable_types()) {
    throw nanobind::python_error();
  }
  outrider::python::bind_engine(module);
  outrider::python::bind_checks(module);
  outrider::python::bind_poller(module);
  outrider::python::bind_tls(module);
}
