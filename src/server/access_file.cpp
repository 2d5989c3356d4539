// SPDX-License-Identifier: MIT
#include "server/access_file.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "outrider/error.h"

namespace outrider::server {
namespace {

constexpr int kFlags = O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

// What a pipe takes whole or not at all (POSIX, write()): lines of several programs don't mix.
constexpr std::size_t kAtomicBytes = PIPE_BUF;

bool is_nonblocking(int fd) { return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

// Whole lines of at most so many bytes; a part of the first line when that is longer.
std::string_view first_lines(std::string_view lines, std::size_t most) {
  if (lines.size() <= most) return lines;
  const std::size_t end = lines.rfind('\n', most - 1);
  return lines.substr(0, end == std::string_view::npos ? most : end + 1);
}

}  // namespace

AccessFile::AccessFile(int fd, Kind kind, std::string name, std::string path)
    : fd_(fd), kind_(kind), name_(std::move(name)), path_(std::move(path)) {}

AccessFile::~AccessFile() { ::close(fd_); }

int AccessFile::open_path(const std::string& path) {
  const int fd = ::open(path.c_str(), kFlags | O_CREAT, 0644);
  if (fd >= 0) return fd;
  if (errno == ENXIO) {
    throw Error(ErrorKind::Resource, "can't open the access log " + path + ", a pipe that nobody reads", ENXIO);
  }
  throw Error(ErrorKind::Resource, "can't open the access log " + path, errno);
}

std::shared_ptr<AccessFile> AccessFile::open(const std::string& path) {
  if (path == "-") return adopt(STDOUT_FILENO);
  const int fd = open_path(path);
  struct stat facts {};
  const bool is_file = ::fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode);
  return std::shared_ptr<AccessFile>(new AccessFile(fd, is_file ? Kind::File : Kind::Pipe, path, path));
}

std::shared_ptr<AccessFile> AccessFile::adopt(int fd) {
  const std::string name = "descriptor " + std::to_string(fd);
  struct stat facts {};
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fstat(fd, &facts) != 0) {
    throw Error(ErrorKind::Option, "can't use " + name + " for the access log", errno);
  }
  if ((flags & O_ACCMODE) == O_RDONLY) {
    throw Error(ErrorKind::Option, "can't use " + name + " for the access log: it is open for reading only");
  }
  Kind kind = S_ISREG(facts.st_mode) ? Kind::File : S_ISSOCK(facts.st_mode) ? Kind::Socket : Kind::Pipe;
  int own = -1;
  if (kind == Kind::Pipe) {
    // Not so for a file: its position is shared with whoever else writes to the descriptor, and must stay so.
    own = ::open(("/dev/fd/" + std::to_string(fd)).c_str(), kFlags);
    if (own < 0 || !is_nonblocking(own)) kind = Kind::BlockingPipe;
  }
  if (own < 0) own = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (own < 0) throw Error(ErrorKind::Resource, "can't duplicate " + name + " for the access log", errno);
  return std::shared_ptr<AccessFile>(new AccessFile(own, kind, name, ""));
}

// The new file takes the descriptor's place at once, so that the threads which write need no lock.
void AccessFile::reopen() {
  if (path_.empty()) {
    throw Error(ErrorKind::State,
                "the access log goes to " + name_ + ", which can't be opened again: it has no path");
  }
  const std::lock_guard one_at_a_time(reopening_);
  const int fresh = open_path(path_);
  const int result = ::dup3(fresh, fd_, O_CLOEXEC);
  const int code = errno;
  ::close(fresh);
  if (result < 0) throw Error(ErrorKind::Resource, "can't reopen the access log " + path_, code);
}

long AccessFile::write(std::string_view lines) {
  if (kind_ != Kind::File) lines = first_lines(lines, kAtomicBytes);
  if (kind_ == Kind::BlockingPipe) {
    // Room for one byte is room for so many, unless another program is quicker.
    pollfd entry{fd_, POLLOUT, 0};
    if (::poll(&entry, 1, 0) != 1) return -EAGAIN;
  }
  while (true) {
    const ssize_t written = kind_ == Kind::Socket
                                ? ::send(fd_, lines.data(), lines.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                                : ::write(fd_, lines.data(), lines.size());
    if (written >= 0) return written;
    if (errno != EINTR) return -errno;
  }
}

}  // namespace outrider::server
