// SPDX-License-Identifier: MIT
#include "websocket/message.h"

#include <algorithm>
#include <utility>

namespace outrider::websocket {
namespace {

// Of what a frame says it will bring, this much is made room for at once: growing means copying. What isn't
// written to is no memory yet, should the peer not keep its word.
constexpr uint64_t kReserveMax = 1024 * 1024;

// From here on making an object before its bytes are there, and receiving into it, is worth it.
constexpr uint64_t kObjectMin = 16 * 1024;

// What is received at once: not so little that it isn't worth a system call, and not so much that the processor's
// cache has lost it when its mask is taken off.
constexpr uint64_t kRoomMin = 16 * 1024;
constexpr uint64_t kRoomMax = 128 * 1024;

}  // namespace

Result<MessageReader::Progress, Fault> MessageReader::feed(std::span<char> bytes) {
  std::size_t used = 0;
  while (used < bytes.size()) {
    Result<Event, Fault> event = Event::None;
    if (state_ == State::Head) {
      const auto progress = heads_.feed({bytes.data() + used, bytes.size() - used});
      if (!progress) return progress.error();
      used += progress.value().consumed;
      if (progress.value().is_complete) event = begin_frame();
    } else {
      const uint64_t left = heads_.head().length - taken_;
      const auto count = static_cast<std::size_t>(std::min<uint64_t>(left, bytes.size() - used));
      event = take_payload(bytes.subspan(used, count));
      used += count;
    }
    if (!event) return event.error();
    if (*event != Event::None) return Progress{used, *event};
  }
  return Progress{used, Event::None};
}

Result<MessageReader::Event, Fault> MessageReader::begin_frame() {
  const FrameHead& head = heads_.head();
  taken_ = 0;
  if (is_control(head.opcode)) {
    control_.clear();
  } else if (!discards_messages_) {
    const Result<Event, Fault> begun = begin_data();
    if (!begun) return begun;
  }
  if (head.length == 0) return end_frame();
  state_ = State::Payload;
  return Event::None;
}

// RFC 6455 §5.4: a message is one frame, or a first one and its continuations.
Result<MessageReader::Event, Fault> MessageReader::begin_data() {
  const FrameHead& head = heads_.head();
  const bool continues = head.opcode == Opcode::Continuation;
  if (continues && !is_in_message_) return Fault::ContinuationUnexpected;
  if (!continues && is_in_message_) return Fault::MessageUnfinished;
  if (!continues) {
    type_ = head.opcode == Opcode::Text ? MessageType::Text : MessageType::Binary;
    is_in_message_ = true;
    is_compressed_ = head.is_compressed;
  }
  const std::size_t frame_max = limits_.websocket_frame_bytes_max;
  if (frame_max != 0 && head.length > frame_max) return Fault::FrameTooLong;
  // Known before the first byte of it comes. What is compressed is measured as it is inflated.
  if (!is_compressed_ && head.length > limits_.websocket_message_bytes_max - message_.size()) {
    return Fault::MessageTooLong;
  }
  make_room();
  return Event::None;
}

void MessageReader::make_room() {
  const FrameHead& head = heads_.head();
  const bool is_whole = head.is_final && head.opcode != Opcode::Continuation;
  const auto size = static_cast<std::size_t>(std::min(head.length, kReserveMax));
  const bool may_be_kept = type_ == MessageType::Binary || !is_text_wide_;
  if (objects_ != nullptr && may_be_kept && is_whole && !is_compressed_ && head.length >= kObjectMin &&
      head.length == size) {
    object_ = MessageObject(*objects_, type_, size);
    if (object_) return;
  }
  if (message_.capacity() == 0) message_ = pool_.acquire(size);
  if (!is_compressed_) message_.reserve(size);
}

// Where the next bytes of the message go.
char* MessageReader::tail(std::size_t count) { return object_ ? object_.bytes() + taken_ : message_.reserve(count); }

std::span<char> MessageReader::room() {
  if (state_ != State::Payload || is_control(heads_.head().opcode) || is_compressed_ || discards_messages_) return {};
  const uint64_t left = heads_.head().length - taken_;
  if (left < kRoomMin) return {};
  const auto size = static_cast<std::size_t>(std::min(left, kRoomMax));
  return {tail(size), size};
}

Result<MessageReader::Event, Fault> MessageReader::take_payload(std::span<char> bytes) {
  const FrameHead& head = heads_.head();
  if (is_control(head.opcode)) {
    apply_mask(bytes, head.mask, taken_);
    control_.append(bytes.data(), bytes.size());
  } else if (!discards_messages_) {
    const Result<Event, Fault> taken = take_data(bytes);
    if (!taken) return taken;
  }
  taken_ += bytes.size();
  return taken_ == head.length ? end_frame() : Event::None;
}

Result<MessageReader::Event, Fault> MessageReader::take_data(std::span<char> bytes) {
  if (is_compressed_) return take_compressed(bytes);
  char* to = tail(bytes.size());
  const Mask& mask = heads_.head().mask;
  const bool is_ascii = bytes.data() == to ? apply_mask(bytes, mask, taken_) : copy_masked(bytes, to, mask, taken_);
  if (!object_) message_.commit(bytes.size());
  // RFC 6455 §8.1. At once, so that a peer doesn't send for nothing.
  if (type_ != MessageType::Text || (is_ascii && utf8_.is_complete())) return Event::None;
  if (!utf8_.feed({to, bytes.size()})) return Fault::TextNotUtf8;
  return Event::None;
}

Result<MessageReader::Event, Fault> MessageReader::take_compressed(std::span<char> bytes) {
  apply_mask(bytes, heads_.head().mask, taken_);
  const std::size_t before = message_.size();
  return judge(compression_->inflate({bytes.data(), bytes.size()}, message_, limits_.websocket_message_bytes_max),
               before);
}

Result<MessageReader::Event, Fault> MessageReader::judge(Inflater::Outcome outcome, std::size_t size_before) {
  if (outcome == Inflater::Outcome::TooLong) return Fault::MessageTooLong;
  if (outcome == Inflater::Outcome::Invalid) return Fault::CompressionInvalid;
  if (type_ == MessageType::Text && !utf8_.feed(message_.view().substr(size_before))) return Fault::TextNotUtf8;
  return Event::None;
}

Result<MessageReader::Event, Fault> MessageReader::end_frame() {
  state_ = State::Head;
  switch (heads_.head().opcode) {
    case Opcode::Close:
      return Event::Close;
    case Opcode::Ping:
      return Event::Ping;
    case Opcode::Pong:
      return Event::Pong;
    default:
      return heads_.head().is_final && !discards_messages_ ? end_message() : Event::None;
  }
}

Result<MessageReader::Event, Fault> MessageReader::end_message() {
  is_in_message_ = false;
  if (is_compressed_) {
    const std::size_t before = message_.size();
    const Result<Event, Fault> judged =
        judge(compression_->end_message(message_, limits_.websocket_message_bytes_max), before);
    if (!judged) return judged;
  }
  if (!utf8_.is_complete()) return Fault::TextNotUtf8;
  return Event::Message;
}

Message MessageReader::take_message() {
  const bool is_ascii = utf8_.is_ascii();
  utf8_.reset();
  if (object_ && !is_ascii) is_text_wide_ = true;
  return {std::exchange(message_, {}), std::move(object_), type_, is_ascii};
}

void MessageReader::discard_messages() {
  discards_messages_ = true;
  message_.recycle(0);
  object_.reset();
}

}  // namespace outrider::websocket
