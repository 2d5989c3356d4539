// SPDX-License-Identifier: MIT
#pragma once

// A Client that speaks TLS over a MemoryClient: what it sends and receives is the plain text.
//
// Thread: the loop's.

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "net/tls_test_client.h"
#include "testing/memory_stream.h"

namespace outrider::testing {

class TlsClient final : public Client {
 public:
  explicit TlsClient(loop::Loop& loop, const TlsClientOptions& options = {}) : memory_(loop), tls_(options) {}

  MemoryClient& memory() { return memory_; }
  void send(std::string_view bytes) override {
    waiting_ += bytes;
    pump();
  }
  void end() override {
    ends_ = true;
    pump();
  }
  void reset() override { memory_.reset(); }
  void stop_taking() override { memory_.stop_taking(); }
  void go_on_taking() override { memory_.go_on_taking(); }

  void pump() override {
    if (!memory_.received().empty()) {
      const std::string came = memory_.received();
      memory_.forget();
      tls_.receive(came);
      received_ += tls_.take_received();
    }
    if (tls_.is_connected() && !waiting_.empty()) tls_.write(std::exchange(waiting_, {}));
    const bool closes_now = ends_ && !has_closed_ && tls_.is_connected() && waiting_.empty();
    if (closes_now) tls_.close();
    memory_.send(tls_.take_output());
    if (closes_now) memory_.end();
    has_closed_ = has_closed_ || closes_now;
    is_ended_ = tls_.is_ended();
    was_reset_ = memory_.was_reset();
  }

 private:
  MemoryClient memory_;
  TlsTestClient tls_;
  std::string waiting_;
  bool ends_ = false;
  bool has_closed_ = false;
};

}  // namespace outrider::testing
