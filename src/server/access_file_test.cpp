// SPDX-License-Identifier: MIT
#include "server/access_file.h"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>

#include "outrider/error.h"
#include "testing/file_text.h"
#include "testing/temporary_folder.h"

namespace outrider::server {
namespace {

using testing::read_file;
using testing::TemporaryFolder;

// The two ends of a pipe, or of a connection.
struct Ends {
  int reading = -1;
  int writing = -1;

  static Ends of_pipe() {
    int fds[2];
    REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
    return {fds[0], fds[1]};
  }
  static Ends of_sockets() {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    return {fds[0], fds[1]};
  }
  std::string read(std::size_t most = 1024 * 1024) const {
    std::string text(most, '\0');
    const ssize_t count = ::read(reading, text.data(), text.size());
    text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return text;
  }
  void close() const {
    ::close(reading);
    ::close(writing);
  }
};

template <class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// Writes lines until none is taken; returns how many bytes were.
std::size_t fill(AccessFile& file) {
  const std::string lines = std::string(99, 'x') + "\n";
  std::size_t filled = 0;
  while (true) {
    const long written = file.write(lines);
    if (written < 0) {
      CHECK(written == -EAGAIN);
      return filled;
    }
    filled += static_cast<std::size_t>(written);
  }
}

TEST_CASE("a file is made where there is none, and appended to where there is one") {
  TemporaryFolder folder;
  const std::string path = folder.path_of("log");
  CHECK(AccessFile::open(path)->write("one\n") == 4);
  CHECK(AccessFile::open(path)->write("two\n") == 4);
  CHECK(read_file(path) == "one\ntwo\n");
}

TEST_CASE("a file that can't be opened is named with the reason") {
  TemporaryFolder folder;
  const std::string path = folder.path_of("missing") + "/log";
  CHECK(message_of([&] { AccessFile::open(path); }) ==
        "can't open the access log " + path + ": No such file or directory");
  const std::string fifo = folder.path_of("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(message_of([&] { AccessFile::open(fifo); }).find("a pipe that nobody reads") != std::string::npos);
  CHECK(message_of([&] { AccessFile::adopt(1'000'000); }) ==
        "can't use descriptor 1000000 for the access log: Bad file descriptor");
}

TEST_CASE("after a rotation the lines go to the new file") {
  TemporaryFolder folder;
  const std::string path = folder.path_of("log");
  const std::string rotated = folder.path_of("log.1");
  const auto file = AccessFile::open(path);
  file->write("one\n");
  REQUIRE(std::rename(path.c_str(), rotated.c_str()) == 0);
  file->write("two\n");
  file->reopen();
  file->write("three\n");
  CHECK(read_file(rotated) == "one\ntwo\n");
  CHECK(read_file(path) == "three\n");
}

TEST_CASE("when the file can't be opened again the lines go on to the one there was") {
  TemporaryFolder folder;
  const std::string path = folder.path_of("log");
  const std::string rotated = folder.path_of("log.1");
  const auto file = AccessFile::open(path);
  REQUIRE(std::rename(path.c_str(), rotated.c_str()) == 0);
  REQUIRE(::mkdir(path.c_str(), 0700) == 0);
  CHECK_THROWS_AS(file->reopen(), Error);
  CHECK(file->write("still\n") == 6);
  CHECK(read_file(rotated) == "still\n");
  ::rmdir(path.c_str());
}

TEST_CASE("a descriptor stays its owner's, and keeps its mode") {
  const Ends ends = Ends::of_pipe();
  {
    const auto file = AccessFile::adopt(ends.writing);
    CHECK(file->write("line\n") == 5);
    fill(*file);
    CHECK((::fcntl(ends.writing, F_GETFL) & O_NONBLOCK) == 0);
    CHECK(message_of([&] { file->reopen(); }).find("it has no path") != std::string::npos);
  }
  CHECK(ends.read().substr(0, 5) == "line\n");
  CHECK(::write(ends.writing, "mine", 4) == 4);
  CHECK(message_of([&] { AccessFile::adopt(ends.reading); }).find("open for reading only") != std::string::npos);
  ends.close();
}

TEST_CASE("a file that others write to through the same descriptor isn't overwritten") {
  TemporaryFolder folder;
  const std::string path = folder.path_of("out");
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);  // as a shell's `>` does
  const auto file = AccessFile::adopt(fd);
  CHECK(::write(fd, "printed\n", 8) == 8);
  CHECK(file->write("logged\n") == 7);
  CHECK(::write(fd, "printed\n", 8) == 8);
  CHECK(read_file(path) == "printed\nlogged\nprinted\n");
  ::close(fd);
}

TEST_CASE("a pipe or a socket that nobody reads takes what fits and then says so, without waiting") {
  for (const Ends& ends : {Ends::of_pipe(), Ends::of_sockets()}) {
    const auto file = AccessFile::adopt(ends.writing);
    const std::size_t filled = fill(*file);
    CHECK(filled > 4096);
    std::size_t taken = 0;
    while (taken < filled) taken += ends.read().size();
    CHECK(taken == filled);
    CHECK(file->write("again\n") == 6);
    CHECK(ends.read() == "again\n");
    ends.close();
  }
}

TEST_CASE("a pipe that can't be opened anew isn't waited for, either") {
  if (::geteuid() != 0) return;  // only root can become somebody who has no right to open it
  const Ends ends = Ends::of_pipe();
  REQUIRE(::seteuid(65534) == 0);
  const auto file = AccessFile::adopt(ends.writing);
  REQUIRE(::seteuid(0) == 0);
  const std::size_t filled = fill(*file);
  CHECK(filled > 4096);
  CHECK((::fcntl(ends.writing, F_GETFL) & O_NONBLOCK) == 0);
  CHECK(ends.read().size() == filled);
  CHECK(file->write("again\n") == 6);
  ends.close();
}

TEST_CASE("a pipe gets whole lines, as many as it takes at once") {
  const Ends ends = Ends::of_pipe();
  const auto file = AccessFile::adopt(ends.writing);
  const std::string line = std::string(999, 'x') + "\n";
  std::string lines;
  for (int i = 0; i < 10; ++i) lines += line;
  CHECK(file->write(lines) == PIPE_BUF / 1000 * 1000);
  // A line that is longer than that goes in pieces.
  CHECK(file->write(std::string(PIPE_BUF + 1, 'y')) == PIPE_BUF);
  ends.close();
}

TEST_CASE("a reader that has gone is an error, not the program's end") {
  const auto before = std::signal(SIGPIPE, SIG_IGN);  // the threads of a server block it
  for (const Ends& ends : {Ends::of_pipe(), Ends::of_sockets()}) {
    const auto file = AccessFile::adopt(ends.writing);
    ::close(ends.reading);
    CHECK(file->write("line\n") == -EPIPE);
    ::close(ends.writing);
  }
  std::signal(SIGPIPE, before);
}

}  // namespace
}  // namespace outrider::server
