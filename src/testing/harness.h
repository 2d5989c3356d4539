// SPDX-License-Identifier: MIT
#pragma once

// A server on the test's own thread: a loop that the test turns pass by pass, an engine with a recording application,
// and clients over memory, TCP or Unix sockets. Nothing sleeps: the test runs passes until what it waits for is
// there, and waits for the kernel only as long as nothing is ready.
//
// A template, because this library lies below the server's layer: Engine is server::Engine.
//
// Thread: the test's.

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "loop/loop.h"
#include "net/socket.h"
#include "outrider/limits.h"
#include "outrider/stop.h"
#include "testing/client.h"
#include "testing/memory_stream.h"
#include "testing/recording_application.h"
#include "testing/temporary_folder.h"

namespace outrider::testing {

enum class Transport { Memory, Tcp, Unix };

template <class Engine>
class Harness {
 public:
  explicit Harness(const Limits& limits = {}, Transport transport = Transport::Memory)
      : transport_(transport), engine_(std::make_unique<Engine>(loop_, limits, application_)) {
    loop_.on_pass_needed([](void* self) { static_cast<Harness*>(self)->is_pass_needed_ = true; }, this);
    // Responses are then the same at any time and in any version.
    engine_->service().sends_date = false;
    engine_->service().set_server({});
    if (transport == Transport::Memory) return;
    net::BoundSocket socket = transport == Transport::Tcp
                                  ? net::BoundSocket::tcp("127.0.0.1", 0, net::PortSharing::Exclusive)
                                  : net::BoundSocket::unix_path(folder_.path_of("socket"));
    address_ = socket.address();
    engine_->add_socket(std::move(socket));
    engine_->start_listening(16);
  }

  loop::Loop& loop() { return loop_; }
  Engine& engine() { return *engine_; }
  RecordingApplication& application() { return application_; }
  const net::Address& address() const { return address_; }

  /// A new client.
  Client& connect() {
    if (transport_ == Transport::Memory) return connect_memory();
    clients_.push_back(connect_socket(address_));
    return *clients_.back();
  }
  MemoryClient& connect_memory(const net::Address& client_address = {}, const net::Address& server_address = {}) {
    auto client = std::make_unique<MemoryClient>(loop_);
    MemoryClient& connected = *client;
    connected.set_addresses(client_address, server_address);
    clients_.push_back(std::move(client));
    engine_->serve(connected.take_stream());
    return connected;
  }
  /// A client of the test's own making, whose other end is served already.
  Client& add(std::unique_ptr<Client> client) {
    clients_.push_back(std::move(client));
    return *clients_.back();
  }
  /// Lets go of all clients.
  void forget_clients() { clients_.clear(); }
  /// Sends, and runs passes until nothing more happens.
  void exchange(Client& client, std::string_view bytes) {
    client.send(bytes);
    settle();
  }

  /// Runs passes until `is_there()`; false when that takes longer than the bound.
  template <class Condition>
  bool run_until(Condition is_there, std::chrono::milliseconds bound = std::chrono::seconds(10)) {
    const auto end = std::chrono::steady_clock::now() + bound;
    while (true) {
      const std::chrono::milliseconds next = pass();
      if (is_there()) return true;
      if (std::chrono::steady_clock::now() > end) return false;
      wait(next);
    }
  }
  /// Runs passes until one has nothing to do. Over sockets the kernel may have more later.
  void settle() {
    int quiet = 0;
    while (quiet < 3) quiet = pass().count() == 0 || has_work() ? 0 : quiet + 1;
  }

  /// Begins to stop; drained() tells when that is over, and how it went.
  void drain(const StopPolicy& policy) {
    engine_->drain(policy, [this](const StopReport& report) { reports_.push_back(report); });
  }
  const std::vector<StopReport>& reports() const { return reports_; }

 private:
  std::chrono::milliseconds pass() {
    for (const auto& client : clients_) client->pump();
    is_pass_needed_ = false;
    const std::chrono::milliseconds next = loop_.pass();
    for (const auto& client : clients_) client->pump();
    return next;
  }
  bool has_work() {
    pollfd entry{loop_.backend_fd(), POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1;
  }
  void wait(std::chrono::milliseconds next) {
    if (is_pass_needed_) return;
    // Clients over sockets are looked after every few milliseconds; those in memory ask for a pass themselves.
    const int longest = transport_ == Transport::Memory ? 100 : 2;
    const int delay = next.count() < 0 ? longest : static_cast<int>(std::min<int64_t>(next.count(), longest));
    pollfd entry{loop_.backend_fd(), POLLIN, 0};
    ::poll(&entry, 1, delay);
  }

  Transport transport_;
  bool is_pass_needed_ = false;
  TemporaryFolder folder_;
  loop::Loop loop_;
  RecordingApplication application_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<StopReport> reports_;
  net::Address address_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace outrider::testing
