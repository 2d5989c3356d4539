// SPDX-License-Identifier: MIT
#include "websocket/sender.h"

#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "loop/host_lock.h"
#include "websocket/deflate.h"
#include "websocket/service.h"
#include "websocket/shared_message.h"

namespace outrider::websocket {
namespace {

using http::More;

// Payloads up to this size are put behind their head before both are written in one go.
constexpr std::size_t kJoinMax = 1024;

// From here on compressing takes long enough to let the program's other threads go on meanwhile.
constexpr std::size_t kLongCompression = 16 * 1024;

}  // namespace

void Sender::send(MessageType type, http::Piece payload) {
  const Opcode opcode = type == MessageType::Text ? Opcode::Text : Opcode::Binary;
  if (compression_ != nullptr && compression_->is_worth(payload.bytes.size()))
    return send_compressed(opcode, payload);
  send_frame(opcode, payload);
}

void Sender::send(const SharedMessage& message) {
  if (compression_ == nullptr || !compression_->is_worth(message.payload().size())) {
    exchange_.write(message.frame(), More::Yes);
    return;
  }
  if (message.compressed_bits() == 0) {
    const int bits = service_.deflate.server_max_window_bits;
    Buffer compressed = service_.messages.acquire(message.payload().size());
    {
      const loop::Unlocked unlocked(service_.loop, message.payload().size() >= kLongCompression);
      service_.contexts.deflater(service_.deflate, bits).compress(message.payload(), compressed);
    }
    message.set_compressed(compressed.view(), bits);
    service_.release(std::move(compressed));
  }
  if (message.compressed_bits() > compression_->server_window_bits()) {
    return send_compressed(message.opcode(), {message.payload(), nullptr, nullptr});  // a window too large for it
  }
  compression_->on_foreign_message();
  exchange_.write(message.compressed_frame(), More::Yes);
}

void Sender::send_compressed(Opcode opcode, http::Piece payload) {
  Buffer compressed = service_.messages.acquire(payload.bytes.size());
  compress(payload.bytes, compressed);
  if (payload.owner != nullptr) payload.release(payload.owner);
  std::array<char, kHeadBytesMax> head;
  const std::size_t size = write_frame_head(head.data(), opcode, true, compressed.size());
  exchange_.write({{head.data(), size}, nullptr, nullptr}, More::Yes);
  exchange_.write({compressed.view(), nullptr, nullptr}, More::Yes);
  service_.release(std::move(compressed));
}

void Sender::compress(std::string_view payload, Buffer& to) {
  if (payload.size() < kLongCompression) return compression_->compress(payload, to);
  // Without the lock nothing of the application's may be read.
  Buffer copy = service_.messages.acquire(payload.size());
  copy.append(payload);
  {
    const loop::Unlocked unlocked(service_.loop);
    compression_->compress(copy.view(), to);
  }
  service_.release(std::move(copy));
}

void Sender::send_frame(Opcode opcode, http::Piece payload) {
  std::array<char, kHeadBytesMax + kJoinMax> joined;
  std::size_t size = write_frame_head(joined.data(), opcode, false, payload.bytes.size());
  const bool is_small = payload.bytes.size() <= kJoinMax;
  if (is_small && !payload.bytes.empty()) {
    std::memcpy(joined.data() + size, payload.bytes.data(), payload.bytes.size());
    size += payload.bytes.size();
  }
  exchange_.write({{joined.data(), size}, nullptr, nullptr}, More::Yes);
  if (!is_small) {
    exchange_.write(payload, More::Yes);
  } else if (payload.owner != nullptr) {
    payload.release(payload.owner);
  }
}

void Sender::send_control(Opcode opcode, std::string_view payload) {
  OUTRIDER_CHECK(payload.size() <= kControlBytesMax);
  send_frame(opcode, {payload, nullptr, nullptr});
}

}  // namespace outrider::websocket
