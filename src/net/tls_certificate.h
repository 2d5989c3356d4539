// SPDX-License-Identifier: MIT
#pragma once

// A certificate with its key and its chain, read from PEM files or text; whom it is for.
//
// Thread: any; immutable once loaded.

#include <string>
#include <string_view>
#include <vector>

#include "net/tls_openssl.h"
#include "outrider/tls.h"

namespace outrider::net {

/// What is PEM text itself, and no path.
bool is_pem_text(std::string_view source);

/// Reads a file, or returns the text. `what` is for the error: "the certificate". Throws Error(Tls).
std::string read_pem(const std::string& source, const std::string& what);

/// All certificates of a PEM text, at least one. `source` and `what` are for the error. Throws Error(Tls).
std::vector<X509Ptr> parse_certificates(const std::string& pem, const std::string& source, const std::string& what);

/// For messages: the path in quotation marks, or "PEM text".
std::string describe_source(const std::string& source);

class TlsIdentity {
 public:
  /// Throws Error(Tls) that says what can't be read or doesn't fit, and what to try.
  explicit TlsIdentity(const TlsCertificate& source);

  X509* certificate() const { return certificate_.get(); }
  EVP_PKEY* key() const { return key_.get(); }
  STACK_OF(X509) * chain() const { return chain_.get(); }

  /// Those of its subjectAltName that are of hosts, in lower case.
  const std::vector<std::string>& names() const { return names_; }
  /// It is for that server, by its subjectAltName. The name is in lower case.
  bool matches(std::string_view server_name) const;
  /// "the certificate 'x.pem' expired on Jan  1 00:00:00 2025 GMT"; empty when it is valid now.
  std::string describe_validity() const;

 private:
  void read_names();

  std::string source_;  // for messages
  X509Ptr certificate_;
  KeyPtr key_;
  X509StackPtr chain_;
  std::vector<std::string> names_;
};

/// Base64 of the SHA-256 of the public key of a PEM text's first certificate: how browsers are told to accept it.
std::string public_key_hash(const std::string& certificate_pem);

}  // namespace outrider::net
