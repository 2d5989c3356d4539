// SPDX-License-Identifier: MIT
#include "websocket/shared_message.h"

#include <array>
#include <atomic>
#include <memory>
#include <string>

namespace outrider::websocket {

namespace {

// RFC 6455 §5.2: the whole of it.
std::string make_frame(Opcode opcode, bool is_compressed, std::string_view payload) {
  std::array<char, kHeadBytesMax> head;
  const std::size_t head_size = write_frame_head(head.data(), opcode, is_compressed, payload.size());
  std::string frame;
  frame.reserve(head_size + payload.size());
  return frame.append(head.data(), head_size).append(payload);
}

}  // namespace

struct SharedMessage::Block {
  struct Compressed {
    int window_bits;
    std::string frame;
  };

  ~Block() { delete compressed.load(std::memory_order_relaxed); }

  std::atomic<std::size_t> shares{1};
  // Set once. No lock: who has to wait for it may hold one that the other needs, the interpreter's.
  std::atomic<const Compressed*> compressed{nullptr};
  Opcode opcode{};
  std::size_t head_size = 0;
  std::string frame;
};

SharedMessage::SharedMessage(MessageType type, std::string_view payload) : block_(new Block) {
  block_->opcode = type == MessageType::Text ? Opcode::Text : Opcode::Binary;
  block_->frame = make_frame(block_->opcode, false, payload);
  block_->head_size = block_->frame.size() - payload.size();
}

SharedMessage::SharedMessage(const SharedMessage& other) noexcept : block_(other.block_) {
  block_->shares.fetch_add(1, std::memory_order_relaxed);
}

SharedMessage& SharedMessage::operator=(const SharedMessage& other) noexcept {
  other.block_->shares.fetch_add(1, std::memory_order_relaxed);
  release(block_);
  block_ = other.block_;
  return *this;
}

SharedMessage::~SharedMessage() { release(block_); }

void SharedMessage::release(void* block) {
  auto* held = static_cast<Block*>(block);
  // The last one must see what the others did before they let go.
  if (held->shares.fetch_sub(1, std::memory_order_acq_rel) == 1) delete held;
}

Opcode SharedMessage::opcode() const { return block_->opcode; }

std::string_view SharedMessage::payload() const { return std::string_view(block_->frame).substr(block_->head_size); }

http::Piece SharedMessage::frame() const {
  block_->shares.fetch_add(1, std::memory_order_relaxed);
  return {block_->frame, block_, release};
}

int SharedMessage::compressed_bits() const {
  const Block::Compressed* compressed = block_->compressed.load(std::memory_order_acquire);
  return compressed == nullptr ? 0 : compressed->window_bits;
}

void SharedMessage::set_compressed(std::string_view payload, int window_bits) const {
  auto made = std::make_unique<const Block::Compressed>(
      Block::Compressed{window_bits, make_frame(block_->opcode, true, payload)});
  const Block::Compressed* none = nullptr;
  if (block_->compressed.compare_exchange_strong(none, made.get(), std::memory_order_acq_rel)) {
    static_cast<void>(made.release());
  }
}

http::Piece SharedMessage::compressed_frame() const {
  block_->shares.fetch_add(1, std::memory_order_relaxed);
  return {block_->compressed.load(std::memory_order_acquire)->frame, block_, release};
}

}  // namespace outrider::websocket
