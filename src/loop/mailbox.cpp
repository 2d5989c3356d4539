// SPDX-License-Identifier: MIT
#include "loop/mailbox.h"

#include "base/check.h"
#include "loop/loop.h"

namespace outrider::loop {

Mailbox::Mailbox(Loop& loop) : loop_(loop) {
  const int status = uv_async_init(loop.raw(), wake_.get(), &Mailbox::wake_cb);
  OUTRIDER_CHECK(status == 0);
  wake_.opened(this);
}

Mailbox::~Mailbox() { close(); }

bool Mailbox::post(Message message) {
  const std::lock_guard lock(mutex_);
  if (is_closed_) return false;
  messages_.push_back(std::move(message));
  // Under the lock, so that close() can't free the handle between the check and the call.
  if (messages_.size() == 1) uv_async_send(wake_.get());
  return true;
}

void Mailbox::close() {
  deliver();
  // Refused from here on, so that other threads can't prolong this for ever.
  std::vector<Message> last;
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    last.swap(messages_);
  }
  for (Message& message : last) message();
  wake_.close();
}

void Mailbox::wake_cb(uv_async_t* handle) {
  if (handle->data != nullptr) static_cast<Mailbox*>(handle->data)->deliver();
}

void Mailbox::deliver() {
  std::vector<Message> messages;
  {
    const std::lock_guard lock(mutex_);
    messages.swap(messages_);
  }
  for (Message& message : messages) message();
}

}  // namespace outrider::loop
