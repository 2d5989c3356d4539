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
  // While the interpreter ends, up to 3.13, a daemon thread that asks for the GIL is ended by unwinding its frames:
  // without the GIL. What is left then is the process's.
  ~PyRef() {
    if (object_ != nullptr && !is_finalizing()) Py_DECREF(object_);
  }

  PyObject* get() const { return object_; }
  PyObject* release() { return std::exchange(object_, nullptr); }
  PyObject* new_reference() const {
    Py_XINCREF(object_);
    return object_;
  }
  void clear() { Py_CLEAR(object_); }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  static bool is_finalizing() {
#if PY_VERSION_HEX >= 0x030e0000
    return false;  // such a thread waits for ever instead
#elif PY_VERSION_HEX >= 0x030d0000
    return Py_IsFinalizing() != 0;
#else
    return _Py_IsFinalizing() != 0;
#endif
  }
  explicit PyRef(PyObject* object) : object_(object) {}
  PyObject* object_ = nullptr;
};

}  // namespace outrider::python
