// SPDX-License-Identifier: MIT
#pragma once

// The PROXY protocol, versions 1 and 2 (doc/proxy-protocol.txt of HAProxy): what a proxy says in front of the bytes
// that it relays, of whom they come from. A codec without I/O: bytes in, a header or a fault out.
//
// Strict, because whoever can make the two ends disagree about where the header ends can write the request that
// follows: version 1 must be as the specification has it, to the byte; of version 2, lengths must add up, its TLVs be
// whole, and its checksum be right where there is one.

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "net/address.h"

namespace outrider::net {

enum class ProxyFault {
  SignatureInvalid,   // neither "PROXY " nor the signature of version 2
  LineTooLong,        // version 1: no CRLF in the first 107 bytes
  LineInvalid,        // version 1: not "TCP4" or "TCP6", two addresses and two ports; or a bare CR or LF
  VersionInvalid,     // of the binary header: not 2
  CommandInvalid,     // version 2: neither LOCAL nor PROXY
  FamilyInvalid,      // version 2: a family or transport that there is not
  HeaderTooLong,      // version 2: above kProxyHeaderBytesMax
  AddressesTooShort,  // version 2: less than the family's addresses take
  ExtensionInvalid,   // version 2: a TLV goes beyond the end of the header, or a checksum isn't one of four bytes
  ChecksumWrong,      // version 2: the header isn't what it was when it was sent
};

/// One sentence per fault.
std::string_view sentence(ProxyFault fault);
inline constexpr int kProxyFaultCount = static_cast<int>(ProxyFault::ChecksumWrong) + 1;

/// The most bytes of a header that are taken. Its addresses need 232; a client's certificate, which a proxy may add,
/// some thousand.
inline constexpr std::size_t kProxyHeaderBytesMax = 8 * 1024;

struct ProxyHeader {
  enum class Client {
    Proxy,    ///< the proxy speaks for itself (a health check): the connection's own addresses hold
    Named,    ///< `source` and `destination` are those of the connection to the proxy
    Unnamed,  ///< the proxy speaks for somebody whose addresses it can't tell
  };

  Client client = Client::Proxy;
  Address source;
  Address destination;
  std::size_t size = 0;  // of the header; what follows are the relayed bytes
};

/// The header at the front of `bytes`; none as long as it is incomplete. A header, and a fault, stay what they are
/// whatever follows. To be called again with all bytes when more have come: there are few of them.
Result<std::optional<ProxyHeader>, ProxyFault> parse_proxy_header(std::string_view bytes);

}  // namespace outrider::net
