// SPDX-License-Identifier: MIT
#pragma once

// A TLS stream over memory on a loop that the test turns, and its owner, who writes down what it is told and can
// echo.
//
// Thread: the test's.

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loop/loop.h"
#include "net/tls_stream.h"
#include "net/tls_test_client.h"
#include "net/write_queue.h"
#include "testing/memory_stream.h"

namespace outrider::testing {

/// Made once: keys take their time.
inline const TlsConfig& throw_away_config() {
  static const TlsConfig config = TlsConfig::throw_away();
  return config;
}

class TlsOwner final : public net::StreamHandler {
 public:
  void on_data(std::span<char> bytes) override {
    data.append(bytes.data(), bytes.size());
    if (echoes) write(std::string_view(bytes.data(), bytes.size()));
    std::fill(bytes.begin(), bytes.end(), '\xAA');
    if (on_data_do) on_data_do();
  }
  void on_end() override {
    is_ended = true;
    if (on_end_do) on_end_do();
  }
  void on_error(int code) override {
    error = code;
    if (on_error_do) on_error_do();
  }
  void on_write_done(int code) override {
    write_code = code;
    ++writes_done;
    queue.on_write_done();
    if (code == 0) flush();
  }

  void write(std::string_view bytes) {
    queue.buffer().append(bytes);
    flush();
  }
  void flush() {
    if (queue.flush(*stream) == net::WriteQueue::Flush::Broken) is_broken = true;
  }

  net::BufferPool pool;
  net::WriteQueue queue{pool};
  net::Stream* stream = nullptr;
  std::string data;
  bool echoes = false;
  bool is_ended = false;
  bool is_broken = false;
  int error = 0;
  int write_code = -1;
  int writes_done = 0;
  std::function<void()> on_data_do, on_end_do, on_error_do;
};

class TlsTestServer {
 public:
  explicit TlsTestServer(const TlsConfig& config = throw_away_config(), std::size_t handshakes_max = 0,
                         uint64_t timeout_ms = 0)
      : TlsTestServer(std::make_shared<net::TlsContexts>(config), handshakes_max, timeout_ms) {}
  explicit TlsTestServer(std::shared_ptr<net::TlsContexts> with, std::size_t handshakes_max = 0,
                         uint64_t timeout_ms = 0)
      : contexts(std::move(with)),
        handshakes(std::make_shared<net::TlsHandshakes>(handshakes_max)),
        reception(loop, deadlines, contexts, handshakes, {timeout_ms, 50},
                  [this](const net::Address&, std::string_view reason) { refused.emplace_back(reason); }) {}

  void settle() {
    for (int quiet = 0; quiet < 3;) quiet = loop.pass().count() == 0 ? 0 : quiet + 1;
  }

  loop::Loop loop;
  loop::DeadlineWheel deadlines{loop};
  std::vector<std::string> refused;
  std::shared_ptr<net::TlsContexts> contexts;
  std::shared_ptr<net::TlsHandshakes> handshakes;
  net::TlsReception reception;
};

/// One connection of it.
class TlsTestConnection {
 public:
  explicit TlsTestConnection(TlsTestServer& server, const TlsClientOptions& options = {})
      : server_(server), memory(server.loop), client(options) {
    stream = std::make_unique<net::TlsStream>(memory.take_stream(), server.reception);
    owner.stream = stream.get();
    stream->set_handler(&owner);
    stream->start_reading();
  }

  /// Bytes both ways until both sides are silent; the client's are cut into so many at a time.
  void turn(std::size_t fragment = 0) {
    while (true) {
      const std::string output = client.take_output();
      if (fragment == 0) {
        memory.send(output);
      } else {
        memory.send_cut(output, fragment);
      }
      server_.settle();
      const std::string received = memory.received();
      memory.forget();
      client.receive(received);
      if (output.empty() && received.empty()) return;
    }
  }

 private:
  TlsTestServer& server_;

 public:
  testing::MemoryClient memory;
  TlsTestClient client;
  TlsOwner owner;
  std::unique_ptr<net::TlsStream> stream;
};

}  // namespace outrider::testing
