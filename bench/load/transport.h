// SPDX-License-Identifier: MIT
#pragma once
// How the bytes travel. A transport is made once for a run; it makes a stream over each connected socket.

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>

#include "options.h"
#include "output.h"

namespace bench {

class Stream {
 public:
  // Takes the socket over, and closes it in the end.
  explicit Stream(int fd) : fd_(fd) {}
  virtual ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  int fd() const { return fd_; }

  // As recv(): how many bytes, 0 when the server has ended the connection, or -1 with errno; EAGAIN: not now.
  virtual ssize_t read(char* data, std::size_t size);
  // As send(), the first bytes of the output, which isn't changed.
  virtual ssize_t write(const Output& output);
  // After a write() that had to wait: whether it is for the socket to take more, and not for something to read.
  virtual bool waits_for_room() const { return true; }
  // Whether read() has something that the socket doesn't show.
  virtual bool has_more() const { return false; }
  // What is wrong, after a -1 whose errno isn't EAGAIN.
  virtual std::string trouble() const;

 private:
  const int fd_;
};

class Transport {
 public:
  virtual ~Transport() = default;
  // The stream must not outlive the transport. `before`, which may be null, is what the same connection was until
  // now.
  virtual std::unique_ptr<Stream> over(int fd, std::unique_ptr<Stream> before) = 0;
};

// The one that the options ask for.
std::unique_ptr<Transport> make_transport(const Options& options);

}  // namespace bench
