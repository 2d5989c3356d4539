// SPDX-License-Identifier: MIT
#pragma once

// The smallest application, whether a server answers with it, and a flag that threads wait for.

#include <atomic>
#include <cstdint>
#include <string>

#include "outrider/app.h"
#include "testing/blocking_client.h"

namespace outrider::testing {

/// "/" answers with `text`.
inline App hello_app(const std::string& text = "hello") {
  App app;
  app.get("/", [text] { return text; });
  return app;
}

/// Whether a new connection's request is answered with something that has `text` in it.
inline bool answers(uint16_t port, const std::string& path = "/", const std::string& text = "hello") {
  BlockingClient client(port);
  if (!client.is_connected()) return false;
  client.get(path);
  return client.read_until(text);
}

/// Set once; others wait for that.
class Flag {
 public:
  void set() {
    is_set_ = true;
    is_set_.notify_all();
  }
  void wait() const { is_set_.wait(false); }
  bool is_set() const { return is_set_; }

 private:
  std::atomic<bool> is_set_ = false;
};

}  // namespace outrider::testing
