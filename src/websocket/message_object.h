// SPDX-License-Identifier: MIT
#pragma once

// An object of a face's, such as Python's bytes, that a large message is received into, so that it needn't be copied
// into one afterwards.
//
// Thread: the connection's, and once the session is over any; with the host's lock where there is one.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace outrider::websocket {

enum class MessageType : uint8_t { Text, Binary };

/// Makes them, for a face. Lives longer than any session.
class ObjectMaker {
 public:
  struct Object {
    void* object = nullptr;  ///< null when there is none to be had
    char* bytes = nullptr;   ///< where its content goes
  };
  /// One that will have exactly so many bytes. Those of a text are to be ASCII: when they turn out not to be, the
  /// object is released, and its bytes are the message until then.
  virtual Object make(MessageType type, std::size_t size) = 0;
  virtual void release(void* object) = 0;

 protected:
  ~ObjectMaker() = default;
};

class MessageObject {
 public:
  MessageObject() = default;
  /// Empty when the maker has none.
  MessageObject(ObjectMaker& maker, MessageType type, std::size_t size)
      : maker_(&maker), object_(maker.make(type, size)), size_(size) {}
  ~MessageObject() { reset(); }
  MessageObject(MessageObject&& other) noexcept
      : maker_(other.maker_), object_(std::exchange(other.object_, {})), size_(other.size_) {}
  MessageObject& operator=(MessageObject&& other) noexcept {
    std::swap(maker_, other.maker_);
    std::swap(object_, other.object_);
    std::swap(size_, other.size_);
    return *this;
  }
  MessageObject(const MessageObject&) = delete;
  MessageObject& operator=(const MessageObject&) = delete;

  explicit operator bool() const { return object_.object != nullptr; }
  void* get() const { return object_.object; }
  char* bytes() const { return object_.bytes; }
  std::string_view view() const { return {object_.bytes, size_}; }
  void reset() {
    if (object_.object != nullptr) maker_->release(std::exchange(object_, {}).object);
  }

 private:
  ObjectMaker* maker_ = nullptr;
  ObjectMaker::Object object_;
  std::size_t size_ = 0;
};

}  // namespace outrider::websocket
