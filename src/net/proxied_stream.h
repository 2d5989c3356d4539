// SPDX-License-Identifier: MIT
#pragma once

// A Stream that begins with a PROXY header: takes it off the front, then shows the addresses that it names as its
// own. Once it is off, bytes go straight from the stream below to the owner.
//
// A connection whose header isn't one, or doesn't come in time, ends in on_error(): its owner gets none of its bytes.
//
// Thread: loop only.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "base/buffer.h"
#include "loop/deadline.h"
#include "net/proxy_protocol.h"
#include "net/stream.h"

namespace outrider::net {

/// What the proxied streams of an engine share. Lives longer than any of them.
struct ProxyReception {
  loop::DeadlineWheel& deadlines;
  uint64_t header_timeout_ms;  // from the start of reading to the end of the header; 0: no limit
  /// Called with the address of a proxy, as the kernel knows it, whose connection is refused.
  std::function<void(const Address& proxy, std::string_view reason)> on_refused = {};
};

class ProxiedStream final : public Stream, private StreamHandler, private loop::Deadline {
 public:
  ProxiedStream(std::unique_ptr<Stream> below, ProxyReception& reception);
  ~ProxiedStream() override;

  void set_handler(StreamHandler* handler) override;
  void start_reading() override;
  void stop_reading() override;
  bool is_peer_gone() const override { return below_->is_peer_gone(); }
  std::ptrdiff_t try_write(std::span<const std::string_view> pieces) override { return below_->try_write(pieces); }
  std::ptrdiff_t try_send_file(const FilePart& part) override { return below_->try_send_file(part); }
  void write(std::span<const std::string_view> pieces) override { below_->write(pieces); }
  std::size_t unwritten() const override { return below_->unwritten(); }
  void shut_write() override { below_->shut_write(); }
  void reset_on_close() override { below_->reset_on_close(); }
  Address local_address() const override;
  Address peer_address() const override;
  PeerKnowledge peer_knowledge() const override;

 private:
  // StreamHandler, as long as the header isn't complete
  void on_data(std::span<char> bytes) override;
  void on_end() override { handler_->on_end(); }
  void on_error(int code) override { handler_->on_error(code); }
  void on_write_done(int code) override { handler_->on_write_done(code); }
  // loop::Deadline
  void on_deadline() override;

  void refuse(std::string_view reason, int code);
  bool is_named() const { return header_.client == ProxyHeader::Client::Named; }

  std::unique_ptr<Stream> below_;
  ProxyReception& reception_;
  StreamHandler* handler_ = nullptr;
  Buffer received_;  // of a header that came in pieces
  ProxyHeader header_;
  bool has_header_ = false;
};

}  // namespace outrider::net
