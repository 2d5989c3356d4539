// SPDX-License-Identifier: MIT
#pragma once

// run(): SIGINT and SIGTERM stop a server while its caller waits. The only place that touches signals.
//
// Thread: the one that calls run(); one such object at a time in a process, because signals are the process's.

#include <array>
#include <csignal>

#include "outrider/stop.h"

namespace outrider::server {

class ServerState;

class Foreground {
 public:
  /// Handles the signals from now on; those that come before run() wait for it. Throws Error(State) when another
  /// object does, Error(Resource) without descriptors.
  Foreground();
  /// Restores what was before.
  ~Foreground();
  Foreground(const Foreground&) = delete;
  Foreground& operator=(const Foreground&) = delete;

  /// Until the server has stopped. The first signal stops it by its default policy, a further one at once.
  StopReport run(ServerState& server);

 private:
  struct Handled {
    int signal;
    bool is_replaced;
    struct sigaction before;
  };

  int read_end_ = -1;
  int write_end_ = -1;
  std::array<Handled, 2> handled_;
};

}  // namespace outrider::server
