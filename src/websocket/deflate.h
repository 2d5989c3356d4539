// SPDX-License-Identifier: MIT
#pragma once

// permessage-deflate (RFC 7692 §7.2): the payloads of messages compressed and inflated, by zlib.
//
// What it costs: a context that is kept between messages (takeover) belongs to its connection, from the first message
// that needs it. Without takeover it is lent by a pool, for a message.
//
// Thread: a connection's and its pool's, all on one.

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "outrider/websocket_deflate.h"
#include "websocket/deflate_offer.h"

struct z_stream_s;

namespace outrider::websocket {

class Deflater {
 public:
  Deflater(const WebSocketDeflate& config, int window_bits);
  ~Deflater();
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  /// Appends the compressed message, which isn't empty.
  void compress(std::string_view payload, Buffer& to);
  /// What was compressed is forgotten: the next message doesn't refer to it.
  void reset();

 private:
  std::unique_ptr<z_stream_s> stream_;
};

class Inflater {
 public:
  /// For peers that compress with windows of up to so many bits.
  explicit Inflater(int window_bits);
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  enum class Outcome { Fine, Invalid, TooLong };
  /// Appends what more of a message's bytes inflate to; `to` isn't let grow beyond `size_max`.
  Outcome inflate(std::string_view compressed, Buffer& to, std::size_t size_max);
  /// The message is complete.
  Outcome end_message(Buffer& to, std::size_t size_max);
  void reset();

 private:
  std::unique_ptr<z_stream_s> stream_;
  bool is_behind_final_ = false;  // of a block that says it is the last one
};

/// Contexts for those that keep none between messages.
class DeflatePool {
 public:
  /// The same for all messages that are compressed for themselves; they are so one after the other.
  Deflater& deflater(const WebSocketDeflate& config, int window_bits);
  std::unique_ptr<Inflater> acquire_inflater();
  void release_inflater(std::unique_ptr<Inflater> inflater);

 private:
  std::unique_ptr<Deflater> deflaters_[16];  // by window bits
  std::vector<std::unique_ptr<Inflater>> spare_;
};

/// Both directions of a connection.
class Compression {
 public:
  /// The configuration and the pool must live as long as something is compressed or inflated.
  Compression(const WebSocketDeflate& config, DeflatePool& pool, const DeflateAgreement& agreement);

  int server_window_bits() const { return server_window_bits_; }
  /// Whether a message of that size is to be compressed.
  bool is_worth(std::size_t size) const { return size >= config_.message_bytes_min && size > 0; }
  void compress(std::string_view payload, Buffer& to);
  /// A message is sent that was compressed without the context. The peer's window has it, and ours hasn't: what we
  /// compress next must not refer to anything before it.
  void on_foreign_message() { is_stale_ = true; }

  Inflater::Outcome inflate(std::string_view compressed, Buffer& to, std::size_t size_max);
  Inflater::Outcome end_message(Buffer& to, std::size_t size_max);

 private:
  Inflater& inflater();

  const WebSocketDeflate& config_;
  DeflatePool& pool_;
  std::unique_ptr<Deflater> deflater_;
  std::unique_ptr<Inflater> inflater_;
  int server_window_bits_;
  int client_window_bits_;
  bool keeps_server_context_;
  bool keeps_client_context_;
  bool is_stale_ = false;
};

}  // namespace outrider::websocket
