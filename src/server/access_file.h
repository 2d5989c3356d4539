// SPDX-License-Identifier: MIT
#pragma once

// Where an access log goes: a file, or a descriptor such as standard output. It never waits for whoever reads the
// other end of a pipe, and never changes a descriptor that isn't its own: a pipe or a terminal is opened anew, so
// that O_NONBLOCK is ours alone; what can't be (a socket) is written to in ways that don't block.
//
// Thread: any; all loop threads of a server share one.

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace outrider::server {

class AccessFile {
 public:
  /// Opens the file to append to it, and makes it where it isn't there; "-" is standard output. Throws Error.
  static std::shared_ptr<AccessFile> open(const std::string& path);
  /// A descriptor of the caller's, which stays the caller's. Throws Error.
  static std::shared_ptr<AccessFile> adopt(int fd);
  ~AccessFile();
  AccessFile(const AccessFile&) = delete;
  AccessFile& operator=(const AccessFile&) = delete;

  /// Opens the path again, after the file has been renamed; what is written from then on goes there. Throws Error,
  /// and goes on with the file it has. Error(State) when it has no path.
  void reopen();
  /// Writes from the front of `lines`, whole ones where that can be. Returns how many bytes, or a negative errno:
  /// -EAGAIN when the other end takes nothing now.
  long write(std::string_view lines);
  /// "/var/log/access.log", "descriptor 1".
  const std::string& name() const { return name_; }

 private:
  enum class Kind { File, Pipe, BlockingPipe, Socket };

  AccessFile(int fd, Kind kind, std::string name, std::string path);
  static int open_path(const std::string& path);

  int fd_;
  const Kind kind_;
  const std::string name_;
  const std::string path_;  // empty for a descriptor
  std::mutex reopening_;
};

}  // namespace outrider::server
