// SPDX-License-Identifier: MIT
#include "server/tls.h"

#include <utility>

#include "net/tls_context.h"
#include "net/tls_handshakes.h"
#include "net/tls_stream.h"

namespace outrider::server {

Tls::Tls(TlsConfig config, const Limits& limits)
    : contexts_(std::make_shared<net::TlsContexts>(std::move(config))),
      handshakes_(std::make_shared<net::TlsHandshakes>(limits.tls_handshakes_max)) {}

Tls::~Tls() = default;

std::unique_ptr<net::TlsReception> Tls::reception(loop::Loop& loop, loop::DeadlineWheel& deadlines,
                                                  const Limits& limits, OnRefused on_refused) const {
  const net::TlsReception::Limits times{static_cast<uint64_t>(limits.tls_handshake_timeout.count()),
                                        static_cast<uint64_t>(limits.linger_timeout.count())};
  return std::make_unique<net::TlsReception>(loop, deadlines, contexts_, handshakes_, times, std::move(on_refused));
}

void Tls::reload() { contexts_->reload(contexts_->current()->config()); }
void Tls::reload(TlsConfig config) { contexts_->reload(std::move(config)); }

std::string Tls::ca_pem() const { return contexts_->current()->config().ca_pem; }

std::vector<std::string> Tls::chromium_arguments() const {
  return {"--ignore-certificate-errors-spki-list=" + net::public_key_hash(contexts_->current()->certificate_pem())};
}

std::vector<std::string> Tls::warnings() const { return contexts_->current()->warnings(); }

}  // namespace outrider::server
