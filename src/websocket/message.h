// SPDX-License-Identifier: MIT
#pragma once

// Bytes of a client in, messages and control frames out (RFC 6455 §5.4 to §5.6): fragments are joined, masks taken
// off, texts validated as they come, limits held.
//
// Thread: any, one at a time; a pool's readers all on one.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "base/result.h"
#include "outrider/limits.h"
#include "websocket/deflate.h"
#include "websocket/fault.h"
#include "websocket/frame.h"
#include "websocket/message_object.h"
#include "websocket/message_pool.h"
#include "websocket/utf8.h"

namespace outrider::websocket {

struct Message {
  Buffer payload;        ///< unless it lies in an object
  MessageObject object;  ///< of the face's; empty for most
  MessageType type = MessageType::Text;
  bool is_ascii = false;  ///< a text's bytes are, all of them

  std::string_view view() const { return object ? object.view() : payload.view(); }
};

class MessageReader {
 public:
  /// The limits and the pool must live as long as something is fed.
  MessageReader(const Limits& limits, MessagePool& pool) : limits_(limits), pool_(pool) {}

  /// From now on messages may be compressed. It must live as long as something is fed.
  void allow_compression(Compression& compression) {
    compression_ = &compression;
    heads_.allow_compression();
  }

  /// From now on large messages of one frame are received into objects of that maker's, which must live as long as
  /// anything is fed. Not for compressed ones.
  void use_objects(ObjectMaker& objects) { objects_ = &objects; }

  enum class Event : uint8_t {
    None,     ///< more is needed
    Message,  ///< take_message() has it
    Ping,     ///< control() is what it carries
    Pong,     ///< the same
    Close,    ///< the same; nothing may be fed behind it
  };
  struct Progress {
    std::size_t consumed;
    Event event;
  };
  /// Takes bytes up to the next event; at least one. They may be overwritten. After a fault nothing may be fed.
  Result<Progress, Fault> feed(std::span<char> bytes);
  /// Where the bytes of a long payload that come next can be put, to be fed from there, which saves copying them;
  /// empty when it isn't worth it. Valid until the next call.
  std::span<char> room();

  /// The message that was complete; once.
  Message take_message();
  /// Valid until the next feed().
  std::string_view control() const { return control_; }

  /// From now on messages are dropped unread, and the one under way is, too: only control frames count.
  void discard_messages();
  /// A frame has begun and isn't complete: nothing else can come from the peer before it is.
  bool is_in_frame() const { return state_ == State::Payload; }

 private:
  enum class State : uint8_t { Head, Payload };

  Result<Event, Fault> begin_frame();
  Result<Event, Fault> end_frame();
  Result<Event, Fault> take_payload(std::span<char> bytes);
  Result<Event, Fault> begin_data();
  void make_room();
  char* tail(std::size_t count);
  Result<Event, Fault> take_data(std::span<char> bytes);
  Result<Event, Fault> end_message();
  Result<Event, Fault> take_compressed(std::span<char> bytes);
  Result<Event, Fault> judge(Inflater::Outcome outcome, std::size_t size_before);

  const Limits& limits_;
  MessagePool& pool_;
  Compression* compression_ = nullptr;
  FrameHeadReader heads_;
  uint64_t taken_ = 0;  // of the frame's payload
  ObjectMaker* objects_ = nullptr;
  bool is_text_wide_ = false;  // there was a text in an object that wasn't ASCII; the next ones won't be either
  Buffer message_;
  MessageObject object_;  // instead of message_
  std::string control_;
  Utf8Validator utf8_;
  State state_ = State::Head;
  MessageType type_ = MessageType::Text;
  bool is_in_message_ = false;
  bool is_compressed_ = false;  // the message under way
  bool discards_messages_ = false;
};

}  // namespace outrider::websocket
