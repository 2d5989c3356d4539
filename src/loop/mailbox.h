// SPDX-License-Identifier: MIT
#pragma once

// The bridge from other threads to a loop: post() either leads to the function being run on the loop's thread, or
// tells the caller that the loop has ended. There is no third outcome: what is posted before close() runs, at the
// latest inside close().

#include <uv.h>

#include <functional>
#include <mutex>
#include <vector>

#include "loop/handle.h"

namespace outrider::loop {

class Loop;

class Mailbox {
 public:
  using Message = std::function<void()>;

  explicit Mailbox(Loop& loop);
  ~Mailbox();

  /// Runs `message` on the loop's thread, in the order of the posts. False: the loop has ended and `message` will
  /// not run. Thread: any; not from a signal handler (it takes a mutex).
  bool post(Message message);

  /// Runs what was posted so far, then refuses. Thread: loop only. A second call does nothing.
  void close();

 private:
  static void wake_cb(uv_async_t* handle);
  void deliver();

  Loop& loop_;
  Handle<uv_async_t> wake_;
  std::mutex mutex_;  // guards messages_ and is_closed_: the two fields that other threads touch
  std::vector<Message> messages_;
  bool is_closed_ = false;
};

}  // namespace outrider::loop
