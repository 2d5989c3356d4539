// SPDX-License-Identifier: MIT
// Opens many connections, has one request answered on each, and holds them idle while somebody else looks at the
// server's memory. The options are the load client's: protocol, transport, and what is asked.
//
// Prints `ready` when all are answered, waits for a line, and prints how many the server had kept open until then:
// a server that quietly closed some would look small. One connection after the other, blocking: the server
// never sees a burst, so no accept queue or concurrency limit decides the result. A server's pings are answered while
// the others are opened.

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "options.h"
#include "protocol.h"
#include "socket.h"
#include "transport.h"

namespace {

constexpr int kPortsPerAddress = 20000;
constexpr std::size_t kBetweenPings = 500;  // so many are opened between two looks at those that are open
constexpr timeval kAnswerTime{5, 0};        // a server that takes no more connections leaves them waiting

struct Connection {
  std::unique_ptr<bench::Stream> stream;
  std::unique_ptr<bench::Conversation> conversation;
  bench::Output output;
};

[[noreturn]] void give_up(const std::string& what, std::size_t opened) {
  std::printf("{\"open\": %zu, \"error\": \"%s\"}\n", opened, what.c_str());
  std::exit(1);
}

// Empty when all is sent, else what is wrong.
std::string send_all(Connection& connection) {
  while (!connection.output.is_empty()) {
    const auto size = connection.stream->write(connection.output);
    if (size < 0 && errno != EAGAIN) return connection.stream->trouble();
    if (size <= 0) return "it takes nothing in time";
    connection.output.consume(static_cast<std::size_t>(size));
  }
  return {};
}

// Empty when the answer is complete and right, else what is wrong.
std::string ask(Connection& connection) {
  setsockopt(connection.stream->fd(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerTime, sizeof kAnswerTime);
  connection.conversation->open(connection.output);
  connection.conversation->ask(connection.output);
  std::array<char, 4096> buffer;
  for (;;) {
    if (std::string trouble = send_all(connection); !trouble.empty()) return trouble;
    const auto size = connection.stream->read(buffer.data(), buffer.size());
    if (size < 0) return errno == EAGAIN ? "no answer in time" : connection.stream->trouble();
    if (size == 0) return "the connection was closed before the answer";
    std::string_view data(buffer.data(), static_cast<std::size_t>(size));
    const auto outcome = connection.conversation->feed(data, connection.output);
    if (outcome == bench::Outcome::Bad) return connection.conversation->trouble();
    if (outcome == bench::Outcome::Complete) return {};
  }
}

// Whether the server keeps it open; its pings are answered.
bool is_open(Connection& connection) {
  char byte;
  const int fd = connection.stream->fd();
  while (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0) {
    std::array<char, 4096> buffer;
    const auto size = connection.stream->read(buffer.data(), buffer.size());
    if (size <= 0) return false;
    std::string_view data(buffer.data(), static_cast<std::size_t>(size));
    if (connection.conversation->feed(data, connection.output) != bench::Outcome::NeedMore) return false;
    if (!send_all(connection).empty()) return false;
  }
  return errno == EAGAIN;
}

std::size_t count_open(std::vector<Connection>& connections) {
  std::size_t open = 0;
  for (auto& connection : connections) open += is_open(connection);
  return open;
}

void allow_files(int files) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const auto wanted = static_cast<rlim_t>(files) + 64;
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  if (limit.rlim_max < wanted) limit.rlim_max = wanted;  // only root may; otherwise connect says EMFILE
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  alarm(180);
  const bench::Options options = bench::parse_options(argc, argv);
  const auto protocol = bench::make_protocol(options);
  const auto transport = bench::make_transport(options);
  const auto wanted = static_cast<std::size_t>(options.connections);
  allow_files(options.connections);
  std::vector<Connection> connections;
  while (connections.size() < wanted) {
    const std::size_t opened = connections.size();
    const int fd = bench::connect_loopback(options.port, 1 + static_cast<int>(opened) / kPortsPerAddress);
    if (fd < 0) give_up(std::strerror(errno), opened);
    connections.push_back({transport->over(fd, nullptr), protocol->start(), {}});
    if (const std::string trouble = ask(connections.back()); !trouble.empty()) give_up(trouble, opened);
    if (connections.size() % kBetweenPings == 0) count_open(connections);
  }
  std::puts("ready");
  std::fflush(stdout);
  if (std::getchar() == EOF) return 0;
  std::printf("{\"open\": %zu, \"error\": \"\"}\n", count_open(connections));
  return 0;
}
