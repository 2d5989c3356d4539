// SPDX-License-Identifier: MIT
#pragma once

// The signal mask of the server's own threads: everything is blocked but what a thread brings on itself. So the
// program's signals keep going to the program's threads; and a write to a connection that the peer closed fails
// with EPIPE instead of raising a SIGPIPE (libuv writes without MSG_NOSIGNAL), without the process's disposition of
// that signal being touched.

#include <csignal>

namespace outrider::server {

/// While it lives, the calling thread's mask is that of a server thread; threads started meanwhile inherit it.
class ThreadSignals {
 public:
  ThreadSignals() {
    sigset_t blocked;
    sigfillset(&blocked);
    // Faults can't be blocked in earnest; SIGPROF is a profiler's, which wants to see these threads, too.
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF}) {
      sigdelset(&blocked, signal);
    }
    pthread_sigmask(SIG_BLOCK, &blocked, &before_);
  }
  ~ThreadSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  ThreadSignals(const ThreadSignals&) = delete;
  ThreadSignals& operator=(const ThreadSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace outrider::server
