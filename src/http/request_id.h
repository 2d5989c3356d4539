// SPDX-License-Identifier: MIT
#pragma once

// Gives every request an id, by which its lines in several programs' logs are found again.
//
// The id is put into the request's head, as a proxy in front would do: the application reads it where it would read
// that proxy's, and what the peer sent under the name doesn't reach it, unless that is to be trusted. From there it
// is copied into the response's head and into the logs.
//
// Thread: loop only.

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "http/request_head.h"

namespace outrider::http {

/// Whether a value that came with a request may stand as an id in logs and in a response: 1 to 128 letters, digits
/// and -._~+/=:;@
bool is_valid_request_id(std::string_view value);

/// The field, in lower case, whose name an option gave. Throws Error(Option) for one that isn't a name, or is the
/// server's own affair.
std::string request_id_field(std::string_view name);

class RequestIds {
 public:
  /// `trusts_peer`: a valid id that a request brings is kept.
  RequestIds(std::string_view name, bool trusts_peer);

  /// The field, in lower case.
  std::string_view name() const { return name_; }
  void assign(RequestHead& head);

 private:
  // "019ab3c2-7f41-7cc3-98c4-dc0c0c07398f": a UUID of version 7 (RFC 9562 §5.7), so that ids sort by time.
  static constexpr std::size_t kIdSize = 36;
  void make(char* to);

  std::string name_;
  bool trusts_peer_;
  std::mt19937_64 random_;  // seeded once: no system call a request. Unique, not secret
};

}  // namespace outrider::http
