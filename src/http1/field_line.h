// SPDX-License-Identifier: MIT
#pragma once

// One field line (RFC 9112 §5), of a head or of a trailer section.

#include <cstddef>
#include <optional>
#include <string_view>

#include "http/request_head.h"
#include "http1/protocol_error.h"

namespace outrider::http1 {

/// Parses the line that lies at `offset` of `storage` with `length` bytes (its CRLF not counted), turns the name
/// into lower case in place, and appends the field to `fields`. Returns what is wrong with it, if anything.
std::optional<Fault> parse_field_line(char* storage, std::size_t offset, std::size_t length,
                                      std::vector<http::HeadLayout::FieldSpan>& fields);

/// The index of the first byte that RFC 9110 §5.5 doesn't allow in a field value; `text.size()` if there is none.
std::size_t find_invalid_field_byte(std::string_view text);

}  // namespace outrider::http1
