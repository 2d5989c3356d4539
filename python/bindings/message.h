// SPDX-License-Identifier: MIT
#pragma once

// What a message of the application says, key by key, with its types checked (ASGI 3.0, "Error Handling").
//
// Reading can run any code of the application's: a generator of headers, the __eq__ of a key, and through these even
// another send(). So everything is read before anything is done, and what is done runs no such code.
//
// Thread: the loop's, with the GIL.

#include <Python.h>

#include <string_view>

#include "py_ref.h"

namespace outrider::python {

/// The text of `bytes`, a bytes object; valid as long as that is.
std::string_view view(PyObject* bytes);

// False, or an empty reference, with a Python error on failure. `type` is the message's, for the error.

/// The message's 'type', borrowed; null with a Python error for what is no message.
PyObject* message_type(PyObject* message);
/// Compares a message's type with a known one. Applications send the same string object again and again: the last
/// one that was equal is remembered, and then compared by pointer.
bool is_type(PyObject* type, PyObject* known, PyObject*& remembered);

/// 'status' of the message: an int, whatever its size.
bool read_status(PyObject* message, PyObject* type, long& status);
/// The value of a key that is true or false; false where it is missing.
bool read_flag(PyObject* message, PyObject* key, bool& value);
/// 'body' as bytes: a buffer of another kind is copied, for it may change before it has left.
PyRef read_body(PyObject* message, PyObject* type);
/// The fields under a key: a list or tuple of lists or tuples of two bytes objects; empty where it is missing.
/// Nothing of the application's may run between this and the last use of the result, which may be the application's
/// own list.
PyRef read_fields(PyObject* message, PyObject* key);

/// 'links' as a tuple of bytes.
PyRef read_links(PyObject* message);

/// Raises `exception` with a format that takes the repr of the culprit, cut to a length that fits a log, as "%.200R".
/// Returns false.
bool refuse(PyObject* exception, const char* format, PyObject* culprit);
/// The same with a format that takes the repr of the message's type before.
bool refuse_value(PyObject* exception, const char* format, PyObject* type, PyObject* culprit);

}  // namespace outrider::python
