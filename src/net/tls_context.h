// SPDX-License-Identifier: MIT
#pragma once

// What the TLS connections of a server have in common: certificates, rules, the keys of its tickets.
//
// Thread: any. A context is immutable; TlsContexts is the place where a server keeps the one that new connections
// get, and where another takes its place (Server::reload_tls()). Connections under way keep theirs.

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/tls_certificate.h"
#include "net/tls_openssl.h"
#include "outrider/tls.h"

namespace outrider::net {

class TlsContext {
 public:
  /// With the ticket keys of `before`, if there is one, so that its sessions are resumed here. Throws Error(Tls).
  explicit TlsContext(TlsConfig config, const TlsContext* before = nullptr);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// The server's side of a new connection. The context must outlive it. Null when there is no memory.
  SslPtr new_ssl() const;
  const TlsConfig& config() const { return config_; }
  /// What is no error, but wants to be known: a certificate that isn't valid now.
  const std::vector<std::string>& warnings() const { return warnings_; }
  /// PEM of the default certificate.
  std::string certificate_pem() const { return to_pem(identities_.front()->certificate()); }

 private:
  using Identity = std::shared_ptr<const TlsIdentity>;

  void add_identity(const TlsCertificate& source);
  void set_rules();
  void set_default_certificates();
  void ask_for_client_certificates();
  void take_ticket_keys(const TlsContext& before);
  std::vector<Identity> choose(std::string_view server_name) const;
  Identity ask(std::string_view server_name) const;
  int choose_certificate(SSL* ssl) const;
  static int certificate_cb(SSL* ssl, void* self) noexcept;
  static int alpn_cb(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                     unsigned offered_size, void* self) noexcept;

  const TlsConfig config_;
  std::vector<Identity> identities_;  // the default one first
  std::vector<std::string> warnings_;
  SslContextPtr context_;
  mutable std::mutex mutex_;  // guards asked_; taken only where there is a certificate_for()
  mutable std::unordered_map<std::string, Identity> asked_;  // what it returned, by its sources
};

class TlsContexts {
 public:
  /// Throws Error(Tls).
  explicit TlsContexts(TlsConfig config) : current_(std::make_shared<TlsContext>(std::move(config))) {}

  std::shared_ptr<const TlsContext> current() const {
    const std::lock_guard lock(mutex_);
    return current_;
  }
  /// Reads everything anew. Throws Error(Tls); then nothing has changed.
  void reload(TlsConfig config) {
    const std::lock_guard one_at_a_time(reloading_);
    auto made = std::make_shared<TlsContext>(std::move(config), current().get());
    const std::lock_guard lock(mutex_);
    current_ = std::move(made);
  }

 private:
  std::mutex reloading_;
  mutable std::mutex mutex_;  // guards current_
  std::shared_ptr<const TlsContext> current_;
};

}  // namespace outrider::net
