// SPDX-License-Identifier: MIT
#pragma once

// How much a server takes on at once, counted over all of its loop threads: connections, those from one address, and
// requests that are being answered. What has no limit isn't counted.
//
// Thread: any.

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "net/address.h"
#include "outrider/limits.h"

namespace outrider::server {

/// What is counted as one client: an IPv4 address, or an IPv6 network of 64 bits; an IPv4 address within IPv6 is the
/// former. Nothing for other addresses.
std::optional<std::string> client_key(const net::Address& address);

class Admission : public std::enable_shared_from_this<Admission> {
 public:
  explicit Admission(const Limits& limits);

  bool limits_connections() const { return connections_max_ != 0 || per_address_max_ != 0; }
  bool limits_addresses() const { return per_address_max_ != 0; }
  /// Counts one more connection, as long as the result lives; null when there are enough. `peer` matters only if
  /// limits_addresses().
  std::shared_ptr<const void> admit(const net::Address& peer);

  /// Counts one more request; false when there were enough already. It is counted nevertheless, until end_exchange().
  bool begin_exchange() { return exchanges_max_ == 0 || exchanges_.fetch_add(1) < exchanges_max_; }
  void end_exchange() {
    if (exchanges_max_ != 0) exchanges_.fetch_sub(1);
  }

 private:
  void leave(const std::optional<std::string>& key);

  const std::size_t connections_max_;
  const std::size_t per_address_max_;
  const std::size_t exchanges_max_;
  std::atomic<std::size_t> exchanges_ = 0;
  std::mutex mutex_;  // guards the rest
  std::size_t connections_ = 0;
  std::unordered_map<std::string, std::size_t> per_address_;
};

}  // namespace outrider::server
