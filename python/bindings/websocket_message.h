// SPDX-License-Identifier: MIT
#pragma once

// What a WebSocket's message of the application says, key by key, with its types checked; as message.h does it for
// HTTP, under the same rules.
//
// Thread: the loop's, with the GIL.

#include <Python.h>

#include <string_view>

#include "py_ref.h"
#include "websocket/session.h"

namespace outrider::python {

// False with a Python error on failure.

/// 'text' or 'bytes' of websocket.send, of which there must be one; None is as good as missing. `bytes` are those of
/// `owner`, and UTF-8 where they are text. `protocol_error` is raised for text that UTF-8 has no form of.
struct Payload {
  websocket::MessageType type = websocket::MessageType::Text;
  std::string_view bytes;
  PyRef owner;
};
bool read_payload(PyObject* message, PyObject* protocol_error, Payload& payload);

/// 'code' and 'reason' of websocket.close; None is as good as missing. `protocol_error` is raised for what no close
/// frame can have.
struct Close {
  uint16_t code = 1000;
  std::string_view reason;
  PyRef owner;  // of the reason
};
bool read_close(PyObject* message, PyObject* protocol_error, Close& close);

/// 'subprotocol' of websocket.accept as a str; None where it is missing.
bool read_subprotocol(PyObject* message, PyRef& subprotocol);

}  // namespace outrider::python
