// SPDX-License-Identifier: MIT
#include "websocket/shared_message.h"

#include <array>
#include <atomic>
#include <string>

#include "websocket/frame.h"

namespace outrider::websocket {

struct SharedMessage::Block {
  std::atomic<std::size_t> shares{1};
  MessageType type;
  std::size_t head_size;
  std::string frame;
};

SharedMessage::SharedMessage(MessageType type, std::string_view payload) : block_(new Block) {
  std::array<char, kHeadBytesMax> head;
  block_->type = type;
  block_->head_size =
      write_frame_head(head.data(), type == MessageType::Text ? Opcode::Text : Opcode::Binary, false, payload.size());
  block_->frame.reserve(block_->head_size + payload.size());
  block_->frame.append(head.data(), block_->head_size).append(payload);
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

MessageType SharedMessage::type() const { return block_->type; }

std::string_view SharedMessage::payload() const { return std::string_view(block_->frame).substr(block_->head_size); }

http::Piece SharedMessage::frame() const {
  block_->shares.fetch_add(1, std::memory_order_relaxed);
  return {block_->frame, block_, release};
}

}  // namespace outrider::websocket
