// SPDX-License-Identifier: MIT
#pragma once

// What a log line is made of. Bytes that came from a peer are escaped, so that nothing it sends can end a line, end a
// quoted part or command a terminal: every line is printable ASCII.
//
// Thread: any.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/buffer.h"

namespace outrider::server {

/// For text: `"` and `\` with a backslash before, all but printable ASCII as \xhh. As Apache does since 2.0.46.
void append_escaped(std::string_view text, Buffer& out);
/// The inside of a JSON string, in ASCII. UTF-8 becomes \uhhhh; what isn't valid UTF-8, U+FFFD for each byte.
void append_json(std::string_view text, Buffer& out);
void append_number(uint64_t number, Buffer& out);
/// With leading zeros.
void append_padded(uint64_t number, int digits, Buffer& out);

/// "06/Nov/1994:08:49:37 +0000". In UTC, as all times here, so that they don't depend on the process.
std::string common_time(int64_t second);
/// "1994-11-06T08:49:37" (RFC 3339, without fraction and offset).
std::string rfc3339_time(int64_t second);
/// strftime()'s.
std::string formatted_time(int64_t second, const std::string& format);

}  // namespace outrider::server
