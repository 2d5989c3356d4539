// SPDX-License-Identifier: MIT
#pragma once

#include "net/tls_openssl.h"
#include "outrider/tls.h"

namespace outrider::net {

/// What the handshake of a connection came to. Thread: its loop's.
TlsInfo describe_session(SSL* ssl);

}  // namespace outrider::net
