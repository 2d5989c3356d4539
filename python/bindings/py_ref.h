// SPDX-License-Identifier: MIT
#pragma once

// A strong reference to a Python object. Every use, the destructor included, needs the GIL.

#include <Python.h>

#include <utility>

namespace outrider::python {

class PyRef {
 public:
  PyRef() = default;
  /// Takes over a new reference (null: an error is set, or there is nothing).
  static PyRef steal(PyObject* object) { return PyRef(object); }
  static PyRef borrow(PyObject* object) {
    Py_XINCREF(object);
    return PyRef(object);
  }
  PyRef(PyRef&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  PyRef& operator=(PyRef&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  PyRef(const PyRef&) = delete;
  PyRef& operator=(const PyRef&) = delete;
  ~PyRef() { Py_XDECREF(object_); }

  PyObject* get() const { return object_; }
  PyObject* release() { return std::exchange(object_, nullptr); }
  PyObject* new_reference() const {
    Py_XINCREF(object_);
    return object_;
  }
  void clear() { Py_CLEAR(object_); }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  explicit PyRef(PyObject* object) : object_(object) {}
  PyObject* object_ = nullptr;
};

}  // namespace outrider::python
