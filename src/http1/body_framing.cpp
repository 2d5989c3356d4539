// SPDX-License-Identifier: MIT
#include "http1/body_framing.h"

#include <array>

#include "base/ascii.h"

namespace outrider::http1 {
namespace {

// 18 decimal digits always fit in 63 bits; nothing sends an exabyte.
constexpr std::size_t kContentLengthDigitsMax = 18;

constexpr bool may_stand_in_host(char c) {
  return ascii::is_alpha(c) || ascii::is_digit(c) ||
         std::string_view("-._~!$&'()*+;=%").find(c) != std::string_view::npos;
}

constexpr std::array<bool, 256> kHostChars = [] {
  std::array<bool, 256> table{};
  for (std::size_t byte = 0; byte < 128; ++byte) table[byte] = may_stand_in_host(static_cast<char>(byte));
  return table;
}();

bool is_port(std::string_view text) {
  for (const char c : text) {
    if (!ascii::is_digit(c)) return false;
  }
  return text.size() <= 5;
}

}  // namespace

bool is_valid_authority(std::string_view text) {
  std::size_t end = 0;
  if (!text.empty() && text.front() == '[') {
    end = text.find(']');
    if (end == std::string_view::npos || end == 1) return false;
    for (const char c : text.substr(1, end - 1)) {
      if (ascii::hex_value(c) < 0 && c != ':' && c != '.') return false;
    }
    ++end;
  } else {
    while (end < text.size() && kHostChars[static_cast<uint8_t>(text[end])]) ++end;
  }
  if (end == text.size()) return true;
  return text[end] == ':' && end > 0 && is_port(text.substr(end + 1));
}

std::optional<Fault> FramingRules::on_field(const http::RequestHead& head, const http::HeadLayout::FieldSpan& field,
                                            http::HeadLayout& layout) {
  const std::string_view name = head.at(field.name);
  const std::string_view value = head.at(field.value);
  switch (name.size()) {
    case 4:
      return name == "host" ? on_host(value, field.value) : std::nullopt;
    case 6:
      if (name != "expect") return std::nullopt;
      // RFC 9110 §10.1.1: there is one expectation, and it is case-insensitive.
      if (!ascii::equals_ignore_case(value, "100-continue")) return Fault::ExpectationUnknown;
      layout.expects_continue = true;
      return std::nullopt;
    case 7:
      if (name == "upgrade") upgrade_ = field.value;
      return std::nullopt;
    case 10:
      return name == "connection" ? on_connection(value) : std::nullopt;
    case 14:
      return name == "content-length" ? on_content_length(value, layout) : std::nullopt;
    case 17:
      return name == "transfer-encoding" ? on_transfer_encoding(value) : std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<Fault> FramingRules::on_host(std::string_view value, http::Span span) {
  if (has_host_) return Fault::HostRepeated;
  has_host_ = true;
  host_ = span;
  if (!is_valid_authority(value)) return Fault::HostInvalid;
  return std::nullopt;
}

std::optional<Fault> FramingRules::on_content_length(std::string_view value, http::HeadLayout& layout) {
  // RFC 9112 §6.3 rule 5 lets a list of equal numbers pass; a sender that makes one is broken, so it is refused.
  if (has_content_length_) return Fault::ContentLengthRepeated;
  has_content_length_ = true;
  if (value.empty() || value.size() > kContentLengthDigitsMax) return Fault::ContentLengthInvalid;
  uint64_t length = 0;
  for (const char c : value) {
    if (c == ',') return Fault::ContentLengthRepeated;
    if (!ascii::is_digit(c)) return Fault::ContentLengthInvalid;
    length = length * 10 + static_cast<uint64_t>(c - '0');
  }
  layout.content_length = length;
  return std::nullopt;
}

std::optional<Fault> FramingRules::on_transfer_encoding(std::string_view value) {
  // RFC 9112 §6.1: chunked comes last, and once. What comes before it isn't implemented here; what comes after it
  // would leave the content's end unknown.
  if (is_chunked_) return Fault::TransferEncodingNotChunked;
  if (ascii::equals_ignore_case(value, "chunked")) {
    is_chunked_ = true;
    return std::nullopt;
  }
  std::string_view last;
  std::size_t count = 0;
  ascii::for_each_element(value, [&](std::string_view element) {
    last = element;
    count += ascii::equals_ignore_case(element, "chunked") ? 1 : 0;
  });
  const bool ends_in_chunked = count == 1 && ascii::equals_ignore_case(last, "chunked");
  return ends_in_chunked ? Fault::TransferEncodingUnknown : Fault::TransferEncodingNotChunked;
}

std::optional<Fault> FramingRules::on_connection(std::string_view value) {
  bool all_tokens = true;
  ascii::for_each_element(value, [&](std::string_view option) {
    all_tokens = all_tokens && ascii::is_token(option);
    says_close_ = says_close_ || ascii::equals_ignore_case(option, "close");
    says_keep_alive_ = says_keep_alive_ || ascii::equals_ignore_case(option, "keep-alive");
    says_upgrade_ = says_upgrade_ || ascii::equals_ignore_case(option, "upgrade");
  });
  if (!all_tokens) return Fault::ConnectionInvalid;
  return std::nullopt;
}

std::optional<Fault> FramingRules::finish(const http::RequestHead& head, http::HeadLayout& layout) const {
  const bool is_http11 = layout.minor_version >= 1;

  // RFC 9112 §3.2: exactly one Host in HTTP/1.1. An absolute target wins over it; that they differ is refused.
  if (!has_host_ && is_http11) return Fault::HostMissing;
  if (layout.authority.length == 0) {
    layout.authority = host_;
  } else if (has_host_) {
    const std::string_view host = head.at(host_);
    if (!ascii::equals_ignore_case(host, head.authority())) return Fault::HostConflict;
  }

  // RFC 9112 §6.3 rules 3 to 6.
  if (is_chunked_) {
    if (!is_http11) return Fault::TransferEncodingInHttp10;
    if (has_content_length_) return Fault::ContentLengthWithTransferEncoding;
    layout.body_framing = http::BodyFraming::Chunked;
  } else if (has_content_length_ && layout.content_length > 0) {
    layout.body_framing = http::BodyFraming::Length;
  }

  // RFC 9112 §9.3, and RFC 9110 §10.1.1: an expectation in HTTP/1.0 is ignored, as is one without content.
  layout.wants_keep_alive = !says_close_ && (is_http11 || says_keep_alive_);
  if (!is_http11 || layout.body_framing == http::BodyFraming::None) layout.expects_continue = false;
  // RFC 9110 §7.8: an Upgrade field counts when the Connection field names it, and not in HTTP/1.0.
  if (says_upgrade_ && is_http11) layout.upgrade = upgrade_;
  return std::nullopt;
}

}  // namespace outrider::http1
