// SPDX-License-Identifier: MIT
#include "polite_poll.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include "gil_request.h"

namespace nb = nanobind;

namespace outrider::python {
namespace {

using Clock = std::chrono::steady_clock;

// An acquisition that took this long met a thread that computes: a free GIL takes less than a microsecond. When it
// was asked for, it comes sooner.
constexpr auto kContended = std::chrono::microseconds(500);
constexpr auto kContendedWhenAsked = std::chrono::microseconds(20);

// The GIL is asked for so long after it was contended: the program isn't in our way at every single time, and to find
// out anew costs a switch interval.
constexpr auto kAskFor = std::chrono::seconds(1);

// How long the GIL is kept through polls that have something at once. A program that waits for it would otherwise
// take it back by the switch interval, in the middle of a batch, and keep it for one.
constexpr auto kKeepMax = std::chrono::milliseconds(2);
constexpr auto kKeepMaxWhenAsked = std::chrono::microseconds(500);

// Between keeping it and taking it again when nobody is known to want it: long enough for a thread to wake up.
constexpr auto kPause = std::chrono::microseconds(50);

// Shares the GIL with the threads of the program: who asks for it may not have more of it than they.
class Share {
 public:
  // Whether a poll that needn't wait should let go of the GIL all the same.
  bool is_used_up() const {
#ifdef Py_GIL_DISABLED
    return false;
#else
    return Clock::now() - acquired_ >= (is_asking() ? kKeepMaxWhenAsked : kKeepMax);
#endif
  }

  void release() {
    released_ = Clock::now();
    // Past kKeepMax the program may have had it in between, by the switch interval.
    debt_ += std::min<Clock::duration>(released_ - acquired_, kKeepMax);
    thread_ = PyEval_SaveThread();
  }

  void acquire() {
    const bool is_asking = this->is_asking();
    // Time in which the program could have had the GIL is no payment: a thread takes longer to wake up than the next
    // request takes to come.
    const bool is_paying = is_asking && debt_ >= kKeepMaxWhenAsked;
    if (is_paying) std::this_thread::sleep_for(debt_);
    const Clock::time_point began = Clock::now();
    if (is_asking) {
      restore_thread_asking(thread_);
    } else {
      PyEval_RestoreThread(thread_);
    }
    acquired_ = Clock::now();
    if (acquired_ - began > (is_asking ? kContendedWhenAsked : kContended)) {
      ask_until_ = acquired_ + kAskFor;
      debt_ = std::max(debt_ - (acquired_ - released_), Clock::duration::zero());
    } else if (is_paying || !is_asking) {
      ask_until_ = {};  // nobody wanted it
      debt_ = {};
    }
  }

 private:
  bool is_asking() const { return ask_until_ != Clock::time_point() && Clock::now() < ask_until_; }

  PyThreadState* thread_ = nullptr;
  Clock::time_point acquired_ = Clock::now();
  Clock::time_point released_;
  Clock::time_point ask_until_;
  Clock::duration debt_{};
};

class Poller {
 public:
  explicit Poller(int fd) : fd_(fd) {}

  // What epoll_wait() says: a list of (fd, events). `timeout_ms` is -1 for no limit.
  nb::list poll(int timeout_ms, int count_max) {
    events_.resize(static_cast<std::size_t>(count_max));
    int count = epoll_wait(fd_, events_.data(), count_max, 0);
    if (count == 0 ? timeout_ms != 0 : share_.is_used_up()) count = poll_without_gil(count, timeout_ms);
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
  int poll_without_gil(int count, int timeout_ms) {
    share_.release();
    if (count == 0) {
      count = epoll_wait(fd_, events_.data(), static_cast<int>(events_.size()), timeout_ms);
    } else {
      std::this_thread::sleep_for(kPause);
    }
    const int error = errno;
    share_.acquire();
    errno = error;
    return count;
  }

  int fd_;
  std::vector<epoll_event> events_;
  Share share_;
};

}  // namespace

void bind_poller(nb::module_& module) {
  prepare_gil_requests();
  nb::class_<Poller>(module, "Poller",
                     "The epoll_wait() of a background event loop. Internal: see outrider._selector.")
      .def(nb::init<int>(), nb::arg("fd"))
      .def("poll", &Poller::poll, nb::arg("timeout_ms"), nb::arg("count_max"),
           nb::sig("def poll(self, timeout_ms: int, count_max: int) -> list[tuple[int, int]]"),
           "Waits at most timeout_ms (-1: no limit); returns [(fd, events), ...].");
}

}  // namespace outrider::python
