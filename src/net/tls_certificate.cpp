// SPDX-License-Identifier: MIT
#include "net/tls_certificate.h"

#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/ascii.h"
#include "outrider/error.h"

namespace outrider::net {
namespace {

[[noreturn]] void fail(const std::string& message) {
  take_openssl_reason();
  throw Error(ErrorKind::Tls, message);
}

BioPtr reader(const std::string& text) { return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

std::string place_of(const std::string& source) {
  return is_pem_text(source) ? "the PEM text that is given" : describe_source(source);
}

struct Password {
  const std::string& text;
  bool was_asked = false;
};

// Without one of ours OpenSSL would ask at the terminal.
int password_cb(char* to, int size, int, void* given) noexcept {
  auto* password = static_cast<Password*>(given);
  password->was_asked = true;
  const auto length = std::min(password->text.size(), static_cast<std::size_t>(size));
  std::memcpy(to, password->text.data(), length);
  return length == 0 ? -1 : static_cast<int>(length);
}

KeyPtr read_key(const std::string& pem, const TlsCertificate& source, const std::string& from) {
  Password password{source.password};
  const BioPtr bio = reader(pem);
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &password_cb, &password));
  if (key != nullptr) return key;
  const std::string where = "the private key " + describe_source(from);
  if (password.was_asked && source.password.empty()) {
    fail(where + " is encrypted, and no password is given: give it, or decrypt the file with `openssl pkey`");
  }
  if (password.was_asked) fail(where + " can't be decrypted: the password is wrong");
  if (pem.find("PRIVATE KEY-----") == std::string::npos) {
    fail("there is no private key in PEM form (-----BEGIN PRIVATE KEY-----) in " + place_of(from));
  }
  fail(where + " can't be read: " + take_openssl_reason());
}

std::string to_text(const ASN1_TIME* time) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  ASN1_TIME_print(bio.get(), time);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

// RFC 6125 §6.4.3: an asterisk is the whole of the first label, and stands for one label.
bool name_matches(std::string_view pattern, std::string_view name) {
  if (pattern == name) return true;
  if (!pattern.starts_with("*.")) return false;
  const std::size_t dot = name.find('.');
  return dot != std::string_view::npos && dot > 0 && name.substr(dot) == pattern.substr(1);
}

}  // namespace

std::string take_openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  std::string text = code == 0 ? "" : reason != nullptr ? reason : "error " + std::to_string(code) + " of OpenSSL";
  ERR_clear_error();
  return text;
}

std::string to_pem(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

bool is_pem_text(std::string_view source) { return source.find("-----BEGIN ") != std::string_view::npos; }

std::string describe_source(const std::string& source) {
  return is_pem_text(source) ? "given as PEM text" : "'" + source + "'";
}

std::string read_pem(const std::string& source, const std::string& what) {
  if (is_pem_text(source)) return source;
  const auto close = [](std::FILE* file) { std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(source.c_str(), "rbe"), close);
  std::string text;
  std::array<char, 4096> some;
  std::size_t count = 1;
  while (file != nullptr && count > 0) {
    count = std::fread(some.data(), 1, some.size(), file.get());
    text.append(some.data(), count);
  }
  if (file != nullptr && std::ferror(file.get()) == 0) return text;
  throw Error(ErrorKind::Tls, "can't read " + what + " '" + source + "'", errno);
}

std::vector<X509Ptr> parse_certificates(const std::string& pem, const std::string& source, const std::string& what) {
  ERR_clear_error();
  std::vector<X509Ptr> certificates;
  const BioPtr bio = reader(pem);
  while (X509* one = PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr)) certificates.emplace_back(one);
  const std::string reason = take_openssl_reason();
  if (reason != "no start line") fail(what + " " + describe_source(source) + " can't be read: " + reason);
  if (!certificates.empty()) return certificates;
  fail(what + ": there is none in PEM form (-----BEGIN CERTIFICATE-----) in " + place_of(source) +
       "; from DER, `openssl x509 -inform der` makes it");
}

TlsIdentity::TlsIdentity(const TlsCertificate& source) {
  if (source.certificate.empty()) fail("a certificate is missing: TlsCertificate::certificate is empty");
  const std::string& key_source = source.private_key.empty() ? source.certificate : source.private_key;
  source_ = describe_source(source.certificate);
  const std::string pem = read_pem(source.certificate, "the certificate");
  std::vector<X509Ptr> certificates = parse_certificates(pem, source.certificate, "the certificate");
  key_ = read_key(source.private_key.empty() ? pem : read_pem(key_source, "the private key"), source, key_source);
  certificate_ = std::move(certificates.front());
  if (X509_check_private_key(certificate_.get(), key_.get()) != 1) {
    const bool belongs_to_another =
        std::any_of(certificates.begin() + 1, certificates.end(),
                    [&](const X509Ptr& one) { return X509_check_private_key(one.get(), key_.get()) == 1; });
    fail("the private key " + describe_source(key_source) + " isn't that of the certificate " + source_ +
         (belongs_to_another ? ", but of a later one in there: the server's own must be the first"
                             : ": name the two that were made together"));
  }
  chain_.reset(sk_X509_new_null());
  for (std::size_t i = 1; i < certificates.size(); ++i) sk_X509_push(chain_.get(), certificates[i].release());
  read_names();
}

void TlsIdentity::read_names() {
  auto* names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate_.get(), NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_DNS) continue;
    const auto* bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    std::string text(bytes, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
    std::transform(text.begin(), text.end(), text.begin(), ascii::to_lower);
    names_.push_back(std::move(text));
  }
  GENERAL_NAMES_free(names);
}

bool TlsIdentity::matches(std::string_view server_name) const {
  return std::any_of(names_.begin(), names_.end(),
                     [&](const std::string& name) { return name_matches(name, server_name); });
}

std::string TlsIdentity::describe_validity() const {
  const ASN1_TIME* begin = X509_get0_notBefore(certificate_.get());
  const ASN1_TIME* end = X509_get0_notAfter(certificate_.get());
  if (X509_cmp_current_time(end) < 0) return "the certificate " + source_ + " expired on " + to_text(end);
  if (X509_cmp_current_time(begin) > 0) return "the certificate " + source_ + " isn't valid before " + to_text(begin);
  return {};
}

std::string public_key_hash(const std::string& certificate_pem) {
  const std::vector<X509Ptr> certificates = parse_certificates(certificate_pem, certificate_pem, "the certificate");
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificates.front().get()), &der);
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  unsigned int hash_size = 0;
  EVP_Digest(der, static_cast<std::size_t>(std::max(size, 0)), hash.data(), &hash_size, EVP_sha256(), nullptr);
  OPENSSL_free(der);
  std::array<unsigned char, 4 * (EVP_MAX_MD_SIZE / 3 + 1) + 1> text;
  const int length = EVP_EncodeBlock(text.data(), hash.data(), static_cast<int>(hash_size));
  return {reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(length)};
}

}  // namespace outrider::net
