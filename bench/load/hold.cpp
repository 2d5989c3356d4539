// SPDX-License-Identifier: MIT
// Opens many keep-alive connections, has one request answered on each, and holds them idle while somebody else looks
// at the server's memory. Usage: hold PORT CONNECTIONS EXPECTED_BODY
//
// Prints `ready` when all are answered, waits for a line, and prints how many the server had kept open until then:
// a server that quietly closed some would look small. One connection after the other, blocking: the server
// never sees a burst, so no accept queue or concurrency limit decides the result.

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "options.h"
#include "response_reader.h"
#include "socket.h"

namespace {

constexpr int kPortsPerAddress = 20000;
constexpr timeval kAnswerTime{5, 0};  // a server that takes no more connections leaves them waiting

[[noreturn]] void give_up(const char* what, std::size_t opened) {
  std::printf("{\"open\": %zu, \"error\": \"%s\"}\n", opened, what);
  std::exit(1);
}

// Null when the answer is complete and right, else what is wrong.
const char* ask(int fd, const std::string& request, std::string_view expected) {
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kAnswerTime, sizeof kAnswerTime);
  if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) return std::strerror(errno);
  bench::ResponseReader reader(expected);
  std::array<char, 4096> buffer;
  for (;;) {
    const auto size = recv(fd, buffer.data(), buffer.size(), 0);
    if (size < 0) return errno == EAGAIN ? "no answer in time" : std::strerror(errno);
    if (size == 0) return "the connection was closed before the answer";
    std::string_view data(buffer.data(), static_cast<std::size_t>(size));
    const auto outcome = reader.feed(data);
    if (outcome == bench::ResponseReader::Outcome::Bad) return reader.trouble();
    if (outcome == bench::ResponseReader::Outcome::Complete) return nullptr;
  }
}

bool is_open(int fd) {
  char byte;
  return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
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
  if (argc != 4) return std::fprintf(stderr, "usage: hold PORT CONNECTIONS EXPECTED_BODY\n"), 2;
  alarm(180);
  bench::Options options;
  options.port = std::atoi(argv[1]);
  options.expect = argv[3];
  const int wanted = std::atoi(argv[2]);
  const std::string request = options.request();
  allow_files(wanted);
  std::vector<int> fds;
  while (static_cast<int>(fds.size()) < wanted) {
    const int fd = bench::connect_loopback(options.port, 1 + static_cast<int>(fds.size()) / kPortsPerAddress);
    if (fd < 0) give_up(std::strerror(errno), fds.size());
    if (const char* trouble = ask(fd, request, options.expect)) give_up(trouble, fds.size());
    fds.push_back(fd);
  }
  std::puts("ready");
  std::fflush(stdout);
  if (std::getchar() == EOF) return 0;
  std::size_t open = 0;
  for (int fd : fds) open += is_open(fd);
  std::printf("{\"open\": %zu, \"error\": \"\"}\n", open);
  return 0;
}
