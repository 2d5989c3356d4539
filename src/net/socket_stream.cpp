// SPDX-License-Identifier: MIT
#include "net/socket_stream.h"

#include <poll.h>
#include <pthread.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <vector>

#include "base/check.h"
#include "loop/loop.h"
#include "net/file_part.h"

namespace outrider::net {
namespace {

// Of a file at once, for others to have their turn.
constexpr uint64_t kSendFileMax = 2 * 1024 * 1024;

uv_buf_t to_uv(std::string_view piece) {
  return uv_buf_init(const_cast<char*>(piece.data()), static_cast<unsigned>(piece.size()));
}

}  // namespace

SocketStream::SocketStream(loop::Loop& loop, int family) : loop_(loop), socket_(new Socket{}) {
  if (family == AF_UNIX) {
    uv_pipe_init(loop.raw(), &socket_->pipe, 0);
  } else {
    uv_tcp_init(loop.raw(), &socket_->tcp);
  }
  socket_->owner = this;
  socket_->handle.data = socket_;
}

std::unique_ptr<SocketStream> SocketStream::adopt(loop::Loop& loop, int fd, int family) {
  std::unique_ptr<SocketStream> stream(new SocketStream(loop, family));
  Socket& socket = *stream->socket_;
  if ((family == AF_UNIX ? uv_pipe_open(&socket.pipe, fd) : uv_tcp_open(&socket.tcp, fd)) != 0) {
    ::close(fd);
    return nullptr;
  }
  stream->fd_ = fd;
  // Responses leave in whole writes; waiting for an acknowledgement would only delay the chunks of a stream.
  if (family != AF_UNIX) uv_tcp_nodelay(&socket.tcp, 1);
  return stream;
}

SocketStream::~SocketStream() {
  socket_->owner = nullptr;
  loop_.watchers_changed();  // the close callback runs in a pass
  if (resets_on_close_ && socket_->handle.type == UV_TCP &&
      uv_tcp_close_reset(&socket_->tcp, &SocketStream::closed_cb) == 0) {
    return;
  }
  uv_close(&socket_->handle, &SocketStream::closed_cb);
}

void SocketStream::closed_cb(uv_handle_t* handle) { delete static_cast<Socket*>(handle->data); }

void SocketStream::start_reading() {
  uv_read_start(&socket_->stream, &SocketStream::alloc_cb, &SocketStream::read_cb);
  loop_.watchers_changed();
}

void SocketStream::stop_reading() { uv_read_stop(&socket_->stream); }

// libuv doesn't watch a socket that is neither read nor written, not even for errors.
bool SocketStream::is_peer_gone() const {
  pollfd entry{fd_, 0, 0};
  return ::poll(&entry, 1, 0) == 1 && (entry.revents & (POLLERR | POLLHUP)) != 0;
}

void SocketStream::alloc_cb(uv_handle_t* handle, size_t, uv_buf_t* buffer) {
  SocketStream* owner = static_cast<Socket*>(handle->data)->owner;
  std::span<char> room;
  if (owner->handler_ != nullptr) room = owner->handler_->read_room();
  if (room.empty()) room = owner->loop_.scratch();
  *buffer = uv_buf_init(room.data(), static_cast<unsigned>(room.size()));
}

void SocketStream::read_cb(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer) {
  SocketStream* owner = static_cast<Socket*>(stream->data)->owner;
  if (owner == nullptr || owner->handler_ == nullptr || count == 0) return;
  if (count > 0) {
    owner->handler_->on_data({buffer->base, static_cast<std::size_t>(count)});
  } else if (count == UV_EOF) {
    owner->stop_reading();
    owner->handler_->on_end();
  } else {
    owner->stop_reading();
    owner->handler_->on_error(static_cast<int>(-count));
  }
}

// Not uv_try_write(): it writes without MSG_NOSIGNAL, so that a peer that has gone would raise SIGPIPE in a process
// that doesn't ignore it; and send() does less on its way than write(). (What must wait, libuv writes: by then the
// kernel has taken something, so the peer was there a moment ago. Server threads block the signal as well.)
std::ptrdiff_t SocketStream::try_write(std::span<const std::string_view> pieces) {
  OUTRIDER_CHECK(pieces.size() <= kPiecesMax);
  if (unwritten() > 0) return 0;
  ssize_t written = 0;
  do {
    written = pieces.size() == 1 ? ::send(fd_, pieces[0].data(), pieces[0].size(), MSG_NOSIGNAL) : send_all(pieces);
  } while (written < 0 && errno == EINTR);
  if (written >= 0) return written;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? 0 : -errno;
}

ssize_t SocketStream::send_all(std::span<const std::string_view> pieces) const {
  std::array<iovec, kPiecesMax> buffers;  // NOLINT: as much as is used is filled below
  std::transform(pieces.begin(), pieces.end(), buffers.begin(), [](std::string_view piece) {
    return iovec{const_cast<char*>(piece.data()), piece.size()};
  });
  msghdr message{};
  message.msg_iov = buffers.data();
  message.msg_iovlen = pieces.size();
  return ::sendmsg(fd_, &message, MSG_NOSIGNAL);
}

// sendfile() raises SIGPIPE when the peer has gone, and has no flag against it: the signal is held back around it,
// and taken away if it came.
std::ptrdiff_t SocketStream::try_send_file(const FilePart& part) {
  if (unwritten() > 0) return 0;
  sigset_t pipe_signal;
  sigset_t before;
  sigset_t pending;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  ::sigpending(&pending);
  ::pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  const auto most = static_cast<std::size_t>(std::min<uint64_t>(part.left(), kSendFileMax));
  auto offset = static_cast<off_t>(part.offset());
  ssize_t sent = 0;
  do {
    sent = ::sendfile(fd_, part.fd(), &offset, most);
  } while (sent < 0 && errno == EINTR);
  const int error = errno;
  if (sent < 0 && error == EPIPE && sigismember(&pending, SIGPIPE) == 0) {
    const timespec no_time{};
    ::sigtimedwait(&pipe_signal, nullptr, &no_time);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (sent >= 0) return sent;
  // A file system that can't: its bytes are read and written instead.
  return error == EAGAIN || error == EINVAL || error == ENOSYS || error == ENOBUFS ? 0 : -error;
}

void SocketStream::write(std::span<const std::string_view> pieces) {
  std::vector<uv_buf_t> buffers(pieces.size());
  std::transform(pieces.begin(), pieces.end(), buffers.begin(), to_uv);
  socket_->write.data = socket_;
  loop_.watchers_changed();
  const int status = uv_write(&socket_->write, &socket_->stream, buffers.data(),
                              static_cast<unsigned>(buffers.size()), &SocketStream::write_cb);
  OUTRIDER_CHECK(status == 0);  // only a closed or shut handle is refused, and neither gets here
}

void SocketStream::write_cb(uv_write_t* request, int status) {
  SocketStream* owner = static_cast<Socket*>(request->data)->owner;
  if (owner != nullptr && owner->handler_ != nullptr) owner->handler_->on_write_done(-status);
}

void SocketStream::shut_write() {
  if (is_shut_) return;
  is_shut_ = true;
  loop_.watchers_changed();
  uv_shutdown(&socket_->shutdown, &socket_->stream, [](uv_shutdown_t*, int) {});
}

void SocketStream::reset_on_close() { resets_on_close_ = true; }

Address SocketStream::local_address() const { return Address::of_socket(fd_); }
Address SocketStream::peer_address() const { return Address::of_peer(fd_); }

}  // namespace outrider::net
