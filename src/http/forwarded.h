// SPDX-License-Identifier: MIT
#pragma once

// Proxy headers: Forwarded (RFC 7239) and X-Forwarded-For, -Proto, -Host and -Port. Pure functions over a request's
// head.
//
// Each proxy writes down whom it was asked by, behind what it found in the field; so the right end was written by the
// proxy that is connected to us, which is trusted. If it names a trusted proxy, then that one wrote what stands left
// of it, and so on. The first one who isn't trusted is the client, and what stands left of its address is the
// client's own word: it is never looked at. (But for the grammar of Forwarded: whoever begins a quoted string there
// must end it.)
//
// What a trusted proxy wrote and can't be understood makes the request one that is refused. To go on without it would
// take the client for the proxy, which applications may trust more.
//
// The two kinds of fields are alternatives, and most proxies write one and pass the other on as it came, which is an
// invitation to clients to write it themselves. When both are there, they must say the same; else the request is
// refused. Which fields are read at all is the server's configuration.
//
// Work is bounded: the head's size bounds the fields, and of a chain of proxies the last kHopsMax are looked at.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/origin.h"
#include "net/network.h"

namespace outrider::http {

class RequestHead;

/// The fields that are read.
struct ForwardedFields {
  bool forwarded = false;
  bool x_for = false;
  bool x_proto = false;
  bool x_host = false;
  bool x_port = false;

  /// Names of fields, in whatever case. Throws Error(Option) for the first that is none.
  static ForwardedFields parse(const std::vector<std::string>& names);
};

/// Whom the server believes what.
struct ProxyRules {
  net::TrustedProxies trusted;
  ForwardedFields fields;
};

enum class ForwardedFault {
  Invalid,   ///< what a trusted proxy wrote is malformed
  Conflict,  ///< Forwarded and the X-Forwarded fields say different things
};

/// No chain of proxies is longer; more are a loop, or somebody's play.
inline constexpr std::size_t kHopsMax = 32;

/// What the request's fields say of its origin; none when they say nothing. `peer`, which the request came from, must
/// be a proxy that `rules` trust; it and `scheme` hold for what the fields leave out. The views are valid as long as
/// the head doesn't change.
Result<std::optional<Origin>, ForwardedFault> find_origin(const RequestHead& head, const net::Address& peer,
                                                          std::string_view scheme, const ProxyRules& rules);

}  // namespace outrider::http
