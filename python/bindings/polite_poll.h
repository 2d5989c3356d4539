// SPDX-License-Identifier: MIT
#pragma once

// outrider._engine.Poller: the epoll_wait() of a background event loop that shares the GIL with a busy program.
//
// A thread that wants the GIL from one that computes waits for the switch interval, 5 ms, each time. Two things
// spare that:
//   - a poll that doesn't wait doesn't let go of the GIL, so one acquisition serves a whole batch;
//   - when the GIL turns out to be contended, it is asked for (gil_request.h), and comes within microseconds.
//
// So that the program beside isn't starved, it is asked again only after it had the GIL for as long as we did. In
// an uncontended process nothing is asked of it. Without a GIL (free-threaded builds) this is plain epoll_wait().
//
// Thread: poll() on the event loop's thread, with the GIL.

#include <nanobind/nanobind.h>

namespace outrider::python {

void bind_poller(nanobind::module_& module);

}  // namespace outrider::python
