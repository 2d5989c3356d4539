// SPDX-License-Identifier: MIT
#include "http/exchange.h"

#include "http/served_connection.h"

namespace outrider::http {

std::string PeerName::to_string() const {
  if (host.empty()) return "-";
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

std::string_view sentence(ResponseFault fault) {
  switch (fault) {
    case ResponseFault::None:
      return "the response is valid";
    case ResponseFault::StatusInvalid:
      return "the status code is not between 200 and 999 (100 and 199 for an informational response)";
    case ResponseFault::FieldNameInvalid:
      return "a header name is not a token (RFC 9110, section 5.6.2)";
    case ResponseFault::FieldValueInvalid:
      return "a header value holds a control character such as CR or LF";
    case ResponseFault::FieldForbidden:
      return "the header is one that only the server can set";
    case ResponseFault::TrailerForbidden:
      return "the field must be known before the content, and can't be a trailer (RFC 9110, section 6.5.1)";
    case ResponseFault::ContentLengthInvalid:
      return "content-length is not a whole number, or is given twice";
    case ResponseFault::BodyTooLong:
      return "the body is longer than content-length";
    case ResponseFault::BodyTooShort:
      return "the body is shorter than content-length";
  }
  return {};
}

net::Address ExchangeRecord::client_address() const {
  return origin != nullptr ? origin->client : connection->peer_address();
}

}  // namespace outrider::http
