// SPDX-License-Identifier: MIT
#pragma once

// The TLS of one server: what all of its engines share, and what its owner may ask of it. Knows nothing of OpenSSL,
// for those that only hand it on.
//
// Thread: any.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "loop/deadline.h"
#include "loop/loop.h"
#include "outrider/limits.h"
#include "outrider/tls.h"

namespace outrider::net {
class Address;
class TlsContexts;
class TlsHandshakes;
class TlsReception;
}  // namespace outrider::net

namespace outrider::server {

class Tls {
 public:
  /// Throws Error(Tls).
  Tls(TlsConfig config, const Limits& limits);
  ~Tls();
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  /// For an engine. `loop` and `deadlines` must outlive it.
  using OnRefused = std::function<void(const net::Address& peer, std::string_view reason)>;
  std::unique_ptr<net::TlsReception> reception(loop::Loop& loop, loop::DeadlineWheel& deadlines, const Limits& limits,
                                               OnRefused on_refused) const;

  /// Reads everything anew, or takes another config: for connections from now on. Throws Error(Tls); then nothing has
  /// changed.
  void reload();
  void reload(TlsConfig config);

  /// TlsConfig::ca_pem.
  std::string ca_pem() const;
  /// What makes Chromium accept the certificate, and that one only.
  std::vector<std::string> chromium_arguments() const;
  /// Of certificates that aren't valid now, a sentence each.
  std::vector<std::string> warnings() const;

 private:
  std::shared_ptr<net::TlsContexts> contexts_;      // shared with the engines
  std::shared_ptr<net::TlsHandshakes> handshakes_;  // likewise
};

}  // namespace outrider::server
