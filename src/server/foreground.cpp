// SPDX-License-Identifier: MIT
#include "server/foreground.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "outrider/error.h"
#include "server/server_state.h"

namespace outrider::server {
namespace {

constexpr char kSignal = 's';
constexpr char kEnd = 'e';

// Where the handler writes; -1: nobody is in run(). A lock-free atomic is all that a signal handler may touch.
std::atomic<int> signal_fd{-1};
static_assert(std::atomic<int>::is_always_lock_free);

void wake(int fd, char what) {
  const int before = errno;
  // A full pipe holds more wake-ups than anybody looks at.
  [[maybe_unused]] const auto written = ::write(fd, &what, 1);
  errno = before;
}

void on_signal(int) {
  const int fd = signal_fd.load();
  if (fd >= 0) wake(fd, kSignal);
}

// The first stops as configured, the second takes the grace away, the third everything.
StopPolicy policy_for(int signals, const StopPolicy& configured) {
  if (signals == 1) return configured;
  StopPolicy without_grace = StopPolicy::beside_program();
  without_grace.grace = {};
  return signals == 2 ? without_grace : StopPolicy::immediate();
}

}  // namespace

Foreground::Foreground() : handled_{{{SIGINT, false, {}}, {SIGTERM, false, {}}}} {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) throw Error(ErrorKind::Resource, "can't create a pipe", errno);
  read_end_ = ends[0];
  write_end_ = ends[1];
  int nobody = -1;
  if (!signal_fd.compare_exchange_strong(nobody, write_end_)) {
    ::close(write_end_);
    ::close(read_end_);
    throw Error(ErrorKind::State, "run() is under way in another thread; use serve() for further servers");
  }
  struct sigaction action {};
  action.sa_handler = &on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (Handled& handled : handled_) {
    ::sigaction(handled.signal, nullptr, &handled.before);
    // Who started the program with the signal ignored (nohup, a shell's background job) wants it so.
    const bool is_ignored =
        (handled.before.sa_flags & SA_SIGINFO) == 0 && handled.before.sa_handler == SIG_IGN;  // NOLINT: C's union
    if (is_ignored) continue;
    ::sigaction(handled.signal, &action, nullptr);
    handled.is_replaced = true;
  }
}

Foreground::~Foreground() {
  for (const Handled& handled : handled_) {
    if (handled.is_replaced) ::sigaction(handled.signal, &handled.before, nullptr);
  }
  signal_fd.store(-1);
  // The writing end first: a handler that is just running on another thread then gets an error and not a SIGPIPE.
  ::close(write_end_);
  ::close(read_end_);
}

StopReport Foreground::run(ServerState& server) {
  server.on_end([fd = write_end_] { wake(fd, kEnd); });
  int signals = 0;
  while (true) {
    pollfd waiting{read_end_, POLLIN, 0};
    if (::poll(&waiting, 1, -1) < 0 && errno != EINTR) break;
    char what = 0;
    while (::read(read_end_, &what, 1) == 1) {
      if (what == kEnd) return server.wait();
      server.request_stop(policy_for(++signals, server.default_policy()));
    }
  }
  return server.wait();
}

}  // namespace outrider::server
