// SPDX-License-Identifier: MIT
#include "polite_poll.h"

#include <sys/epoll.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace nb = nanobind;

namespace outrider::python {
namespace {

using Clock = std::chrono::steady_clock;

// An acquisition that took this long met a thread that computes; a free GIL takes microseconds.
constexpr auto kContended = std::chrono::microseconds(500);

// How long the main thread lends the GIL at most when nobody comes to take it.
constexpr auto kLendMax = std::chrono::milliseconds(2);

// The lending of the GIL: one for the process, as there is one main thread. All fields are guarded by the mutex,
// but `is_asked`, which only spares a second pending call.
struct Lending {
  std::mutex mutex;
  std::condition_variable taken;
  std::atomic<bool> is_asked{false};
  int waiting = 0;        // threads that want the GIL
  uint64_t lent = 0;      // how often the main thread paused
  uint64_t acquired = 0;  // how often a waiting thread got the GIL
};

Lending& lending() {
  static Lending* const instance = new Lending;  // never freed: the main thread may use it until it is gone
  return *instance;
}

// Runs in the main thread, with the GIL, between two bytecodes.
int lend_gil(void*) {
  Lending& state = lending();
  state.is_asked = false;
  std::unique_lock lock(state.mutex);
  if (state.waiting == 0) return 0;
  ++state.lent;
  const uint64_t before = state.acquired;
  lock.unlock();
  PyThreadState* thread = PyEval_SaveThread();
  lock.lock();
  state.taken.wait_for(lock, kLendMax, [&] { return state.acquired != before || state.waiting == 0; });
  lock.unlock();
  PyEval_RestoreThread(thread);
  return 0;
}

class Poller {
 public:
  explicit Poller(int fd) : fd_(fd) {}

  // What epoll_wait() says: a list of (fd, events). `timeout_ms` is -1 for no limit.
  nb::list poll(int timeout_ms, int count_max) {
    events_.resize(static_cast<std::size_t>(count_max));
    int count = epoll_wait(fd_, events_.data(), count_max, 0);
    if (count == 0 && timeout_ms != 0) count = wait(timeout_ms, count_max);
    nb::list list;
    if (count < 0) {
      if (errno == EINTR) return list;
      PyErr_SetFromErrno(PyExc_OSError);
      throw nb::python_error();
    }
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events_[static_cast<std::size_t>(i)];
      list.append(nb::make_tuple(event.data.fd, event.events));
    }
    return list;
  }

 private:
  int wait(int timeout_ms, int count_max) {
    const Clock::time_point released = Clock::now();
    const Clock::duration held = released - acquired_;
    PyThreadState* thread = PyEval_SaveThread();
    int count = epoll_wait(fd_, events_.data(), count_max, timeout_ms);
    const int error = errno;
#ifdef Py_GIL_DISABLED
    PyEval_RestoreThread(thread);
    (void)held;
#else
    acquire(thread, released, held);
#endif
    errno = error;
    return count;
  }

  void acquire(PyThreadState* thread, Clock::time_point released, Clock::duration held) {
    Lending& state = lending();
    if (is_contended_) {
      // Fairness: the program has had the GIL for as long as we had before we ask for it.
      const Clock::duration since = Clock::now() - released;
      if (since < held) std::this_thread::sleep_for(held - since);
    }
    uint64_t lent_before = 0;
    {
      const std::lock_guard lock(state.mutex);
      ++state.waiting;
      lent_before = state.lent;
    }
    if (is_contended_ && !state.is_asked.exchange(true)) Py_AddPendingCall(&lend_gil, nullptr);
    const Clock::time_point asked = Clock::now();
    PyEval_RestoreThread(thread);
    acquired_ = Clock::now();
    const bool was_slow = acquired_ - asked > kContended;
    const std::lock_guard lock(state.mutex);
    --state.waiting;
    ++state.acquired;
    // Contended for as long as the main thread has something to lend. When it has not, and the wait was long, some
    // other thread computes: there is no asking that one, and the switch interval it is.
    is_contended_ = is_contended_ ? state.lent != lent_before : was_slow;
    state.taken.notify_all();
  }

  int fd_;
  std::vector<epoll_event> events_;
  Clock::time_point acquired_ = Clock::now();
  bool is_contended_ = false;
};

}  // namespace

void bind_poller(nb::module_& module) {
  nb::class_<Poller>(module, "Poller",
                     "The epoll_wait() of a background event loop. Internal: see outrider._selector.")
      .def(nb::init<int>(), nb::arg("fd"))
      .def("poll", &Poller::poll, nb::arg("timeout_ms"), nb::arg("count_max"),
           nb::sig("def poll(self, timeout_ms: int, count_max: int) -> list[tuple[int, int]]"),
           "Waits at most timeout_ms (-1: no limit); returns [(fd, events), ...].");
}

}  // namespace outrider::python
