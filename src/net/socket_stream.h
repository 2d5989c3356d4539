// SPDX-License-Identifier: MIT
#pragma once

// A Stream over a TCP or Unix socket.

#include <uv.h>

#include "loop/handle.h"
#include "net/stream.h"

namespace outrider::loop {
class Loop;
}

namespace outrider::net {

class SocketStream final : public Stream {
 public:
  /// Takes a connected, non-blocking socket; null, and the socket closed, when the loop can't have it.
  static std::unique_ptr<SocketStream> adopt(loop::Loop& loop, int fd, int family);
  ~SocketStream() override;

  void set_handler(StreamHandler* handler) override { handler_ = handler; }
  void start_reading() override;
  void stop_reading() override;
  bool is_peer_gone() const override;
  std::ptrdiff_t try_write(std::span<const std::string_view> pieces) override;
  std::ptrdiff_t try_send_file(const FilePart& part) override;
  void write(std::span<const std::string_view> pieces) override;
  std::size_t unwritten() const override { return uv_stream_get_write_queue_size(&socket_->stream); }
  void shut_write() override;
  void reset_on_close() override;
  Address local_address() const override;
  Address peer_address() const override;

 private:
  // The handle and the requests that libuv may still use after this object died, in one block.
  struct Socket {
    union {
      uv_handle_t handle;
      uv_stream_t stream;
      uv_tcp_t tcp;
      uv_pipe_t pipe;
    };
    uv_write_t write;
    uv_shutdown_t shutdown;
    SocketStream* owner;  // null once the stream is gone
  };

  SocketStream(loop::Loop& loop, int family);
  ssize_t send_all(std::span<const std::string_view> pieces) const;
  static void closed_cb(uv_handle_t* handle);
  static void alloc_cb(uv_handle_t* handle, size_t suggested, uv_buf_t* buffer);
  static void read_cb(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer);
  static void write_cb(uv_write_t* request, int status);

  loop::Loop& loop_;
  StreamHandler* handler_ = nullptr;
  Socket* socket_;
  uv_os_fd_t fd_ = -1;  // the handle's
  bool is_shut_ = false;
  bool resets_on_close_ = false;
};

}  // namespace outrider::net
