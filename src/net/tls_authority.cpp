// SPDX-License-Identifier: MIT
#include "net/tls_authority.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <array>
#include <initializer_list>
#include <utility>

#include "outrider/error.h"

namespace outrider {
namespace net {
namespace {

using Extensions = std::initializer_list<std::pair<int, std::string>>;

void check(bool is_done) {
  if (is_done) return;
  throw Error(ErrorKind::Tls, "can't make a throw-away certificate: " + take_openssl_reason());
}

// RFC 5280 §4.1.2.2: positive and unique; of two with the same one, browsers refuse the second.
void set_serial_number(X509* certificate) {
  std::array<unsigned char, 16> bytes;
  check(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x3f) | 0x40);
  const std::unique_ptr<BIGNUM, OpensslDeleter<BN_free>> number(
      BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  check(BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr);
}

void add_extensions(X509* certificate, X509* issuer, const Extensions& extensions) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509V3_set_ctx_nodb(&context);
  for (const auto& [nid, value] : extensions) {
    if (value.empty()) continue;
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    const bool is_added = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    check(is_added);
  }
}

// With the subject and the times of `order`, not signed yet. Without an issuer it is its own.
X509Ptr make_certificate(const TlsAuthority::Order& order, EVP_PKEY* key, X509* issuer) {
  X509Ptr certificate(X509_new());
  X509* raw = certificate.get();
  check(raw != nullptr && X509_set_version(raw, X509_VERSION_3) == 1);
  set_serial_number(raw);
  check(X509_gmtime_adj(X509_getm_notBefore(raw), order.valid_from) != nullptr);
  check(X509_gmtime_adj(X509_getm_notAfter(raw), order.valid_for) != nullptr);
  X509_NAME* subject = X509_get_subject_name(raw);
  const auto* name = reinterpret_cast<const unsigned char*>(order.name.c_str());
  check(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, name, -1, -1, 0) == 1);
  check(X509_set_issuer_name(raw, issuer == nullptr ? subject : X509_get_subject_name(issuer)) == 1);
  check(X509_set_pubkey(raw, key) == 1);
  return certificate;
}

std::string key_to_pem(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  check(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

bool is_address(const std::string& name) {
  std::array<unsigned char, sizeof(in6_addr)> bytes;
  return inet_pton(AF_INET, name.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1;
}

std::string alternatives_of(const std::vector<std::string>& names) {
  std::string text = "DNS:localhost,IP:127.0.0.1,IP:::1";
  for (const std::string& name : names) {
    if (name.empty() || name == "localhost" || name == "127.0.0.1" || name == "::1") continue;
    if (name.find_first_of(",:;= \t\r\n") != std::string::npos && !is_address(name)) {
      throw Error(ErrorKind::Tls, "can't make a throw-away certificate for '" + name + "': it is no host name");
    }
    text += (is_address(name) ? ",IP:" : ",DNS:") + name;
  }
  return text;
}

}  // namespace

TlsAuthority::TlsAuthority() : key_(EVP_EC_gen("P-256")) {
  check(key_ != nullptr);
  // A name of its own: trust stores look authorities up by name, and several may be in use at a time.
  std::array<unsigned char, 4> number;
  check(RAND_bytes(number.data(), static_cast<int>(number.size())) == 1);
  std::string name = "Outrider throw-away authority ";
  for (const unsigned char byte : number) name += {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
  certificate_ = make_certificate({.name = name}, key_.get(), nullptr);
  add_extensions(certificate_.get(), certificate_.get(),
                 {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                  {NID_key_usage, "critical,keyCertSign"},
                  {NID_subject_key_identifier, "hash"}});
  check(X509_sign(certificate_.get(), key_.get(), EVP_sha256()) > 0);
}

TlsCertificate TlsAuthority::issue(const Order& order) const {
  const KeyPtr key(order.rsa_bits == 0 ? EVP_EC_gen("P-256") : EVP_RSA_gen(order.rsa_bits));
  check(key != nullptr);
  const X509Ptr certificate = make_certificate(order, key.get(), certificate_.get());
  add_extensions(certificate.get(), certificate_.get(),
                 {{NID_basic_constraints, "critical,CA:FALSE"},
                  {NID_key_usage, "critical,digitalSignature"},
                  {NID_ext_key_usage, order.usage},
                  {NID_subject_key_identifier, "hash"},
                  {NID_authority_key_identifier, "keyid:always"},
                  {NID_subject_alt_name, order.alternatives}});
  check(X509_sign(certificate.get(), key_.get(), EVP_sha256()) > 0);
  return {to_pem(certificate.get()), key_to_pem(key.get())};
}

}  // namespace net

TlsConfig TlsConfig::files(std::string certificate, std::string private_key, std::string password) {
  TlsConfig config;
  config.certificate = {std::move(certificate), std::move(private_key), std::move(password)};
  return config;
}

TlsConfig TlsConfig::throw_away(const std::vector<std::string>& names) {
  const std::string alternatives = net::alternatives_of(names);
  const net::TlsAuthority authority;
  TlsConfig config;
  config.certificate = authority.issue({.name = "localhost", .alternatives = alternatives});
  config.ca_pem = authority.pem();
  return config;
}

}  // namespace outrider
