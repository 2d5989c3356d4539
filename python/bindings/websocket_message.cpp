// SPDX-License-Identifier: MIT
#include "websocket_message.h"

#include <cstdint>
#include <utility>

#include "message.h"
#include "names.h"

namespace outrider::python {
namespace {

// RFC 6455 §5.5: the payload of a control frame; two bytes of it are the code.
constexpr std::size_t kReasonMax = 123;

// What is there under a key, and isn't None; empty with or without an error.
PyRef find(PyObject* message, PyObject* key) {
  PyObject* object = PyDict_GetItemWithError(message, key);
  return object == Py_None ? PyRef() : PyRef::borrow(object);
}

// A str as UTF-8, which it keeps itself.
bool encode(PyObject* text, PyObject* key, PyObject* protocol_error, std::string_view& bytes) {
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(text, &size);
  if (data != nullptr) {
    bytes = {data, static_cast<std::size_t>(size)};
    return true;
  }
  if (PyErr_ExceptionMatches(PyExc_UnicodeEncodeError) == 0) return false;
  PyErr_Clear();
  return refuse_value(protocol_error, "%R has a lone surrogate, which UTF-8 has no form of: %.200R", key, text);
}

bool read_code(PyObject* message, PyObject* protocol_error, uint16_t& code) {
  const PyRef object = find(message, names().code);
  if (!object) return PyErr_Occurred() == nullptr;
  if (!PyLong_Check(object.get()) || PyBool_Check(object.get())) {
    return refuse(PyExc_TypeError, "'code' of 'websocket.close' must be an int, not %.200R", object.get());
  }
  int overflow = 0;
  const long value = PyLong_AsLongAndOverflow(object.get(), &overflow);
  if (overflow != 0 || value < 0 || value > 4999 || !websocket::is_valid_close_code(static_cast<int>(value))) {
    return refuse(protocol_error,
                  "'code' of 'websocket.close' must be 1000 to 1003, 1007 to 1014 or 3000 to 4999 "
                  "(RFC 6455 section 7.4), not %.200R",
                  object.get());
  }
  code = static_cast<uint16_t>(value);
  return true;
}

}  // namespace

bool read_payload(PyObject* message, PyObject* protocol_error, Payload& payload) {
  const Names& n = names();
  PyRef text = find(message, n.text);
  if (!text && PyErr_Occurred() != nullptr) return false;
  PyRef bytes = find(message, n.bytes);
  if (!bytes && PyErr_Occurred() != nullptr) return false;
  if (static_cast<bool>(text) == static_cast<bool>(bytes)) {
    PyErr_SetString(PyExc_ValueError, text ? "'websocket.send' has both 'text' and 'bytes': a message is one of them"
                                           : "'websocket.send' must have 'text' or 'bytes'");
    return false;
  }
  if (text) {
    if (!PyUnicode_Check(text.get())) {
      return refuse(PyExc_TypeError, "'text' of 'websocket.send' must be a str, not %.200R", text.get());
    }
    if (!encode(text.get(), n.text, protocol_error, payload.bytes)) return false;
    payload.owner = std::move(text);
    return true;
  }
  if (!PyBytes_Check(bytes.get())) {
    if (!PyObject_CheckBuffer(bytes.get())) {
      return refuse(PyExc_TypeError, "'bytes' of 'websocket.send' must be bytes, not %.200R", bytes.get());
    }
    bytes = PyRef::steal(PyBytes_FromObject(bytes.get()));  // it may change before it has left
    if (!bytes) return false;
  }
  payload.type = websocket::MessageType::Binary;
  payload.bytes = view(bytes.get());
  payload.owner = std::move(bytes);
  return true;
}

bool read_close(PyObject* message, PyObject* protocol_error, Close& close) {
  if (!read_code(message, protocol_error, close.code)) return false;
  close.owner = find(message, names().reason);
  if (!close.owner) return PyErr_Occurred() == nullptr;
  PyObject* reason = close.owner.get();
  if (!PyUnicode_Check(reason)) {
    return refuse(PyExc_TypeError, "'reason' of 'websocket.close' must be a str, not %.200R", reason);
  }
  if (!encode(reason, names().reason, protocol_error, close.reason)) return false;
  if (close.reason.size() <= kReasonMax) return true;
  return refuse(protocol_error, "'reason' of 'websocket.close' has more than 123 bytes as UTF-8: %.200R", reason);
}

bool read_subprotocol(PyObject* message, PyRef& subprotocol) {
  subprotocol = find(message, names().subprotocol);
  if (!subprotocol && PyErr_Occurred() != nullptr) return false;
  if (!subprotocol) subprotocol = PyRef::borrow(Py_None);
  if (subprotocol.get() == Py_None || PyUnicode_Check(subprotocol.get())) return true;
  return refuse(PyExc_TypeError, "'subprotocol' of 'websocket.accept' must be a str, not %.200R", subprotocol.get());
}

}  // namespace outrider::python
