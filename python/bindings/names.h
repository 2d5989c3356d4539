// SPDX-License-Identifier: MIT
#pragma once

// Python objects that every request uses: interned keys, message types, small constants. Made once when the module
// is imported, never freed: requests may outlive anything else.
//
// Thread: needs the GIL.

#include <Python.h>

namespace outrider::python {

struct Names {
  // Keys and attribute names, interned.
  PyObject *type, *asgi, *http_version, *server, *client, *scheme, *method, *path, *raw_path, *query_string,
      *root_path, *headers, *state, *extensions, *status, *body, *more_body, *call_soon, *call_later,
      *add_done_callback, *add, *done, *cancel, *loop, *context, *name, *eager_start, *trailers, *more_trailers,
      *file, *offset, *count, *links, *info, *text, *bytes, *code, *reason, *subprotocol, *subprotocols, *https, *tls;
  // Message and scope types.
  PyObject *http, *http_request, *http_disconnect, *response_start, *response_body, *response_pathsend,
      *response_zerocopysend, *response_trailers, *response_early_hint, *response_debug, *abort;
  PyObject *websocket, *websocket_connect, *websocket_receive, *websocket_disconnect, *websocket_accept,
      *websocket_send, *websocket_close, *websocket_response, *websocket_response_start, *websocket_response_body;
  // Constants.
  PyObject *version_1_0, *version_1_1, *empty_bytes, *empty_string;
  PyObject* get;             // "GET", the method of most requests
  PyObject* post;            // "POST"
  PyObject* word_websocket;  // "WebSocket", in the place of a method in what people read
};

/// Null members and a Python error on failure.
bool make_names();
const Names& names();

}  // namespace outrider::python
