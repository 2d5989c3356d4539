// SPDX-License-Identifier: MIT
#include "net/tls_context.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/ascii.h"
#include "outrider/error.h"

namespace outrider::net {
namespace {

// RFC 7301: what this server speaks, the best first. (HTTP/1.0 has a name of its own there, and is spoken, too.)
constexpr std::array<std::string_view, 2> kProtocols{"http/1.1", "http/1.0"};

// Of TLS 1.2: forward secrecy and authenticated encryption. DHE is slow, and CBC has had its attacks. Those of
// TLS 1.3 are all good, and OpenSSL's own.
constexpr const char* kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

// A phone without AES in its processor names ChaCha20 first, and is then given it.
constexpr uint64_t kOptions =
    SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;

// Different certificates of certificate_for() that are remembered.
constexpr std::size_t kAskedMax = 1000;

void check(bool is_done, const std::string& what) {
  if (is_done) return;
  const std::string reason = take_openssl_reason();
  throw Error(ErrorKind::Tls, what + (reason.empty() ? "" : ": " + reason));
}

}  // namespace

TlsContext::TlsContext(TlsConfig config, const TlsContext* before) : config_(std::move(config)) {
  ERR_clear_error();
  add_identity(config_.certificate);
  for (const TlsCertificate& source : config_.more_certificates) add_identity(source);
  context_.reset(SSL_CTX_new(TLS_server_method()));
  check(context_ != nullptr, "can't set up TLS");
  set_rules();
  set_default_certificates();
  ask_for_client_certificates();
  if (before != nullptr) take_ticket_keys(*before);
}

void TlsContext::add_identity(const TlsCertificate& source) {
  identities_.push_back(std::make_shared<TlsIdentity>(source));
  if (std::string text = identities_.back()->describe_validity(); !text.empty()) warnings_.push_back(std::move(text));
}

void TlsContext::set_rules() {
  SSL_CTX* context = context_.get();
  SSL_CTX_set_options(context, kOptions);
  // An idle connection has no buffers.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  const bool is_13 = config_.minimum_version == TlsVersion::Tls13;
  check(SSL_CTX_set_min_proto_version(context, is_13 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1,
        "this OpenSSL has no TLS 1.2");
  const char* ciphers = config_.ciphers.empty() ? kCiphers : config_.ciphers.c_str();
  check(SSL_CTX_set_cipher_list(context, ciphers) == 1,
        "the ciphers \"" + config_.ciphers + "\" name none that OpenSSL knows (`openssl ciphers -s -tls1_2 -v`)");
  // Sessions are the client's to keep, as tickets.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(context, &TlsContext::alpn_cb, this);
  SSL_CTX_set_cert_cb(context, &TlsContext::certificate_cb, this);
}

// Those for one name may differ in the kind of their key: OpenSSL then takes the one that the client can check.
void TlsContext::set_default_certificates() {
  std::vector<int> kinds;
  for (const Identity& identity : identities_) {
    const int kind = EVP_PKEY_get_id(identity->key());
    const bool is_for_others = identity != identities_[0] && identity->names() != identities_[0]->names();
    if (is_for_others || std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) continue;
    kinds.push_back(kind);
    check(
        SSL_CTX_use_cert_and_key(context_.get(), identity->certificate(), identity->key(), identity->chain(), 1) == 1,
        "the certificate " + describe_source(config_.certificate.certificate) + " can't be used for TLS");
  }
}

void TlsContext::ask_for_client_certificates() {
  SSL_CTX* context = context_.get();
  const bool is_asked = config_.client_certificates != ClientCertificates::None;
  if (is_asked && config_.client_ca.empty()) {
    throw Error(ErrorKind::Tls,
                "client certificates are asked for, but TlsConfig::client_ca doesn't say whose are good");
  }
  if (!is_asked && !config_.client_ca.empty()) {
    throw Error(ErrorKind::Tls,
                "TlsConfig::client_ca is given, but client_certificates doesn't ask for any: choose Optional or "
                "Required");
  }
  std::string rules = "outrider";
  if (is_asked) {
    const bool is_required = config_.client_certificates == ClientCertificates::Required;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
    // As with the certificate and its key, words that both faces know: in Python the option is ssl_ca_certs.
    const std::string what = "the clients' authorities";
    const std::string pem = read_pem(config_.client_ca, what);
    X509_STORE* store = SSL_CTX_get_cert_store(context);
    for (const X509Ptr& one : parse_certificates(pem, config_.client_ca, what)) {
      check(X509_STORE_add_cert(store, one.get()) == 1 && SSL_CTX_add_client_CA(context, one.get()) == 1,
            what + " " + describe_source(config_.client_ca) + " can't be used");
    }
    rules += (is_required ? " requires " : " asks ") + pem;
  }
  // A session that was begun by other rules of who is let in isn't resumed by these.
  std::array<unsigned char, EVP_MAX_MD_SIZE> id;
  unsigned size = 0;
  check(EVP_Digest(rules.data(), rules.size(), id.data(), &size, EVP_sha256(), nullptr) == 1 &&
            SSL_CTX_set_session_id_context(context, id.data(), std::min(size, 32U)) == 1,
        "can't set up TLS sessions");
}

void TlsContext::take_ticket_keys(const TlsContext& before) {
  const long size = SSL_CTX_get_tlsext_ticket_keys(before.context_.get(), nullptr, 0);
  std::vector<unsigned char> keys(static_cast<std::size_t>(std::max(size, 0L)));
  check(SSL_CTX_get_tlsext_ticket_keys(before.context_.get(), keys.data(), size) == 1 &&
            SSL_CTX_set_tlsext_ticket_keys(context_.get(), keys.data(), size) == 1,
        "can't take over the keys of TLS tickets");
  OPENSSL_cleanse(keys.data(), keys.size());
}

SslPtr TlsContext::new_ssl() const {
  SslPtr ssl(SSL_new(context_.get()));
  if (ssl != nullptr) SSL_set_accept_state(ssl.get());
  return ssl;
}

TlsContext::Identity TlsContext::ask(std::string_view server_name) const {
  if (!config_.certificate_for) return nullptr;
  const std::optional<TlsCertificate> source = config_.certificate_for(server_name);
  if (!source) return nullptr;
  const std::string key = source->certificate + '\0' + source->private_key + '\0' + source->password;
  const std::lock_guard lock(mutex_);
  if (const auto found = asked_.find(key); found != asked_.end()) return found->second;
  if (asked_.size() >= kAskedMax) asked_.clear();
  return asked_[key] = std::make_shared<TlsIdentity>(*source);
}

// None: the default.
std::vector<TlsContext::Identity> TlsContext::choose(std::string_view server_name) const {
  if (Identity asked = ask(server_name)) return {asked};
  if (identities_.size() == 1) return {};
  std::vector<Identity> chosen;
  std::copy_if(identities_.begin(), identities_.end(), std::back_inserter(chosen),
               [&](const Identity& identity) { return identity->matches(server_name); });
  return chosen;
}

int TlsContext::choose_certificate(SSL* ssl) const {
  const char* named = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (named == nullptr || (identities_.size() == 1 && !config_.certificate_for)) return 1;
  std::string server_name = named;
  std::transform(server_name.begin(), server_name.end(), server_name.begin(), ascii::to_lower);
  const std::vector<Identity> chosen = choose(server_name);
  if (!chosen.empty()) SSL_certs_clear(ssl);
  std::vector<int> kinds;
  for (const Identity& identity : chosen) {
    const int kind = EVP_PKEY_get_id(identity->key());
    if (std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) continue;
    kinds.push_back(kind);
    if (SSL_use_cert_and_key(ssl, identity->certificate(), identity->key(), identity->chain(), 1) != 1) return 0;
  }
  return 1;
}

int TlsContext::certificate_cb(SSL* ssl, void* self) noexcept {
  try {
    return static_cast<const TlsContext*>(self)->choose_certificate(ssl);
  } catch (...) {  // the program's certificate_for(), or a certificate of its that can't be used
    return 0;
  }
}

// RFC 7301 §3.2: whoever names only protocols that aren't spoken here is told so.
int TlsContext::alpn_cb(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                        unsigned offered_size, void*) noexcept {
  for (const std::string_view protocol : kProtocols) {
    for (unsigned at = 0; at < offered_size; at += 1 + offered[at]) {
      const std::string_view name(reinterpret_cast<const char*>(offered + at + 1), offered[at]);
      if (name != protocol) continue;
      *chosen = offered + at + 1;
      *chosen_size = offered[at];
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace outrider::net
