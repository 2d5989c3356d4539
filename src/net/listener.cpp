// SPDX-License-Identifier: MIT
#include "net/listener.h"

#include <utility>

#include "loop/loop.h"
#include "net/socket_stream.h"
#include "outrider/error.h"

namespace outrider::net {

Listener::Listener(loop::Loop& loop, BoundSocket socket, OnConnection on_connection)
    : loop_(loop), socket_(std::move(socket)), on_connection_(std::move(on_connection)) {}

Listener::~Listener() { loop_.watchers_changed(); }

void Listener::start(int backlog) {
  int status = 0;
  if (address().is_unix()) {
    uv_pipe_init(loop_.raw(), pipe_.get(), 0);
    pipe_.opened(this);
    stream_ = reinterpret_cast<uv_stream_t*>(pipe_.get());
    status = uv_pipe_open(pipe_.get(), socket_.fd());
  } else {
    uv_tcp_init(loop_.raw(), tcp_.get());
    tcp_.opened(this);
    stream_ = reinterpret_cast<uv_stream_t*>(tcp_.get());
    status = uv_tcp_open(tcp_.get(), socket_.fd());
  }
  if (status == 0) {
    socket_.release();
    status = uv_listen(stream_, backlog, &Listener::connection_cb);
  }
  if (status != 0) throw Error(ErrorKind::Bind, "can't listen on " + address().to_string(), -status);
  loop_.watchers_changed();
}

void Listener::connection_cb(uv_stream_t* stream, int status) {
  auto* self = static_cast<Listener*>(stream->data);
  if (self == nullptr || status != 0) return;  // out of descriptors: libuv keeps the connection waiting
  if (self->is_paused_) {
    self->has_waiting_ = true;
  } else {
    self->accept();
  }
}

void Listener::accept() {
  std::unique_ptr<Stream> accepted = SocketStream::accept(loop_, stream_, address().family());
  if (accepted != nullptr) on_connection_(std::move(accepted));
}

void Listener::resume() {
  is_paused_ = false;
  if (!std::exchange(has_waiting_, false)) return;
  accept();
  loop_.watchers_changed();  // accepting lets libuv listen again
}

}  // namespace outrider::net
