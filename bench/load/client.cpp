// SPDX-License-Identifier: MIT
#include "client.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "socket.h"

namespace bench {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr std::uint64_t kErrorsMax = 100;              // more means the server can't do this workload
constexpr auto kDrainTime = std::chrono::seconds(10);  // a server that stalls must not stall the benchmark

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int count = 0; count < times; ++count) all += text;
  return all;
}

}  // namespace

struct Client::Connection {
  explicit Connection(std::string_view expected) : reader(expected) {}
  int fd = -1;
  ResponseReader reader;
  std::deque<Clock::time_point> sent;  // when each outstanding request was issued
  std::size_t unsent_bytes = 0;
  std::size_t position = 0;  // where in a request the next byte to write lies
  bool is_watching_writing = false;
};

Client::Client(const Options& options)
    : options_(options),
      request_(options.request()),
      batch_(repeated(request_, options.depth)),
      expected_body_(options.expected_body()),
      buffer_(kReadBytes),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  for (int count = 0; count < options.connections; ++count) {
    connections_.push_back(std::make_unique<Connection>(expected_body_));
    open(*connections_.back());
  }
}

Client::~Client() {
  for (auto& connection : connections_) close(connection->fd);
  close(epoll_);
}

void Client::open(Connection& connection) {
  connection.fd = connect_loopback(options_.port);
  if (connection.fd < 0) {
    std::fprintf(stderr, "load: connect to port %d: %s\n", options_.port, std::strerror(errno));
    std::exit(1);
  }
  set_nonblocking(connection.fd);
  connection.reader = ResponseReader(expected_body_);
  connection.position = 0;
  connection.is_watching_writing = false;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &connection;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
}

// The server closed as it is entitled to; what it had not answered is sent again on a new connection.
void Client::reopen(Connection& connection) {
  ++tally_.reconnects;
  close(connection.fd);
  open(connection);
  connection.unsent_bytes = connection.sent.size() * request_.size();
  flush(connection);
}

void Client::lose(Connection& connection, const char* why) {
  if (tally_.first_error.empty()) tally_.first_error = why;
  const auto lost = connection.sent.size();
  tally_.errors += std::max<std::uint64_t>(1, lost);
  outstanding_ -= lost;
  connection.sent.clear();
  connection.unsent_bytes = 0;
  if (tally_.errors > kErrorsMax) is_issuing_ = false;
  close(connection.fd);
  open(connection);
  if (!is_issuing_) return;
  enqueue(connection, options_.depth, Clock::now());
  flush(connection);
}

void Client::enqueue(Connection& connection, int requests, Clock::time_point now) {
  for (int count = 0; count < requests; ++count) connection.sent.push_back(now);
  outstanding_ += static_cast<std::uint64_t>(requests);
  connection.unsent_bytes += static_cast<std::size_t>(requests) * request_.size();
}

void Client::flush(Connection& connection) {
  while (connection.unsent_bytes > 0) {
    const auto size = std::min(connection.unsent_bytes, batch_.size() - connection.position);
    const auto written = send(connection.fd, batch_.data() + connection.position, size, MSG_NOSIGNAL);
    // A write error shows up on the reading side too, where it is counted once.
    if (written < 0) return watch_writing(connection, errno == EAGAIN);
    connection.unsent_bytes -= static_cast<std::size_t>(written);
    connection.position = (connection.position + static_cast<std::size_t>(written)) % request_.size();
  }
  watch_writing(connection, false);
}

void Client::watch_writing(Connection& connection, bool wanted) {
  if (connection.is_watching_writing == wanted) return;
  connection.is_watching_writing = wanted;
  epoll_event event{};
  event.events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.ptr = &connection;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
}

void Client::read(Connection& connection) {
  const auto size = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
  if (size > 0) {
    if (!take_responses(connection, buffer_.data(), static_cast<std::size_t>(size))) return;
    return connection.reader.closes() ? reopen(connection) : flush(connection);
  }
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (connection.sent.empty()) return reopen(connection);
  lose(connection, size == 0 ? "the connection was closed before the answer" : std::strerror(errno));
}

// False when the connection was given up.
bool Client::take_responses(Connection& connection, const char* data, std::size_t size) {
  std::string_view rest(data, size);
  int answered = 0;
  const auto now = Clock::now();
  while (!rest.empty()) {
    const auto outcome = connection.sent.empty() ? ResponseReader::Outcome::Bad : connection.reader.feed(rest);
    if (outcome == ResponseReader::Outcome::NeedMore) break;
    if (outcome == ResponseReader::Outcome::Bad) {
      lose(connection, connection.sent.empty() ? "an answer without a request" : connection.reader.trouble());
      return false;
    }
    const auto latency = std::chrono::nanoseconds(now - connection.sent.front());
    tally_.latencies_ns.push_back(static_cast<std::uint64_t>(latency.count()));
    connection.sent.pop_front();
    --outstanding_;
    ++answered;
    if (connection.reader.closes()) break;
  }
  if (is_issuing_) enqueue(connection, answered, now);
  return true;
}

bool Client::is_finished(Clock::time_point now) const {
  return !is_issuing_ && (outstanding_ == 0 || now >= drain_deadline_);
}

Tally Client::run(double seconds) {
  tally_ = Tally{};
  is_issuing_ = true;
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  drain_deadline_ = end + kDrainTime;
  for (auto& connection : connections_) {
    enqueue(*connection, options_.depth, Clock::now());
    flush(*connection);
  }
  std::array<epoll_event, 256> events;
  auto now = start;
  while (!is_finished(now)) {
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 50);
    for (int index = 0; index < count; ++index) {
      auto& connection = *static_cast<Connection*>(events[static_cast<std::size_t>(index)].data.ptr);
      if (events[static_cast<std::size_t>(index)].events & EPOLLOUT) flush(connection);
      if (events[static_cast<std::size_t>(index)].events & ~EPOLLOUT) read(connection);
    }
    now = Clock::now();
    if (now >= end) is_issuing_ = false;
  }
  tally_.seconds = std::chrono::duration<double>(now - start).count();
  if (outstanding_ > 0) {
    tally_.errors += outstanding_;
    if (tally_.first_error.empty()) tally_.first_error = "requests were never answered";
  }
  return std::move(tally_);
}

}  // namespace bench
