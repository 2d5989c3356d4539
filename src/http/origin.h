// SPDX-License-Identifier: MIT
#pragma once

// Where a request comes from, as the trusted proxies in front of the server say.

#include <cstdint>
#include <string>
#include <string_view>

#include "net/address.h"

namespace outrider::http {

struct Origin {
  /// The client's; with the port 0 when nobody said it; none (AF_UNSPEC) when the proxies don't know the client, or
  /// don't tell.
  net::Address client;
  /// "http" or "https": how the client asked.
  std::string_view scheme;
  /// What the client named as the host; empty when the proxies say nothing of it: the request's own Host holds. A
  /// part of the request's head.
  std::string_view host;
  /// The port that belongs to `host`, when that came without one; 0: none.
  uint16_t port = 0;

  /// The host with its port, as a Host field has it.
  std::string authority() const {
    return port == 0 ? std::string(host) : std::string(host) + ":" + std::to_string(port);
  }
};

}  // namespace outrider::http
