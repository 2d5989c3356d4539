// SPDX-License-Identifier: MIT
#pragma once

// The peer of a served connection, as a test plays it: over memory or over a real socket, with the same words.
//
// Thread: the loop's.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/address.h"

namespace outrider::testing {

class Client {
 public:
  virtual ~Client() = default;

  virtual void send(std::string_view bytes) = 0;
  /// Sends the end of the client's bytes; it goes on reading.
  virtual void end() = 0;
  /// Breaks the connection off.
  virtual void reset() = 0;
  /// Stops taking what the server sends, and takes it again.
  virtual void stop_taking() = 0;
  virtual void go_on_taking() = 0;
  /// Moves what can be moved.
  virtual void pump() = 0;

  /// Everything that came.
  const std::string& received() const { return received_; }
  /// Forgets what came, so that received() shows what follows.
  void forget() { received_.clear(); }
  /// The server closed its side, in order or not.
  bool is_ended() const { return is_ended_; }
  /// The server broke the connection off.
  bool was_reset() const { return was_reset_; }

 protected:
  std::string received_;
  bool is_ended_ = false;
  bool was_reset_ = false;
};

/// A client over a TCP or Unix socket, connected (or about to be) when this returns.
std::unique_ptr<Client> connect_socket(const net::Address& address);

}  // namespace outrider::testing
