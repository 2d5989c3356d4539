// SPDX-License-Identifier: MIT
#pragma once

// Accepts connections from a bound socket.
//
// Thread: loop only.

#include <uv.h>

#include <functional>
#include <memory>

#include "loop/handle.h"
#include "net/socket.h"
#include "net/stream.h"

namespace outrider::loop {
class Loop;
}

namespace outrider::net {

class Listener {
 public:
  using OnConnection = std::function<void(std::unique_ptr<Stream>)>;

  /// Takes the socket; connections are refused (or wait, if the caller of an adopted socket already listened)
  /// until start().
  Listener(loop::Loop& loop, BoundSocket socket, OnConnection on_connection);
  /// Stops listening and closes the socket; connections that wait to be accepted are reset by the kernel.
  ~Listener();

  /// Throws Error(Bind) naming the address when the system refuses, for example because another process listens
  /// on the port by now.
  void start(int backlog);

  /// Accepts nothing until resume(): connections wait in the kernel, as many as the backlog holds, and one here.
  void pause() { is_paused_ = true; }
  void resume();

  const Address& address() const { return socket_.address(); }

 private:
  static void connection_cb(uv_stream_t* stream, int status);
  void accept();

  loop::Loop& loop_;
  BoundSocket socket_;  // its descriptor belongs to handle_ after start()
  OnConnection on_connection_;
  loop::Handle<uv_tcp_t> tcp_;
  loop::Handle<uv_pipe_t> pipe_;
  uv_stream_t* stream_ = nullptr;  // the one of the two that is in use
  bool is_paused_ = false;
  bool has_waiting_ = false;  // libuv holds a connection, and takes no other before that one is accepted
};

}  // namespace outrider::net
