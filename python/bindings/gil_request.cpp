// SPDX-License-Identifier: MIT
#include "gil_request.h"

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <new>

#if PY_VERSION_HEX >= 0x030c0000 && PY_VERSION_HEX < 0x030d0000
// Exported by 3.12, in an internal header.
extern "C" int _PyEval_AddPendingCall(PyInterpreterState* interpreter, int (*function)(void*), void* argument,
                                      int is_for_main_thread);
#endif

namespace outrider::python {
namespace {

// How long a thread lends the GIL at most when nobody comes to take it.
constexpr auto kLendMax = std::chrono::milliseconds(2);

// What the threads of all loops ask for: one for the process. The mutex is held for a few instructions, never while
// waiting for the GIL.
struct Requests {
  std::mutex mutex;
  std::condition_variable taken;
  int waiting = 0;             // threads that want the GIL
  uint64_t acquired = 0;       // how often one of them got it
  bool is_pending = false;     // the call is in the interpreter's list
  bool is_shortened = false;   // the switch interval is
  unsigned long interval = 0;  // microseconds: what it was
};

alignas(Requests) unsigned char g_storage[sizeof(Requests)];  // never destroyed: threads may outlive the module
Requests* g_requests = nullptr;

#if PY_VERSION_HEX < 0x030c0000

// Microseconds; the kernel makes some fifty of it. Not a value that a program would choose.
constexpr unsigned long kShortInterval = 3;

void shorten_interval(Requests& requests) {
  if (requests.is_shortened) return;
  requests.is_shortened = true;
  requests.interval = _PyEval_GetSwitchInterval();
  _PyEval_SetSwitchInterval(kShortInterval);
}

void put_interval_back(Requests& requests) {
  if (!requests.is_shortened) return;
  requests.is_shortened = false;
  if (_PyEval_GetSwitchInterval() == kShortInterval) _PyEval_SetSwitchInterval(requests.interval);
}

#else

void shorten_interval(Requests&) {}
void put_interval_back(Requests&) {}

#endif

// Runs in a thread that has the GIL, between two bytecodes.
int lend_gil(void*) {
  Requests& requests = *g_requests;
  std::unique_lock lock(requests.mutex);
  requests.is_pending = false;
  put_interval_back(requests);  // before this thread waits for the GIL itself
  if (requests.waiting == 0) return 0;
  const uint64_t before = requests.acquired;
  lock.unlock();
  PyThreadState* thread = PyEval_SaveThread();
  lock.lock();
  requests.taken.wait_for(lock, kLendMax, [&] { return requests.acquired != before || requests.waiting == 0; });
  lock.unlock();
  PyEval_RestoreThread(thread);
  return 0;
}

bool add_pending_call() {
#if PY_VERSION_HEX >= 0x030c0000 && PY_VERSION_HEX < 0x030d0000
  // The public function is for the main thread, which 3.12 doesn't tell either.
  return _PyEval_AddPendingCall(PyInterpreterState_Main(), &lend_gil, nullptr, 0) == 0;
#else
  return Py_AddPendingCall(&lend_gil, nullptr) == 0;
#endif
}

// A thread's wait for the GIL. Ends also when the interpreter has ended, and with it the thread.
class Wait {
 public:
  explicit Wait(Requests& requests) : requests_(requests) {
    const std::lock_guard lock(requests_.mutex);
    ++requests_.waiting;
    // The interpreter's list may be full; then the next one tries again.
    if (!requests_.is_pending) requests_.is_pending = add_pending_call();
    shorten_interval(requests_);
  }
  ~Wait() {
    const std::lock_guard lock(requests_.mutex);
    if (--requests_.waiting == 0) put_interval_back(requests_);
    ++requests_.acquired;
    requests_.taken.notify_all();
  }
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

 private:
  Requests& requests_;
};

// Only the thread that forked is there; whoever held the mutex is not.
void on_fork_in_child() {
  put_interval_back(*g_requests);
  g_requests = new (g_storage) Requests;
}

}  // namespace

void prepare_gil_requests() {
  if (g_requests != nullptr) return;
  g_requests = new (g_storage) Requests;
  pthread_atfork(nullptr, nullptr, &on_fork_in_child);
}

void restore_thread_asking(PyThreadState* thread) {
#ifndef Py_GIL_DISABLED
  const Wait wait(*g_requests);
#endif
  PyEval_RestoreThread(thread);
}

}  // namespace outrider::python
