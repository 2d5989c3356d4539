// SPDX-License-Identifier: MIT
#include "net/listener.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "loop/loop.h"
#include "net/socket_stream.h"
#include "outrider/error.h"

namespace outrider::net {
namespace {

// How long it takes at most until somebody sees that there are descriptors again.
constexpr std::chrono::milliseconds kRetryAfter{100};

bool is_exhaustion(int code) { return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM; }

}  // namespace

Listener::Listener(loop::Loop& loop, BoundSocket socket, OnConnection on_connection, OnExhausted on_exhausted)
    : loop_(loop),
      socket_(std::move(socket)),
      on_connection_(std::move(on_connection)),
      on_exhausted_(std::move(on_exhausted)),
      retry_(loop, [this] {
        watch();
        accept();
      }) {}

Listener::~Listener() { loop_.watchers_changed(); }

void Listener::start(int backlog) {
  const int fd = socket_.fd();
  int status = ::listen(fd, backlog) == 0 ? 0 : -errno;
  if (status == 0) status = ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) == 0 ? 0 : -errno;
  if (status == 0) status = uv_poll_init(loop_.raw(), poll_.get(), fd);
  if (status != 0) throw Error(ErrorKind::Bind, "can't listen on " + address().to_string(), -status);
  poll_.opened(this);
  watch();
}

void Listener::watch() {
  if (is_paused_ || !poll_.is_open()) return;
  uv_poll_start(poll_.get(), UV_READABLE, &Listener::readable_cb);
  loop_.watchers_changed();
}

void Listener::readable_cb(uv_poll_t* handle, int, int) {
  auto* self = static_cast<Listener*>(handle->data);
  if (self != nullptr) self->accept();
}

void Listener::accept() {
  for (int i = 0; i < kAcceptsMax && !is_paused_; ++i) {
    const int fd = ::accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      is_exhausted_ = false;
      std::unique_ptr<Stream> accepted = SocketStream::adopt(loop_, fd, address().family());
      if (accepted != nullptr) on_connection_(std::move(accepted));
    } else if (errno == EAGAIN) {
      return;
    } else if (is_exhaustion(errno)) {
      return on_exhausted(errno);
    }
    // Else the peer has gone while it waited.
  }
}

void Listener::on_exhausted(int code) {
  uv_poll_stop(poll_.get());
  retry_.start(kRetryAfter);
  if (!std::exchange(is_exhausted_, true) && on_exhausted_) on_exhausted_(code);
}

void Listener::pause() {
  is_paused_ = true;
  retry_.stop();
  if (poll_.is_open()) uv_poll_stop(poll_.get());
}

void Listener::resume() {
  is_paused_ = false;
  watch();
}

}  // namespace outrider::net
