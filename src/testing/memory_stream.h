// SPDX-License-Identifier: MIT
#pragma once

// A net::Stream without a kernel: the test plays the peer and decides how bytes are cut, when they are taken, and
// when writing fails. Each fragment comes in a pass of its own.
//
// Thread: the loop's.

#include <uv.h>

#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "loop/handle.h"
#include "loop/loop.h"
#include "net/stream.h"
#include "testing/client.h"

namespace outrider::testing {

class MemoryStream;

/// The test's end of a MemoryStream. It may outlive the stream and the other way round.
class MemoryClient final : public Client {
 public:
  static constexpr std::size_t kEverything = std::numeric_limits<std::size_t>::max();

  explicit MemoryClient(loop::Loop& loop);
  ~MemoryClient() override;

  /// The other end, to be served; once.
  std::unique_ptr<net::Stream> take_stream();

  void send(std::string_view bytes) override;
  void end() override;
  void reset() override;
  void stop_taking() override { allow(0); }
  void go_on_taking() override { allow(kEverything); }
  void pump() override {}

  /// Sends in fragments of so many bytes.
  void send_cut(std::string_view bytes, std::size_t fragment);
  /// The peer takes so many more bytes.
  void allow(std::size_t bytes);
  /// The addresses of both ends; by default there are none.
  void set_addresses(const net::Address& client, const net::Address& server);
  /// From now on writing fails.
  void break_writing();

  /// The server let go of the stream.
  bool is_closed() const { return stream_ == nullptr; }
  bool is_being_read() const;
  /// What the server has given to be written and the peer hasn't taken; valid until the loop goes on.
  const std::vector<std::string_view>& being_written() const;
  /// Calls of try_write() and write(): system calls, if this were a socket.
  int write_calls() const { return write_calls_; }

 private:
  friend class MemoryStream;

  loop::Loop& loop_;
  std::unique_ptr<MemoryStream> made_;
  MemoryStream* stream_ = nullptr;
  std::deque<std::string> fragments_;
  std::size_t allowed_ = kEverything;
  int error_ = 0;
  int write_calls_ = 0;
  bool ends_ = false;
  bool is_writing_broken_ = false;
};

class MemoryStream final : public net::Stream {
 public:
  MemoryStream(loop::Loop& loop, MemoryClient& client);
  ~MemoryStream() override;

  void set_handler(net::StreamHandler* handler) override { handler_ = handler; }
  void start_reading() override;
  void stop_reading() override { is_reading_ = false; }
  bool is_peer_gone() const override { return client_ == nullptr || client_->error_ != 0; }
  std::ptrdiff_t try_write(std::span<const std::string_view> pieces) override;
  void write(std::span<const std::string_view> pieces) override;
  std::size_t unwritten() const override;
  void shut_write() override;
  void reset_on_close() override { resets_on_close_ = true; }
  net::Address local_address() const override { return local_; }
  net::Address peer_address() const override { return peer_; }

 private:
  friend class MemoryClient;
  void wake();
  void deliver();
  void deliver_write();
  void deliver_read();
  std::size_t take(std::string_view piece);

  loop::Loop& loop_;
  MemoryClient* client_;  // null once the test's end is gone
  net::Address local_, peer_;
  net::StreamHandler* handler_ = nullptr;
  // Active while there is something to tell: runs once a pass, before the steps, as the poll of a socket does.
  loop::Handle<uv_idle_t> poll_;
  std::vector<std::string_view> writing_;
  bool is_writing_ = false;
  bool is_reading_ = false;
  bool resets_on_close_ = false;
  bool is_ended_ = false;   // the end was told
  bool is_broken_ = false;  // the error was told
};

}  // namespace outrider::testing
