// SPDX-License-Identifier: MIT
#pragma once

// The Python types that an ASGI application is called with, and what it awaits:
//
//   Receive   the `receive` callable; holds the AsgiExchange, or as a WebSocketReceive the AsgiWebSocket
//   Send      the `send` callable; refers to its Receive
//   Done      what send() returns when nothing has to be waited for; one object for all
//   Waiting   what receive() returns, and send() under back-pressure: decides when first awaited, and then completes
//             at once or suspends on a Waiter (waiter.h)
//
// Done and Waiting are registered as collections.abc.Coroutine, so that asyncio.create_task(receive()) works.
//
// Thread: the loop's, with the GIL.

#include <Python.h>

#include "websocket/handshake.h"

namespace outrider::http {
class Exchange;
}

namespace outrider::python {

class AsgiApplication;
class AsgiCycle;

/// Makes the types; false with a Python error on failure. Once, when the module is imported.
bool make_callable_types();

/// A new Receive with an AsgiExchange for that exchange (which has it as its handler from then on).
PyObject* new_receive(AsgiApplication& application, http::Exchange& exchange);
/// The same with an AsgiWebSocket, for an exchange that asks for one by that handshake.
PyObject* new_receive(AsgiApplication& application, http::Exchange& exchange, websocket::Handshake handshake);
PyObject* new_send(PyObject* receive);
AsgiCycle& cycle_of(PyObject* receive);
/// A callable for Task.add_done_callback() that reports the task's end to the exchange of `receive`.
PyObject* new_done_callback(PyObject* receive);

}  // namespace outrider::python
