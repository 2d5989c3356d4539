// SPDX-License-Identifier: MIT
#pragma once
// The closed-loop load: each connection has `depth` requests outstanding, and an answer is what sends the next one.
// One thread, one epoll. A closed loop never overloads the server, so what is measured is the cost of serving, and
// its latencies are those of a server that is never behind; it says nothing about behaviour under overload.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "options.h"
#include "protocol.h"
#include "transport.h"

namespace bench {

using Clock = std::chrono::steady_clock;

struct Tally {
  std::vector<std::uint64_t> latencies_ns;  // one for each complete and correct response
  std::uint64_t errors = 0;                 // wrong answers, and requests lost with their connection
  std::uint64_t reconnects = 0;             // after a close that the server announced, or on an idle connection
  std::uint64_t bytes = 0;                  // that came back, with heads and frames, and without TLS
  double seconds = 0;
  std::string first_error;
};

class Client {
 public:
  explicit Client(const Options& options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Runs the load for `seconds`, then waits until every request is answered. So when it returns the server is idle,
  // and what the server spent in between was spent on exactly the requests in the tally.
  Tally run(double seconds);

 private:
  struct Connection;

  void open(Connection& connection);
  void reopen(Connection& connection);
  void lose(Connection& connection, const std::string& why);
  void enqueue(Connection& connection, int requests, Clock::time_point now);
  void flush(Connection& connection);
  void watch_writing(Connection& connection, bool wanted);
  void read(Connection& connection);
  void end(Connection& connection, ssize_t result);
  bool take_answers(Connection& connection, std::string_view data);
  bool is_finished(Clock::time_point now) const;

  const Options options_;
  const std::unique_ptr<Protocol> protocol_;
  const std::unique_ptr<Transport> transport_;
  std::vector<char> buffer_;
  std::vector<std::unique_ptr<Connection>> connections_;
  int epoll_ = -1;
  bool is_issuing_ = false;
  std::uint64_t outstanding_ = 0;
  Clock::time_point drain_deadline_;
  Tally tally_;
};

}  // namespace bench
