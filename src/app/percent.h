// SPDX-License-Identifier: MIT
#pragma once

// Percent-encoding (RFC 3986 §2.1), as paths and queries use it.

#include <optional>
#include <string>
#include <string_view>

namespace outrider::app {

/// Whether every '%' begins an escape, and none stands for NUL, which would cut the text for whoever takes it as a
/// C string.
bool is_valid_encoding(std::string_view text);

/// Whether the valid encoding `encoded` stands for `text`.
bool equals_decoded(std::string_view encoded, std::string_view text);

/// Appends what `encoded` stands for. A '%' that begins no escape stands for itself.
enum class Plus { IsPlus, IsSpace };
void append_decoded(std::string_view encoded, Plus plus, std::string& to);

/// The first value of that name in a query ("a=1&b=2"), decoded; a name without '=' has the empty value.
std::optional<std::string> find_in_query(std::string_view query, std::string_view name);

}  // namespace outrider::app
