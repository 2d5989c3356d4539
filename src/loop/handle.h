// SPDX-License-Identifier: MIT
#pragma once

// RAII over libuv handles. uv_close() is asynchronous and the handle's memory must outlive it, so a Handle owns a
// heap block that the close callback frees: destroying a Handle asks for the close and never waits.
//
// Thread: loop only.

#include <uv.h>

#include <utility>

namespace outrider::loop {

template <class T>
class Handle {
 public:
  /// An allocated handle that libuv doesn't know yet: initialize it with uv_xxx_init(loop, handle.get()), then
  /// say so with opened(); from then on it is closed through libuv.
  Handle() : raw_(new T{}) {}
  ~Handle() { close(); }

  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  T* get() const { return raw_; }
  uv_handle_t* base() const { return reinterpret_cast<uv_handle_t*>(raw_); }
  bool is_open() const { return raw_ != nullptr && opened_; }

  /// To be called once libuv's init function succeeded; `owner` is what callbacks find in handle->data.
  void opened(void* owner) {
    raw_->data = owner;
    opened_ = true;
  }

  /// No callback reaches the owner after this returns.
  void close() {
    T* raw = std::exchange(raw_, nullptr);
    if (raw == nullptr) return;
    if (!opened_) {
      delete raw;
      return;
    }
    raw->data = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(raw), &Handle::closed_cb);
  }

 private:
  static void closed_cb(uv_handle_t* handle) { delete reinterpret_cast<T*>(handle); }

  T* raw_;
  bool opened_ = false;
};

}  // namespace outrider::loop
