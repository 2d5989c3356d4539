// SPDX-License-Identifier: MIT
#pragma once

// Status codes and their reason phrases (RFC 9110 §15 and the IANA registry).

#include <string_view>

namespace outrider::http {

/// Empty for a code without a registered phrase.
std::string_view reason_phrase(int status);

/// RFC 9110 §6.4.1, §15.3.6: a response that has no content whatever its fields say (HEAD is the request's business).
constexpr bool forbids_content(int status) { return status < 200 || status == 204 || status == 205 || status == 304; }

}  // namespace outrider::http
