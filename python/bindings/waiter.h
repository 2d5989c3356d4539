// SPDX-License-Identifier: MIT
#pragma once

// What a task awaits that waits for a message or for room: a future, as far as asyncio's Task asks for one, that can
// run the task's next step at once.
//
// set_result() of asyncio's own Future schedules the step for the loop's next turn. What a step sends would then miss
// the pass that woke it, and be written in one of its own. Inside a pass no task of the loop is running (as for
// task_starter.h), so the callback that would be scheduled can as well be called, in its context. Where that can't
// be, because a task is running after all, it is scheduled.
//
// Thread: the loop's, with the GIL.

#include <Python.h>

namespace outrider::python {

/// Makes the type; false with a Python error on failure. Once, when the module is imported.
bool make_waiter_type();

/// A new one, of that event loop; null with a Python error on failure. Awaitable, and its own iterator.
PyObject* new_waiter(PyObject* loop);

/// Makes it done, unless it is or was cancelled, and has its task go on: now, in a pass only, or in the loop's next
/// turn. No Python error is left; the task has its own.
enum class Wake { Now, Soon };
void wake_waiter(PyObject* waiter, Wake when);
/// Done or cancelled.
bool is_waiter_done(PyObject* waiter);

}  // namespace outrider::python
