// SPDX-License-Identifier: MIT
#pragma once

// Nests our loop in the host's, asyncio's or uvloop's: its descriptor is watched with loop.add_reader(), and each
// callback runs one pass for everything that is ready (docs/design/nesting.md).
//
// Thread: the host loop's, with the GIL.

#include <Python.h>

#include <chrono>
#include <cstdint>

#include "gil_request.h"
#include "loop/loop.h"
#include "py_ref.h"

namespace outrider::python {

class HostLoop {
 public:
  /// `loop` must outlive this. Throws nanobind's python_error.
  HostLoop(PyObject* host, loop::Loop& loop);
  ~HostLoop();
  HostLoop(const HostLoop&) = delete;
  HostLoop& operator=(const HostLoop&) = delete;

  /// The host doesn't call us any more. Idempotent.
  void detach();

 private:
  static PyObject* pass_cb(PyObject* self, PyObject* const* arguments, Py_ssize_t count);
  static PyObject* soon_cb(PyObject* self, PyObject* const* arguments, Py_ssize_t count);
  static PyObject* timer_cb(PyObject* self, PyObject* const* arguments, Py_ssize_t count);
  bool pass();
  bool schedule_soon();
  bool schedule_timer(std::chrono::milliseconds delay);

  PyRef host_;
  loop::Loop& loop_;
  GilLock gil_;
  PyRef call_soon_, call_later_;
  PyRef soon_callback_, timer_callback_;
  PyRef timer_handle_;
  PyRef owner_;                // a capsule that the callbacks hold; empty once detached
  uint64_t timer_due_ms_ = 0;  // when the host's timer fires; 0: none is set
  bool is_soon_scheduled_ = false;
};

}  // namespace outrider::python
