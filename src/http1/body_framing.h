// SPDX-License-Identifier: MIT
#pragma once

// What the fields of a request mean for the connection: how its content is delimited (RFC 9112 §6.3), whether the
// connection persists (§9.3), which host it is for (§3.2). Two recipients that read any of this differently are
// how requests are smuggled, so everything ambiguous is refused.

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/request_head.h"
#include "http1/protocol_error.h"

namespace outrider::http1 {

class FramingRules {
 public:
  void reset() { *this = FramingRules(); }

  /// To be called for each field, in order.
  std::optional<Fault> on_field(const http::RequestHead& head, const http::HeadLayout::FieldSpan& field,
                                http::HeadLayout& layout);
  /// To be called after the last field: settles the layout's framing, authority and persistence.
  std::optional<Fault> finish(const http::RequestHead& head, http::HeadLayout& layout) const;

 private:
  std::optional<Fault> on_host(std::string_view value, http::Span span);
  std::optional<Fault> on_content_length(std::string_view value, http::HeadLayout& layout);
  std::optional<Fault> on_transfer_encoding(std::string_view value);
  std::optional<Fault> on_connection(std::string_view value);

  http::Span host_;
  http::Span upgrade_;
  bool has_host_ = false;
  bool has_content_length_ = false;
  bool is_chunked_ = false;
  bool says_close_ = false;
  bool says_keep_alive_ = false;
  bool says_upgrade_ = false;
  bool offers_other_than_h2c_ = false;
};

/// Whether `text` may stand in a Host field or be the authority of a target: a host and an optional port, without
/// user information; may be empty.
bool is_valid_authority(std::string_view text);

}  // namespace outrider::http1
