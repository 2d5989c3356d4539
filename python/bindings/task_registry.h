// SPDX-License-Identifier: MIT
#pragma once

// What asyncio.all_tasks() looks through on CPython 3.11, in C.
//
// There, a Task's constructor adds it to asyncio's WeakSet by that class's add(), which is Python code, and more
// Python code runs when the task dies. For the length of the constructor the set's add()
// is shadowed by one that does the same in C, and a task that is over after its first step is taken out at once,
// before it dies. Later versions have nothing of this in an eager task's way, and there all this does nothing.
//
// Thread: any, with the GIL.

#include <Python.h>

#include "py_ref.h"

namespace outrider::python {

class TaskRegistry {
 public:
  /// Throws nanobind's python_error.
  TaskRegistry();
  TaskRegistry(const TaskRegistry&) = delete;
  TaskRegistry& operator=(const TaskRegistry&) = delete;

  /// Around the constructor of a task. Errors are dropped: asyncio's own way is as right. end() keeps a Python error.
  void begin();
  void end();
  /// Takes out a task that is done, if it was the last that was added.
  void forget(PyObject* task);

 private:
  static PyObject* add(PyObject* self, PyObject* task);

  PyRef attributes_;  // the WeakSet's dict; empty: left alone
  PyRef set_;         // the WeakSet
  PyRef add_method_;  // WeakSet.add
  PyRef entries_;     // its set of weak references
  PyRef remove_;      // their callback
  PyRef pending_;     // the list of removals that wait for an iteration's end
  PyRef iterating_;   // the set of iterations
  PyRef catcher_;     // stands in for add()
  PyRef added_;       // the last weak reference
};

}  // namespace outrider::python
