// SPDX-License-Identifier: MIT
#pragma once

// How a server stops, and what stopping did.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace outrider {

/// The deadlines of a stop, stage after stage. Listeners and idle connections close at once; then
///   grace       running exchanges finish by themselves, and peers take the responses;
///   disconnect  what still runs is told that its peer is gone, so that endless streams end;
///   cancel      what still runs is cancelled;
/// and what is left after that is cut off (the connection is reset). A stage that nothing is left for takes no time.
/// Being told, a handler's waits for time or input throw Cancelled and its stop_token() is requested. A stream that
/// does nothing but write hears of it by its next wait for room, once: it may then write its last words. A negative
/// time is 0.
struct StopPolicy {
  std::chrono::milliseconds grace{1000};
  std::chrono::milliseconds disconnect{500};
  std::chrono::milliseconds cancel{500};
  /// Whether an exchange whose response has begun and not ended has the grace, too. Without, it is told at once:
  /// an endless stream would otherwise make every stop of a test suite's server last as long as the grace.
  /// WebSockets are told at once in any case, since none ends by itself.
  bool streams_have_grace = false;

  /// For a server beside a program (the default of Server): over within two seconds, streams told at once.
  static StopPolicy beside_program() { return {}; }
  /// For run() in production: 30 seconds of grace for all, then 5 and 5.
  static StopPolicy production() {
    return {std::chrono::seconds(30), std::chrono::seconds(5), std::chrono::seconds(5), true};
  }
  /// Cuts everything off at once.
  static StopPolicy immediate() { return {{}, {}, {}, false}; }
};

/// What a stop did with the exchanges that were running when it began.
struct StopReport {
  uint64_t completed = 0;     ///< finished by themselves
  uint64_t disconnected = 0;  ///< ended after being told that the peer is gone
  uint64_t cancelled = 0;     ///< ended after being cancelled
  uint64_t aborted = 0;       ///< cut off
  std::chrono::microseconds elapsed{0};
  /// Who held it up: "GET /slow (5.2 s)" for each exchange that was running when the grace was over, with its age; at
  /// most 100 of a loop thread. "a response that 127.0.0.1:5012 doesn't take" for one that was complete.
  std::vector<std::string> held_up = {};

  /// "stopped in 2.1 ms: 3 completed, 1 disconnected, 0 cancelled, 0 aborted".
  std::string to_string() const;
};

}  // namespace outrider
