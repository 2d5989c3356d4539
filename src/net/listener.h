// SPDX-License-Identifier: MIT
#pragma once

// Accepts connections from a bound socket. When the system has no descriptors left, those that come wait in the
// kernel, and are accepted as soon as there are some again: nothing is refused, nothing turns in circles meanwhile.
//
// Not libuv's own listening: out of descriptors, that accepts what waits and closes it at once.
//
// Thread: loop only.

#include <uv.h>

#include <functional>
#include <memory>

#include "loop/handle.h"
#include "loop/timer.h"
#include "net/socket.h"
#include "net/stream.h"

namespace outrider::loop {
class Loop;
}

namespace outrider::net {

class Listener {
 public:
  using OnConnection = std::function<void(std::unique_ptr<Stream>)>;
  /// The system had nothing left to accept a connection with: an errno, such as EMFILE. Told once, until there is
  /// something again.
  using OnExhausted = std::function<void(int code)>;

  /// Takes the socket; connections are refused (or wait, if the caller of an adopted socket already listened)
  /// until start().
  Listener(loop::Loop& loop, BoundSocket socket, OnConnection on_connection, OnExhausted on_exhausted = {});
  /// Stops listening and closes the socket; connections that wait to be accepted are reset by the kernel.
  ~Listener();

  /// Throws Error(Bind) naming the address when the system refuses, for example because another process listens
  /// on the port by now.
  void start(int backlog);

  /// Accepts nothing until resume(): connections wait in the kernel, as many as the backlog holds.
  void pause();
  void resume();

  const Address& address() const { return socket_.address(); }

 private:
  // So many are accepted in a pass, for others to have their turn.
  static constexpr int kAcceptsMax = 256;

  static void readable_cb(uv_poll_t* handle, int status, int events);
  void accept();
  void on_exhausted(int code);
  void watch();

  loop::Loop& loop_;
  BoundSocket socket_;
  OnConnection on_connection_;
  OnExhausted on_exhausted_;
  loop::Handle<uv_poll_t> poll_;  // before the socket is closed
  loop::Timer retry_;
  bool is_paused_ = false;
  bool is_exhausted_ = false;
};

}  // namespace outrider::net
