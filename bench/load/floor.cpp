// SPDX-License-Identifier: MIT
// The floor: what the kernel alone costs for one small request and its answer. One thread, one epoll; it reads
// and writes a constant, and doesn't look at what it read. No server on epoll can spend less, so other servers
// are quoted as multiples of it. Usage: floor PORT [REQUEST_BYTES]
//
// Without REQUEST_BYTES every read is one request, which holds for small requests in a closed loop. With it, every
// so many bytes are one request, and the answers to all that came with one read leave with one write (pipelining).

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unordered_map>

#include "epoll_loop.h"

namespace {

constexpr char kAnswer[] =
    "HTTP/1.1 200 OK\r\n"
    "content-type: text/plain\r\n"
    "content-length: 5\r\n"
    "\r\n"
    "hello";
constexpr std::size_t kAnswerBytes = sizeof kAnswer - 1;
constexpr std::size_t kBatchMax = 1024;

struct Floor {
  bench::EpollLoop loop;
  std::size_t request_bytes = 0;
  std::string answers;                              // kBatchMax of them
  std::unordered_map<int, std::size_t> remainders;  // bytes of an incomplete request; only with request_bytes

  std::size_t requests_in(int fd, std::size_t size) {
    if (request_bytes == 0) return 1;
    std::size_t& remainder = remainders[fd];
    const std::size_t total = remainder + size;
    remainder = total % request_bytes;
    return total / request_bytes;
  }

  void serve(int fd) {
    static std::array<char, 64 * 1024> buffer;
    const auto size = read(fd, buffer.data(), buffer.size());
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) {
      remainders.erase(fd);
      close(fd);
      return;
    }
    const std::size_t wanted = requests_in(fd, static_cast<std::size_t>(size)) * kAnswerBytes;
    // Answers this small always fit the socket's buffer in a closed loop; where they don't, the client will say so.
    if (wanted > 0 && send(fd, answers.data(), wanted, MSG_NOSIGNAL) < 0) close(fd);
  }

  void run() {
    loop.run([](int) {}, [this](int fd) { serve(fd); });
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: floor PORT [REQUEST_BYTES]\n"), 2;
  Floor floor;
  if (!floor.loop.listen("floor", std::atoi(argv[1]))) return 1;
  if (argc > 2) floor.request_bytes = static_cast<std::size_t>(std::atoi(argv[2]));
  for (std::size_t count = 0; count < kBatchMax; ++count) floor.answers += kAnswer;
  floor.run();
}
