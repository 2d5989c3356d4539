// SPDX-License-Identifier: MIT
#pragma once
// TLS 1.3 by OpenSSL, with the same cipher and the same curve for every server: TLS_AES_128_GCM_SHA256 and X25519.
// The certificate isn't checked, only that the server has its key, as OpenSSL does by itself.

#include <openssl/ssl.h>

#include <memory>

#include "transport.h"

namespace bench {

enum class Resumption {
  Never,   // every handshake is a whole one
  Always,  // all but a connection's first take up the session of the one before; one that doesn't is an error
};

class TlsTransport : public Transport {
 public:
  explicit TlsTransport(Resumption resumption);
  std::unique_ptr<Stream> over(int fd, std::unique_ptr<Stream> before) override;

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };

  const Resumption resumption_;
  const std::unique_ptr<SSL_CTX, Free> context_;
};

}  // namespace bench
