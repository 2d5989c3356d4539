// SPDX-License-Identifier: MIT
#pragma once

// Takes the GIL from a thread that computes without waiting for the switch interval (5 ms by default).
//
// A pending call (Py_AddPendingCall) makes a thread that runs Python code pause between two bytecodes, and lend the
// GIL until we have it: the main thread, on CPython 3.12 whichever runs. Nothing helps against native code that keeps
// the GIL. Without a GIL (free-threaded builds) nothing is asked.
//
// On 3.11 a pending call alone isn't noticed: the evaluation loop isn't told of one that another thread adds. But who
// waits for the GIL tells its holder once the switch interval has passed, and reads that interval when it begins to
// wait. So there the interval is made short until the pending call runs or we have the GIL, which is microseconds
// later, and then put back, unless the program has set another one meanwhile.

#include <Python.h>

#include "loop/host_lock.h"

namespace outrider::python {

/// As PyEval_RestoreThread(), asking for the GIL. Any thread. What is asked for ends with the call.
void restore_thread_asking(PyThreadState* thread);

/// The GIL, for what a pass does without it. Thread: the host loop's.
class GilLock final : public loop::HostLock {
 public:
  void release() override { thread_ = PyEval_SaveThread(); }
  void acquire() override { restore_thread_asking(thread_); }

 private:
  PyThreadState* thread_ = nullptr;
};

/// Once, before the first use, with the GIL: a forked child starts with nothing asked.
void prepare_gil_requests();

}  // namespace outrider::python
