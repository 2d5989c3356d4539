// SPDX-License-Identifier: MIT
#pragma once

// Options as Python gives them: times are seconds.
//
// Thread: needs the GIL.

#include <nanobind/nanobind.h>

#include <chrono>
#include <string>
#include <vector>

#include "http/forwarded.h"
#include "http1/default_fields.h"
#include "outrider/error.h"
#include "outrider/limits.h"
#include "outrider/websocket_deflate.h"

namespace outrider::python {

std::chrono::milliseconds milliseconds(double seconds);

/// The limits by their names; those that aren't there have their defaults. Raises ValueError for another name.
Limits limits_of(const nanobind::dict& values);

/// How WebSocket messages are compressed: every field of WebSocketDeflate by its name.
WebSocketDeflate deflate_of(const nanobind::dict& values);

/// Pairs of str. Raises ValueError for one that no response could have.
http1::DefaultFields default_fields(nanobind::handle headers);

/// Whom to believe, and what. Raises ValueError for the first that is no network or no such field.
http::ProxyRules proxy_rules(const std::vector<std::string>& trusted, const std::vector<std::string>& fields);

/// Calls `check()`; raises ValueError for an outrider::Error.
template <class Check>
void check_option(Check check) {
  try {
    check();
  } catch (const Error& error) {
    throw nanobind::value_error(error.what());
  }
}

/// Adds the functions that check options, before there is an engine.
void bind_checks(nanobind::module_& module);

}  // namespace outrider::python
