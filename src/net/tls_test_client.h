// SPDX-License-Identifier: MIT
#pragma once

// OpenSSL's client for the tests of what speaks TLS: bytes in, bytes out.
//
// Thread: the test's.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/tls_certificate.h"
#include "net/tls_openssl.h"

namespace outrider::testing {

using SessionPtr = std::unique_ptr<SSL_SESSION, net::OpensslDeleter<SSL_SESSION_free>>;

struct TlsClientOptions {
  std::string ca_pem = {};  // empty: everybody is believed
  std::string server_name = "localhost";
  int least_version = TLS1_2_VERSION;
  int most_version = TLS1_3_VERSION;
  std::vector<std::string> protocols = {};  // ALPN
  TlsCertificate certificate = {};          // PEM text; empty: none
  SSL_SESSION* session = nullptr;           // to be resumed
  std::string ciphers = {};                 // of TLS 1.2
};

class TlsTestClient {
 public:
  explicit TlsTestClient(const TlsClientOptions& options) : context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX* context = context_.get();
    // What the server must refuse, the client must be able to offer.
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, options.least_version);
    SSL_CTX_set_max_proto_version(context, options.most_version);
    if (!options.ciphers.empty()) SSL_CTX_set_cipher_list(context, options.ciphers.c_str());
    if (!options.ca_pem.empty()) {
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
      for (const net::X509Ptr& one : net::parse_certificates(options.ca_pem, options.ca_pem, "the authority")) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one.get());
      }
    }
    if (!options.certificate.certificate.empty()) {
      const net::TlsIdentity identity(options.certificate);
      SSL_CTX_use_cert_and_key(context, identity.certificate(), identity.key(), identity.chain(), 1);
    }
    ssl_.reset(SSL_new(context));
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    BIO_set_mem_eof_return(SSL_get_rbio(ssl_.get()), -1);
    SSL_set_connect_state(ssl_.get());
    if (!options.server_name.empty()) {
      SSL_set_tlsext_host_name(ssl_.get(), options.server_name.c_str());
      if (!options.ca_pem.empty()) SSL_set1_host(ssl_.get(), options.server_name.c_str());
    }
    std::string protocols;
    for (const std::string& name : options.protocols) protocols += static_cast<char>(name.size()) + name;
    SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                        static_cast<unsigned>(protocols.size()));
    if (options.session != nullptr) SSL_set_session(ssl_.get(), options.session);
    receive({});
  }

  /// Takes what the server sent, and does what there is to do.
  void receive(std::string_view bytes) {
    BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
    ERR_clear_error();
    if (!is_connected_ && error_.empty()) is_connected_ = note(SSL_do_handshake(ssl_.get()));
    char some[4096];
    while (is_connected_ && error_.empty() && !is_ended_) {
      std::size_t count = 0;
      if (!note(SSL_read_ex(ssl_.get(), some, sizeof some, &count))) break;
      received_.append(some, count);
    }
  }

  void write(std::string_view bytes) {
    std::size_t written = 0;
    if (!bytes.empty()) note(SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written));
  }
  /// Sends a close_notify.
  void close() { SSL_shutdown(ssl_.get()); }

  /// What is to be sent to the server.
  std::string take_output() {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(SSL_get_wbio(ssl_.get()), &bytes);
    std::string output(bytes, static_cast<std::size_t>(size));
    (void)BIO_reset(SSL_get_wbio(ssl_.get()));
    return output;
  }

  std::string take_received() { return std::exchange(received_, {}); }

  bool is_connected() const { return is_connected_; }
  const std::string& received() const { return received_; }
  /// The server's close_notify came.
  bool is_ended() const { return is_ended_; }
  /// What went wrong, in OpenSSL's words; an alert of the server's, for example.
  const std::string& error() const { return error_; }
  SSL* ssl() { return ssl_.get(); }
  /// The common name of the certificate that the server showed.
  std::string server() {
    X509* certificate = SSL_get0_peer_certificate(ssl_.get());
    char name[256] = "";
    if (certificate != nullptr) {
      X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    }
    return name;
  }

 private:
  bool note(int result) {
    if (result == 1) return true;
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_ZERO_RETURN) is_ended_ = true;
    if (error == SSL_ERROR_SSL || error == SSL_ERROR_SYSCALL) {
      error_ = net::take_openssl_reason();
      if (error_.empty()) error_ = "broken";
    }
    return false;
  }

  net::SslContextPtr context_;
  net::SslPtr ssl_;
  std::string received_;
  std::string error_;
  bool is_connected_ = false;
  bool is_ended_ = false;
};

}  // namespace outrider::testing
