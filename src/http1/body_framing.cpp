// SPDX-License-Identifier: MIT
#include "http1/body_framing.h"

#include <arpa/inet.h>

#include <algorithm>
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

// Digits, perhaps none (RFC 3986 §3.2.3); what doesn't fit in a port's 16 bits others would cut off.
bool is_port(std::string_view text) {
  if (text.size() > 5) return false;
  uint32_t port = 0;
  for (const char c : text) {
    if (!ascii::is_digit(c)) return false;
    port = port * 10 + static_cast<uint32_t>(c - '0');
  }
  return port <= 0xffff;
}

// What stands between the brackets. Of RFC 3986 §3.2.2's two forms, addresses of a future version don't exist.
bool is_ipv6_address(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> copy{};
  if (text.size() >= copy.size() || text.find('\0') != std::string_view::npos) return false;
  std::copy(text.begin(), text.end(), copy.begin());
  in6_addr address{};
  return ::inet_pton(AF_INET6, copy.data(), &address) == 1;
}

// A name or an IPv4 address: the length of what may be one. RFC 3986 §3.2.2: '%' and two digits.
std::size_t host_name_length(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && kHostChars[static_cast<uint8_t>(text[end])]) {
    const bool is_escape = text[end] == '%';
    if (is_escape &&
        (end + 2 >= text.size() || ascii::hex_value(text[end + 1]) < 0 || ascii::hex_value(text[end + 2]) < 0)) {
      break;
    }
    end += is_escape ? 3 : 1;
  }
  return end;
}

}  // namespace

bool is_valid_authority(std::string_view text) {
  std::size_t end = 0;
  if (!text.empty() && text.front() == '[') {
    end = text.find(']');
    if (end == std::string_view::npos || !is_ipv6_address(text.substr(1, end - 1))) return false;
    ++end;
  } else {
    end = host_name_length(text);
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
    case 7: {
      if (name != "upgrade") return std::nullopt;
      const bool is_h2c = ascii::equals_ignore_case(value, "h2c");
      if (!is_h2c || !offers_other_than_h2c_) upgrade_ = field.value;
      offers_other_than_h2c_ = offers_other_than_h2c_ || !is_h2c;
      return std::nullopt;
    }
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
  // A list that could be read in more than one way has no meaning here, though RFC 9110 §5.6.1.2 would let empty
  // elements pass: no sender makes them, and recipients disagree on them.
  bool is_plain = true;
  std::string_view last;
  std::size_t count = 0;
  for (std::size_t begin = 0; begin <= value.size();) {
    const std::size_t end = std::min(value.find(',', begin), value.size());
    last = ascii::trim(value.substr(begin, end - begin));
    is_plain = is_plain && ascii::is_token(last.substr(0, last.find(';')));
    count += ascii::equals_ignore_case(last, "chunked") ? 1 : 0;
    begin = end + 1;
  }
  if (!is_plain) return Fault::TransferEncodingInvalid;
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
  // Recipients that switch on the request alone take its content for the other protocol. For h2c the content belongs
  // to the request (RFC 7540 §3.2), and there are clients that ask for it with each of theirs: it is ignored.
  const bool may_switch = says_upgrade_ && is_http11 && offers_other_than_h2c_;
  if (may_switch && layout.body_framing != http::BodyFraming::None) return Fault::UpgradeWithContent;
  return std::nullopt;
}

}  // namespace outrider::http1
