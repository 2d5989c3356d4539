// SPDX-License-Identifier: MIT
#pragma once

// OpenSSL's way to the peer: it reads what came from a view, and what it writes is appended to a buffer. No sockets.

#include <string_view>

#include "base/buffer.h"
#include "net/tls_openssl.h"

namespace outrider::net {

/// Belongs to one SSL object, which must not outlive it.
struct TlsBytes {
  std::string_view input;  // consumed from the front
  Buffer* output;
};

/// Sets both ways of `ssl`; false when there is no memory.
bool set_tls_bytes(SSL* ssl, TlsBytes& bytes);

}  // namespace outrider::net
