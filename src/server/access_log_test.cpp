// SPDX-License-Identifier: MIT
#include "server/access_log.h"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/engine.h"
#include "testing/file_text.h"
#include "testing/harness.h"
#include "testing/temporary_folder.h"

namespace outrider::server {
namespace {

using testing::MemoryClient;
using testing::read_file;
using testing::Recorded;
using testing::TemporaryFolder;

const std::string kGet = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string kLine = "\"GET /hello HTTP/1.1\" 200 6\n";

struct Server : testing::Harness<Engine> {
  std::vector<std::string> troubles;
  std::shared_ptr<AccessFile> file;

  explicit Server(std::shared_ptr<AccessFile> to, const char* format = "\"%r\" %s %b") : file(std::move(to)) {
    application().route("/hello", [](Recorded& exchange) { exchange.respond(200, "hello\n"); });
    engine().set_access_log(std::make_unique<AccessLog>(
        loop(), AccessFormat(format), file, [this](const std::string& message) { troubles.push_back(message); }));
  }
  /// So many requests, in one pass.
  void get(int count) {
    std::string requests;
    for (int i = 0; i < count; ++i) requests += kGet;
    exchange(connect_memory(), requests);
    forget_clients();
  }
  void end_log() { engine().set_access_log(nullptr); }
};

std::string times(int count, const std::string& text) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

// A pipe that reads without waiting.
struct Pipe {
  int reading = -1;
  int writing = -1;

  Pipe() {
    int fds[2];
    REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
    reading = fds[0];
    writing = fds[1];
    ::fcntl(reading, F_SETFL, O_NONBLOCK);
  }
  ~Pipe() {
    ::close(reading);
    ::close(writing);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  std::string read() const {
    std::string text;
    char bytes[64 * 1024];
    for (ssize_t count; (count = ::read(reading, bytes, sizeof bytes)) > 0;) {
      text.append(bytes, static_cast<std::size_t>(count));
    }
    return text;
  }
};

TEST_CASE("a line for each request is in the file when its pass is over") {
  TemporaryFolder folder;
  const std::string path = folder.path_of("log");
  Server server(AccessFile::open(path));
  server.get(1);
  CHECK(read_file(path) == kLine);
  server.get(3);
  CHECK(read_file(path) == times(4, kLine));
  CHECK(server.troubles.empty());
}

TEST_CASE("the lines of a pass are one write") {
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);  // shows each write
  Server server(AccessFile::adopt(fds[1]));
  MemoryClient& one = server.connect_memory();
  MemoryClient& other = server.connect_memory();
  one.send(kGet + kGet);
  other.send(kGet);
  server.settle();
  char bytes[4096];
  const ssize_t first = ::recv(fds[0], bytes, sizeof bytes, 0);
  CHECK(std::string(bytes, static_cast<std::size_t>(first)) == times(3, kLine));
  CHECK(::recv(fds[0], bytes, sizeof bytes, 0) == -1);
  ::close(fds[0]);
  ::close(fds[1]);
}

TEST_CASE("what ends outside of a pass is written in the next one") {
  TemporaryFolder folder;
  const std::string path = folder.path_of("log");
  Server server(AccessFile::open(path));
  server.exchange(server.connect_memory(), "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  server.application().last().respond(204, "");
  CHECK(read_file(path).empty());
  server.settle();
  CHECK(read_file(path) == "\"GET /later HTTP/1.1\" 204 -\n");
}

TEST_CASE("what is left is written at the end") {
  TemporaryFolder folder;
  const std::string path = folder.path_of("log");
  Server server(AccessFile::open(path));
  server.exchange(server.connect_memory(), "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  server.application().last().respond(204, "");
  server.end_log();
  CHECK(read_file(path) == "\"GET /later HTTP/1.1\" 204 -\n");
  CHECK(server.troubles.empty());
}

TEST_CASE("many lines in one pass are all there") {
  TemporaryFolder folder;
  const std::string path = folder.path_of("log");
  const std::string padding(2000, 'p');
  Server server(AccessFile::open(path), ("%m " + padding).c_str());
  server.get(200);  // more than kWriteBytes
  CHECK(read_file(path) == times(200, "GET " + padding + "\n"));
}

TEST_CASE("a full disk is said once, and the lines that waited are written when there is room") {
  TemporaryFolder folder;
  const std::string path = folder.path_of("log");
  REQUIRE(::symlink("/dev/full", path.c_str()) == 0);
  Server server(AccessFile::open(path));
  server.get(1);
  server.get(2);
  REQUIRE(server.troubles.size() == 1);
  CHECK(server.troubles[0] == "can't write to the access log " + path +
                                  ": No space left on device; requests are served all the same, and their lines wait "
                                  "as long as there is room for them");
  CHECK(server.application().count() == 3);
  REQUIRE(::unlink(path.c_str()) == 0);
  server.file->reopen();
  REQUIRE(server.run_until([&] { return server.troubles.size() == 2; }));
  CHECK(server.troubles[1] == "the access log " + path + " is written again; 0 lines were lost");
  CHECK(read_file(path) == times(3, kLine));
  server.get(1);
  CHECK(read_file(path) == times(4, kLine));
}

TEST_CASE("a pipe that nobody reads holds nothing up; lines beyond the bound are lost, and that is said") {
  const Pipe pipe;
  const std::string padding(10'000, 'p');
  Server server(AccessFile::adopt(pipe.writing), ("%m " + padding).c_str());
  const std::string line = "GET " + padding + "\n";
  const int count = static_cast<int>(2 * AccessLog::kWaitingBytesMax / line.size());
  for (int i = 0; i < count; ++i) server.get(1);
  CHECK(server.application().count() == static_cast<std::size_t>(count));
  REQUIRE(server.troubles.size() == 1);
  CHECK(server.troubles[0].find("takes nothing: lines are lost until its reader goes on") != std::string::npos);

  std::string text;
  REQUIRE(server.run_until([&] {
    text += pipe.read();
    return server.troubles.size() == 2;
  }));
  text += pipe.read();
  const int written = static_cast<int>(std::count(text.begin(), text.end(), '\n'));
  CHECK(text == times(written, line));  // whole lines
  CHECK(text.size() > AccessLog::kWaitingBytesMax - line.size());
  const std::string lost = std::to_string(count - written);
  CHECK(server.troubles[1].find("is written again; " + lost + " lines were lost") != std::string::npos);

  server.get(1);
  CHECK(pipe.read() == line);
}

TEST_CASE("lines that were never written are told at the end") {
  const Pipe pipe;
  const std::string padding(10'000, 'p');
  Server server(AccessFile::adopt(pipe.writing), ("%m " + padding).c_str());
  for (int i = 0; i < 20; ++i) server.get(1);
  CHECK(server.troubles.empty());
  server.end_log();
  REQUIRE(server.troubles.size() == 1);
  CHECK(server.troubles[0].find(" lines that it didn't take") != std::string::npos);
}

TEST_CASE("lines go to a function, without their ends") {
  testing::Harness<Engine> server;
  std::vector<std::string> lines;
  const auto write = [&](std::string_view line) { lines.emplace_back(line); };
  server.engine().set_access_log(std::make_unique<AccessLog>(server.loop(), AccessFormat("%r %s"), write));
  server.application().route("/hello", [](Recorded& exchange) { exchange.respond(200, "hello\n"); });
  server.exchange(server.connect_memory(), kGet + kGet);
  CHECK(lines == std::vector<std::string>(2, "GET /hello HTTP/1.1 200"));
}

}  // namespace
}  // namespace outrider::server
