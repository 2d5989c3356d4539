// SPDX-License-Identifier: MIT
#pragma once

// A BlockingClient that speaks TLS, and trusts one authority.
//
// Thread: the one that made it.

#include <cstdint>
#include <string>
#include <string_view>

#include "net/tls_test_client.h"
#include "testing/blocking_client.h"

namespace outrider::testing {

struct SecuredClient {
  SecuredClient(uint16_t port, const std::string& ca_pem) : socket(port), tls({.ca_pem = ca_pem}) {}
  /// Of a Server, or what has its words.
  template <class S>
  explicit SecuredClient(const S& server) : SecuredClient(server.port(), server.ca_pem()) {}

  /// Until so much has come, or nothing comes any more.
  bool read_until(std::string_view text) {
    while (tls.received().find(text) == std::string::npos) {
      socket.send(tls.take_output());
      if (!socket.read_more()) return false;
      tls.receive(socket.received());
      socket.forget();
    }
    return true;
  }
  bool get(const std::string& path, std::string_view text) {
    while (!tls.is_connected()) {
      socket.send(tls.take_output());
      if (!socket.read_more()) return false;
      tls.receive(socket.received());
      socket.forget();
    }
    tls.write("GET " + path + " HTTP/1.1\r\nhost: localhost\r\n\r\n");
    return read_until(text);
  }

  BlockingClient socket;
  TlsTestClient tls;
};

}  // namespace outrider::testing
