// SPDX-License-Identifier: MIT
#pragma once

// Makes a real asyncio.Task for a coroutine and runs its first step at once, inside the caller's callback of the
// host loop, instead of in the loop's next turn.
//
// CPython 3.12 and later have eager_start=True for that. On 3.11 the Task's constructor schedules its first step
// with loop.call_soon(): that attribute is shadowed on the loop instance for the length of the constructor, the
// step is caught and run. The task is an ordinary one either way: current_task(), timeouts, anyio's scopes and
// cancellation work in the first step. (Stepping the coroutine without its task is as fast and breaks them.)
//
// Thread: the loop's, with the GIL, in a callback of the loop and not in another task's step.

#include <Python.h>

#include "py_ref.h"
#include "task_registry.h"

namespace outrider::python {

class TaskStarter {
 public:
  /// `loop` is asyncio's or uvloop's; the Task class is asyncio.Task. Throws nanobind's python_error.
  explicit TaskStarter(PyObject* loop);
  ~TaskStarter();
  TaskStarter(const TaskStarter&) = delete;
  TaskStarter& operator=(const TaskStarter&) = delete;

  /// A new reference to the task, its first step done; null with a Python error when no task could be made. What
  /// the step itself raises is in the task, but for KeyboardInterrupt and SystemExit, which are left set as well.
  PyObject* start(PyObject* coroutine, PyObject* context, PyObject* name);
  /// To be told when the task of the last start() is done already: makes its end cheaper.
  void forget(PyObject* task) { registry_.forget(task); }

 private:
  PyObject* start_eagerly(PyObject* coroutine, PyObject* context, PyObject* name);
  PyObject* start_caught(PyObject* coroutine, PyObject* context, PyObject* name);
  static PyObject* catch_step(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords);

  PyRef loop_;
  PyRef task_type_;
  PyRef keywords_;    // the names of the constructor's keyword arguments
  PyRef catcher_;     // stands in for call_soon
  PyRef attributes_;  // the loop instance's dict; empty where it has none
  PyRef shadowed_;    // a call_soon that somebody else had set on the loop instance
  PyRef caught_;      // the step that the constructor scheduled
  TaskRegistry registry_;
  bool has_eager_start_;
};

}  // namespace outrider::python
