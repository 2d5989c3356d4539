// SPDX-License-Identifier: MIT
#pragma once

// Request head → ASGI connection scope (HTTP & WebSocket 2.5, "Connection Scope" of both), from a template dict that
// is copied for each request: PyDict_Copy of a dict without holes is nearly a memcpy.
//
// Thread: the loop's, with the GIL.

#include <Python.h>

#include <string>
#include <string_view>
#include <vector>

#include "header_cache.h"
#include "http/exchange.h"
#include "py_ref.h"

namespace outrider::python {

class ScopeFactory {
 public:
  /// `state` is the lifespan's state dict; null when the lifespan isn't in use. Throws nanobind's python_error.
  ScopeFactory(std::string root_path, PyObject* state, bool offers_debug);

  /// A new scope; null with a Python error on failure.
  PyObject* make(http::Exchange& exchange);
  /// That of a WebSocket.
  PyObject* make(http::Exchange& exchange, const std::vector<std::string_view>& subprotocols);

 private:
  void make_websocket_template();
  bool fill(PyObject* scope, http::Exchange& exchange, const PyRef& extensions);
  bool add_target(PyObject* scope, const http::RequestHead& head);
  bool add_headers(PyObject* scope, const http::RequestHead& head);
  bool add_connection(PyObject* scope, http::Exchange& exchange);

  std::string root_path_;
  std::string raw_root_path_;                       // percent-encoded
  PyRef asgi_, extensions_, websocket_extensions_;  // what each scope has copies of
  PyRef template_, websocket_template_;
  PyRef state_;
  HeaderCache header_cache_;
};

/// The ASGI form of an address: (host, port), (path, None) for a Unix socket, None when there is none.
PyObject* address_object(const net::Address& address);

}  // namespace outrider::python
