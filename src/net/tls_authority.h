// SPDX-License-Identifier: MIT
#pragma once

// A certificate authority for the time of a test: TlsConfig::throw_away(), and the certificates of our own tests.
//
// No name constraints: the authority's key lives as long as this object, so nobody can make a certificate for another
// name with it later, and a trust store that doesn't know the extension would refuse the authority.
//
// Thread: one at a time.

#include <string>

#include "net/tls_openssl.h"
#include "outrider/tls.h"

namespace outrider::net {

class TlsAuthority {
 public:
  /// With a key of its own. Throws Error(Tls).
  TlsAuthority();

  struct Order {
    std::string name;               // the subject's common name
    std::string alternatives = {};  // subjectAltName: "DNS:localhost,IP:::1"; empty for none
    std::string usage = "serverAuth";
    long valid_from = -60 * 60;  // seconds from now: a clock that is a little behind still takes it
    long valid_for = 7 * 24 * 60 * 60L;
    unsigned rsa_bits = 0;  // 0: a P-256 key
  };
  /// A certificate with its key, as PEM text. Throws Error(Tls).
  TlsCertificate issue(const Order& order) const;
  /// PEM of the authority's own certificate.
  std::string pem() const { return to_pem(certificate_.get()); }

 private:
  KeyPtr key_;
  X509Ptr certificate_;
};

}  // namespace outrider::net
