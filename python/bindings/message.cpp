// SPDX-License-Identifier: MIT
#include "message.h"

#include "names.h"

namespace outrider::python {
namespace {

bool is_sequence(PyObject* object) { return PyList_CheckExact(object) || PyTuple_CheckExact(object); }

// What isn't there is null without an error.
PyObject* find(PyObject* message, PyObject* key) { return PyDict_GetItemWithError(message, key); }

// A list of tuples of what iterables of any kind give.
PyRef spell_out(PyObject* fields) {
  PyRef list = PyRef::steal(PyList_New(0));
  for (Py_ssize_t i = 0; list && i < PySequence_Fast_GET_SIZE(fields); ++i) {
    const PyRef field = PyRef::borrow(PySequence_Fast_GET_ITEM(fields, i));
    PyRef pair = PyRef::steal(PySequence_Tuple(field.get()));
    if (!pair && PyErr_ExceptionMatches(PyExc_TypeError) != 0) {
      refuse(PyExc_TypeError, "a header must be a (name, value) pair, not %.200R", field.get());
    }
    if (!pair || PyList_Append(list.get(), pair.get()) != 0) return {};
  }
  return list;
}

bool check_field(PyObject* field) {
  if (PySequence_Fast_GET_SIZE(field) != 2) {
    return refuse(PyExc_ValueError, "a header must be a (name, value) pair, not %.200R", field);
  }
  if (PyBytes_Check(PySequence_Fast_GET_ITEM(field, 0)) && PyBytes_Check(PySequence_Fast_GET_ITEM(field, 1))) {
    return true;
  }
  return refuse(PyExc_TypeError, "header name and value must be bytes, not %.200R", field);
}

}  // namespace

std::string_view view(PyObject* bytes) {
  return {PyBytes_AS_STRING(bytes), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes))};
}

bool refuse(PyObject* exception, const char* format, PyObject* culprit) {
  const PyRef alive = PyRef::borrow(culprit);  // what repr() runs may take it out of its message
  PyErr_Format(exception, format, culprit);
  return false;
}

PyObject* message_type(PyObject* message) {
  if (!PyDict_Check(message)) {
    refuse(PyExc_TypeError, "an ASGI message must be a dict, not %.200R", message);
    return nullptr;
  }
  PyObject* type = find(message, names().type);
  if (type == nullptr && PyErr_Occurred() == nullptr) {
    refuse(PyExc_ValueError, "an ASGI message must have a 'type': %.200R", message);
  }
  return type;
}

bool is_type(PyObject* type, PyObject* known, PyObject*& remembered) {
  if (type == known || type == remembered) return true;
  if (!PyUnicode_Check(type) || PyUnicode_Compare(type, known) != 0) return false;
  Py_XSETREF(remembered, Py_NewRef(type));
  return true;
}

bool refuse_value(PyObject* exception, const char* format, PyObject* type, PyObject* culprit) {
  const PyRef alive = PyRef::borrow(culprit);
  PyErr_Format(exception, format, type, culprit);
  return false;
}

bool read_status(PyObject* message, PyObject* type, long& status) {
  PyObject* object = find(message, names().status);
  if (object == nullptr || !PyLong_Check(object) || PyBool_Check(object)) {
    if (PyErr_Occurred() != nullptr) return false;
    if (object == nullptr) return refuse(PyExc_TypeError, "%R must have a 'status'", type);
    return refuse_value(PyExc_TypeError, "'status' of %R must be an int, not %.200R", type, object);
  }
  int overflow = 0;
  status = PyLong_AsLongAndOverflow(object, &overflow);
  return overflow != 0 || status != -1 || PyErr_Occurred() == nullptr;  // -1 is out of range as well
}

bool read_flag(PyObject* message, PyObject* key, bool& value) {
  PyObject* object = find(message, key);
  value = object == Py_True;
  if (value || object == Py_False) return true;
  if (object == nullptr) return PyErr_Occurred() == nullptr;
  const PyRef alive = PyRef::borrow(object);
  PyErr_Format(PyExc_TypeError, "%R must be True or False, not %.200R", key, object);
  return false;
}

PyRef read_body(PyObject* message, PyObject* type) {
  PyRef body = PyRef::borrow(find(message, names().body));
  if (!body) return PyErr_Occurred() == nullptr ? PyRef::borrow(names().empty_bytes) : PyRef();
  if (PyBytes_Check(body.get())) return body;
  if (PyObject_CheckBuffer(body.get())) return PyRef::steal(PyBytes_FromObject(body.get()));
  refuse_value(PyExc_TypeError, "'body' of %R must be bytes, not %.200R", type, body.get());
  return {};
}

PyRef read_fields(PyObject* message, PyObject* key) {
  const PyRef object = PyRef::borrow(find(message, key));
  if (!object) return PyErr_Occurred() == nullptr ? PyRef::steal(PyTuple_New(0)) : PyRef();
  if (PyDict_Check(object.get()) || PyUnicode_Check(object.get()) || PyObject_CheckBuffer(object.get())) {
    // These can be iterated over, and what comes isn't what was meant.
    refuse(PyExc_TypeError, "headers must be an iterable of (name, value) pairs, not %.200R", object.get());
    return {};
  }
  PyRef fields =
      PyRef::steal(PySequence_Fast(object.get(), "headers must be an iterable of (name, value) pairs of bytes"));
  if (!fields) return {};
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fields.get()); ++i) {
    if (is_sequence(PySequence_Fast_GET_ITEM(fields.get(), i))) continue;
    fields = spell_out(fields.get());
    if (!fields) return {};
    break;
  }
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fields.get()); ++i) {
    if (!check_field(PySequence_Fast_GET_ITEM(fields.get(), i))) return {};
  }
  return fields;
}

PyRef read_links(PyObject* message) {
  const PyRef object = PyRef::borrow(find(message, names().links));
  if (!object) {
    if (PyErr_Occurred() == nullptr) {
      PyErr_SetString(PyExc_TypeError, "'http.response.early_hint' must have 'links'");
    }
    return {};
  }
  if (PyUnicode_Check(object.get()) || PyObject_CheckBuffer(object.get())) {
    refuse(PyExc_TypeError, "'links' must be an iterable of bytes, not %.200R", object.get());
    return {};
  }
  PyRef links = PyRef::steal(PySequence_Tuple(object.get()));
  for (Py_ssize_t i = 0; links && i < PyTuple_GET_SIZE(links.get()); ++i) {
    PyObject* link = PyTuple_GET_ITEM(links.get(), i);
    if (PyBytes_Check(link)) continue;
    refuse(PyExc_TypeError, "a link must be bytes, not %.200R", link);
    return {};
  }
  return links;
}

}  // namespace outrider::python
