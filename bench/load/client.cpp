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
constexpr auto kDrainTime = std::chrono::seconds(30);  // a server that stalls must not stall the benchmark

}  // namespace

struct Client::Connection {
  std::unique_ptr<Stream> stream;
  std::unique_ptr<Conversation> conversation;
  Output output;
  std::deque<Clock::time_point> sent;  // when each outstanding request was issued
  bool is_watching_writing = false;
};

Client::Client(const Options& options)
    : options_(options),
      protocol_(make_protocol(options)),
      transport_(make_transport(options)),
      buffer_(kReadBytes),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  for (int count = 0; count < options.connections; ++count) {
    connections_.push_back(std::make_unique<Connection>());
    open(*connections_.back());
  }
}

Client::~Client() {
  connections_.clear();
  close(epoll_);
}

void Client::open(Connection& connection) {
  const int fd = connect_loopback(options_.port);
  if (fd < 0) {
    std::fprintf(stderr, "load: connect to port %d: %s\n", options_.port, std::strerror(errno));
    std::exit(1);
  }
  set_nonblocking(fd);
  connection.stream = transport_->over(fd, std::move(connection.stream));
  connection.conversation = protocol_->start();
  connection.output.clear();
  connection.conversation->open(connection.output);
  connection.is_watching_writing = false;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &connection;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
}

// The connection ended as it may; what was not answered on it is sent again on a new one.
void Client::reopen(Connection& connection) {
  ++tally_.reconnects;
  open(connection);
  for (std::size_t count = 0; count < connection.sent.size(); ++count)
    connection.conversation->ask(connection.output);
  flush(connection);
}

void Client::lose(Connection& connection, const std::string& why) {
  if (tally_.first_error.empty()) tally_.first_error = why;
  const auto lost = connection.sent.size();
  tally_.errors += std::max<std::uint64_t>(1, lost);
  outstanding_ -= lost;
  connection.sent.clear();
  if (tally_.errors > kErrorsMax) is_issuing_ = false;
  connection.stream.reset();
  open(connection);
  if (!is_issuing_) return;
  enqueue(connection, options_.depth, Clock::now());
  flush(connection);
}

void Client::enqueue(Connection& connection, int requests, Clock::time_point now) {
  outstanding_ += static_cast<std::uint64_t>(requests);
  for (int count = 0; count < requests; ++count) {
    connection.sent.push_back(now);
    connection.conversation->ask(connection.output);
  }
}

void Client::flush(Connection& connection) {
  while (!connection.output.is_empty()) {
    const auto written = connection.stream->write(connection.output);
    // A write error shows up on the reading side too, where it is counted once.
    if (written <= 0) return watch_writing(connection, errno == EAGAIN && connection.stream->waits_for_room());
    connection.output.consume(static_cast<std::size_t>(written));
  }
  watch_writing(connection, false);
}

void Client::watch_writing(Connection& connection, bool wanted) {
  if (connection.is_watching_writing == wanted) return;
  connection.is_watching_writing = wanted;
  epoll_event event{};
  event.events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.ptr = &connection;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.stream->fd(), &event);
}

void Client::read(Connection& connection) {
  do {
    const auto size = connection.stream->read(buffer_.data(), buffer_.size());
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (size <= 0) return end(connection, size);
    tally_.bytes += static_cast<std::uint64_t>(size);
    if (!take_answers(connection, {buffer_.data(), static_cast<std::size_t>(size)})) return;
    if (connection.conversation->closes()) return reopen(connection);
  } while (connection.stream->has_more());
  flush(connection);
}

void Client::end(Connection& connection, ssize_t result) {
  const std::string trouble =
      result == 0 ? "the connection was closed before the answer" : connection.stream->trouble();
  if (connection.sent.empty() && connection.conversation->may_be_closed()) return reopen(connection);
  lose(connection, trouble);
}

// False when the connection was given up.
bool Client::take_answers(Connection& connection, std::string_view data) {
  int answered = 0;
  const auto now = Clock::now();
  while (!data.empty()) {
    const auto outcome = connection.conversation->feed(data, connection.output);
    if (outcome == Outcome::NeedMore) break;
    const bool is_asked = !connection.sent.empty();
    if (outcome == Outcome::Bad || !is_asked) {
      lose(connection, is_asked ? connection.conversation->trouble() : "an answer without a request");
      return false;
    }
    const auto latency = std::chrono::nanoseconds(now - connection.sent.front());
    tally_.latencies_ns.push_back(static_cast<std::uint64_t>(latency.count()));
    connection.sent.pop_front();
    --outstanding_;
    ++answered;
    if (connection.conversation->closes()) break;
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
