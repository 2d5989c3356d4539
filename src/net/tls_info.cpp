// SPDX-License-Identifier: MIT
#include "net/tls_info.h"

namespace outrider::net {
namespace {

// RFC 4514: from the most specific to the least, escaped where needed; UTF-8 as it is.
constexpr unsigned long kNameFlags = XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB);

std::string name_text(const X509_NAME* name) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, kNameFlags);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

void add_client_certificates(SSL* ssl, TlsInfo& info) {
  X509* own = SSL_get0_peer_certificate(ssl);
  if (own == nullptr) return;
  info.client_certificates.push_back(to_pem(own));
  info.client_name = name_text(X509_get_subject_name(own));
  // The server's side has it apart from what came behind it.
  const STACK_OF(X509)* others = SSL_get_peer_cert_chain(ssl);
  for (int i = 0; i < sk_X509_num(others); ++i) info.client_certificates.push_back(to_pem(sk_X509_value(others, i)));
}

}  // namespace

TlsInfo describe_session(SSL* ssl) {
  TlsInfo info;
  info.version = static_cast<uint16_t>(SSL_version(ssl));
  info.version_name = SSL_get_version(ssl);
  if (const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl)) {
    info.cipher_suite = SSL_CIPHER_get_protocol_id(cipher);
    info.cipher_name = SSL_CIPHER_standard_name(cipher);
  }
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &size);
  info.alpn.assign(reinterpret_cast<const char*>(protocol), size);
  if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) info.server_name = name;
  info.is_resumed = SSL_session_reused(ssl) == 1;
  if (X509* certificate = SSL_get_certificate(ssl)) info.server_certificate = to_pem(certificate);
  add_client_certificates(ssl, info);
  take_openssl_reason();
  return info;
}

}  // namespace outrider::net
