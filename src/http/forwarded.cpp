// SPDX-License-Identifier: MIT
#include "http/forwarded.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/ascii.h"
#include "http/request_head.h"
#include "outrider/error.h"

namespace outrider::http {
namespace {

using Found = Result<std::optional<Origin>, ForwardedFault>;

// --- addresses -----------------------------------------------------------------------------------------------------

// Who asked a proxy, in its words.
struct Node {
  std::optional<net::Address> address;  // none: the proxy doesn't know it, or doesn't tell
};

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool is_number = error == std::errc() && end == text.data() + text.size() && text.size() <= 5;
  return is_number ? std::optional(port) : std::nullopt;
}

// RFC 7239 §6.3: "_" and then letters, digits, ".", "_", "-".
bool is_obfuscated(std::string_view text) {
  const auto is_allowed = [](char c) {
    return ascii::is_alpha(c) || ascii::is_digit(c) || c == '.' || c == '_' || c == '-';
  };
  return text.size() > 1 && text.front() == '_' && std::all_of(text.begin(), text.end(), is_allowed);
}

enum class BareIpv6 { Yes, No };

// RFC 7239 §6: an address or "unknown" or an obfuscated name, then perhaps a colon and a port, itself perhaps
// obfuscated. IPv6 stands in brackets; in X-Forwarded-For, which nobody has specified, often without.
std::optional<Node> parse_node(std::string_view text, BareIpv6 bare) {
  std::string_view host = text;
  std::optional<std::string_view> port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return std::nullopt;
    if (!rest.empty()) port = rest.substr(1);
  } else if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    const bool has_more = text.find(':', colon + 1) != std::string_view::npos;
    if (has_more && bare == BareIpv6::No) return std::nullopt;
    if (!has_more) {
      host = text.substr(0, colon);
      port = text.substr(colon + 1);
    }
  }
  uint16_t number = 0;
  if (port && !is_obfuscated(*port)) {
    const std::optional<uint16_t> parsed = parse_port(*port);
    if (!parsed) return std::nullopt;
    number = *parsed;
  }
  const bool is_bracketed = text.starts_with('[');
  if (!is_bracketed && (ascii::equals_ignore_case(host, "unknown") || is_obfuscated(host))) return Node{};
  const std::optional<net::Address> address = net::Address::parse(host, number);
  if (!address || (is_bracketed && address->family() != AF_INET6)) return std::nullopt;
  return Node{address};
}

// A WebSocket's scheme is told by some proxies; the request that opens it is one of HTTP.
std::optional<std::string_view> parse_scheme(std::string_view text) {
  if (ascii::equals_ignore_case(text, "http") || ascii::equals_ignore_case(text, "ws")) return "http";
  if (ascii::equals_ignore_case(text, "https") || ascii::equals_ignore_case(text, "wss")) return "https";
  return std::nullopt;
}

// --- Forwarded -----------------------------------------------------------------------------------------------------

// One proxy's statement. The values are as they stand there, without quotes.
struct Element {
  std::optional<std::string_view> node, scheme, host, by;
};

// The last elements of all Forwarded fields, with the work of one pass over them.
class ForwardedParser {
 public:
  // Several field lines are one list (RFC 9110 §5.3), but each must be well-formed in itself: what one proxy left
  // open, another one's doesn't close.
  bool add_line(std::string_view line) {
    rest_ = line;
    while (true) {
      skip_whitespace();
      // RFC 9110 §5.6.1.2: empty elements of a list are ignored.
      if (!rest_.empty() && rest_.front() != ',' && !parse_element()) return false;
      skip_whitespace();
      if (rest_.empty()) return true;
      if (rest_.front() != ',') return false;
      rest_.remove_prefix(1);
    }
  }

  // The element that is that far from the right end; from 0.
  const Element* from_right(std::size_t index) const {
    if (index >= std::min(count_, kHopsMax)) return nullptr;
    return &elements_[(count_ - 1 - index) % kHopsMax];
  }
  bool is_cut() const { return count_ > kHopsMax; }

 private:
  // RFC 7239 §4: [ pair ] *( ";" [ pair ] ). Whitespace around the semicolon is in no grammar and in many proxies.
  bool parse_element() {
    Element element;
    while (true) {
      if (!rest_.empty() && rest_.front() != ';' && rest_.front() != ',' && !parse_pair(element)) return false;
      skip_whitespace();
      if (rest_.empty() || rest_.front() != ';') break;
      rest_.remove_prefix(1);
      skip_whitespace();
    }
    elements_[count_++ % kHopsMax] = element;
    return true;
  }

  // token "=" ( token / quoted-string )
  bool parse_pair(Element& element) {
    const std::string_view name = take_token();
    if (name.empty() || rest_.empty() || rest_.front() != '=') return false;
    rest_.remove_prefix(1);
    const std::optional<std::string_view> value = take_value();
    if (!value) return false;
    std::optional<std::string_view>* place = place_of(element, name);
    if (place == nullptr) return true;  // an extension (§5.5)
    // §4: "Each parameter MUST NOT occur more than once per field-value."
    if (place->has_value()) return false;
    // A quoted-pair, that is: none of the characters that these values have needs one, and not every reader knows
    // them.
    if (value->find('\\') != std::string_view::npos) return false;
    *place = *value;
    return true;
  }

  static std::optional<std::string_view>* place_of(Element& element, std::string_view name) {
    if (ascii::equals_ignore_case(name, "for")) return &element.node;
    if (ascii::equals_ignore_case(name, "proto")) return &element.scheme;
    if (ascii::equals_ignore_case(name, "host")) return &element.host;
    if (ascii::equals_ignore_case(name, "by")) return &element.by;
    return nullptr;
  }

  std::string_view take_token() {
    std::size_t size = 0;
    while (size < rest_.size() && ascii::is_token_char(rest_[size])) ++size;
    return take(size);
  }

  std::optional<std::string_view> take_value() {
    if (rest_.empty() || rest_.front() != '"') {
      const std::string_view token = take_token();
      return token.empty() ? std::nullopt : std::optional(token);
    }
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '\\') {
        ++i;
      } else if (rest_[i] == '"') {
        const std::string_view quoted = take(i + 1);
        return quoted.substr(1, quoted.size() - 2);
      }
    }
    return std::nullopt;
  }

  std::string_view take(std::size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  void skip_whitespace() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
  }

  std::string_view rest_;
  std::array<Element, kHopsMax> elements_;
  std::size_t count_ = 0;
};

Found read_forwarded(const RequestHead& head, const Origin& peer, const ProxyRules& rules) {
  ForwardedParser parser;
  for (std::size_t i = 0; i < head.field_count(); ++i) {
    const Field field = head.field(i);
    if (field.name == "forwarded" && !parser.add_line(field.value)) return ForwardedFault::Invalid;
  }
  Origin origin = peer;
  std::size_t hops = 0;
  for (; const Element* element = parser.from_right(hops); ++hops) {
    if (element->scheme) {
      const std::optional<std::string_view> scheme = parse_scheme(*element->scheme);
      if (!scheme) return ForwardedFault::Invalid;
      origin.scheme = *scheme;
    }
    if (element->host) {
      if (element->host->empty()) return ForwardedFault::Invalid;
      origin.host = *element->host;
    }
    if (!element->node) break;  // it doesn't say whom it was asked by
    const std::optional<Node> node = parse_node(*element->node, BareIpv6::No);
    if (!node) return ForwardedFault::Invalid;
    origin.client = node->address.value_or(net::Address());
    if (!node->address || !rules.trusted.trusts_named(*node->address)) break;
  }
  if (hops == kHopsMax && parser.is_cut()) return ForwardedFault::Invalid;
  return std::optional(origin);
}

// --- X-Forwarded ---------------------------------------------------------------------------------------------------

// The elements of a list field, from the right end of its last line to the left end of its first.
class FromRight {
 public:
  FromRight(const RequestHead& head, std::string_view name) : head_(head), name_(name), line_(head.field_count()) {}

  // Empty elements are left out (RFC 9110 §5.6.1.2).
  std::optional<std::string_view> next() {
    while (true) {
      while (!rest_) {
        if (line_ == 0) return std::nullopt;
        const Field field = head_.field(--line_);
        if (field.name == name_) rest_ = field.value;
      }
      const std::size_t comma = rest_->rfind(',');
      const bool is_last = comma == std::string_view::npos;
      const std::string_view element = ascii::trim(is_last ? *rest_ : rest_->substr(comma + 1));
      rest_ = is_last ? std::nullopt : std::optional(rest_->substr(0, comma));
      if (!element.empty()) return element;
    }
  }

  // The one that is so far from the right, from 1; the leftmost where there are fewer. (Proxies that write the one
  // field behind what they found replace the other, or the other way round: a list that is shorter is taken to be by
  // the first of them.)
  std::optional<std::string_view> at(std::size_t place) {
    std::optional<std::string_view> found;
    for (std::size_t i = 0; i < place; ++i) {
      const std::optional<std::string_view> element = next();
      if (!element) break;
      found = element;
    }
    return found;
  }

 private:
  const RequestHead& head_;
  std::string_view name_;
  std::size_t line_;
  std::optional<std::string_view> rest_;
};

Found read_x_forwarded(const RequestHead& head, const Origin& peer, const ProxyRules& rules) {
  Origin origin = peer;
  std::size_t hops = 0;
  if (rules.fields.x_for) {
    FromRight nodes(head, "x-forwarded-for");
    while (const std::optional<std::string_view> text = nodes.next()) {
      const std::optional<Node> node = parse_node(*text, BareIpv6::Yes);
      if (!node || ++hops > kHopsMax) return ForwardedFault::Invalid;
      origin.client = node->address.value_or(net::Address());
      if (!node->address || !rules.trusted.trusts_named(*node->address)) break;
    }
  }
  const std::size_t place = std::max<std::size_t>(hops, 1);
  if (rules.fields.x_proto) {
    if (const auto text = FromRight(head, "x-forwarded-proto").at(place)) {
      const std::optional<std::string_view> scheme = parse_scheme(*text);
      if (!scheme) return ForwardedFault::Invalid;
      origin.scheme = *scheme;
    }
  }
  if (rules.fields.x_host) {
    if (const auto text = FromRight(head, "x-forwarded-host").at(place)) origin.host = *text;
  }
  if (rules.fields.x_port && !origin.host.empty()) {
    if (const auto text = FromRight(head, "x-forwarded-port").at(place)) {
      const std::optional<uint16_t> port = parse_port(*text);
      if (!port || *port == 0) return ForwardedFault::Invalid;
      const bool has_port = origin.host.find(':', origin.host.find(']') + 1) != std::string_view::npos;
      const bool is_usual = *port == (origin.scheme == "https" ? 443 : 80);
      if (!has_port && !is_usual) origin.port = *port;
    }
  }
  return std::optional(origin);
}

// --- both ----------------------------------------------------------------------------------------------------------

// A client's port that only one of them tells is no contradiction.
bool says_the_same(const Origin& a, const Origin& b) {
  const bool has_ports = a.client.port() != 0 && b.client.port() != 0;
  return a.client.ip() == b.client.ip() && (!has_ports || a.client.port() == b.client.port()) &&
         a.scheme == b.scheme && ascii::equals_ignore_case(a.authority(), b.authority());
}

bool is_x_forwarded(std::string_view name, const ForwardedFields& fields) {
  constexpr std::string_view kPrefix = "x-forwarded-";
  if (!name.starts_with(kPrefix)) return false;
  const std::string_view rest = name.substr(kPrefix.size());
  return (rest == "for" && fields.x_for) || (rest == "proto" && fields.x_proto) ||
         (rest == "host" && fields.x_host) || (rest == "port" && fields.x_port);
}

}  // namespace

ForwardedFields ForwardedFields::parse(const std::vector<std::string>& names) {
  ForwardedFields fields;
  const std::array<std::pair<std::string_view, bool*>, 5> table{{{"forwarded", &fields.forwarded},
                                                                 {"x-forwarded-for", &fields.x_for},
                                                                 {"x-forwarded-proto", &fields.x_proto},
                                                                 {"x-forwarded-host", &fields.x_host},
                                                                 {"x-forwarded-port", &fields.x_port}}};
  for (const std::string& name : names) {
    const auto found = std::find_if(table.begin(), table.end(),
                                    [&](const auto& row) { return ascii::equals_ignore_case(row.first, name); });
    if (found == table.end()) {
      throw Error(ErrorKind::Option, "\"" + name +
                                         "\" is no field that tells a request's origin: expected forwarded, "
                                         "x-forwarded-for, x-forwarded-proto, x-forwarded-host or x-forwarded-port");
    }
    *found->second = true;
  }
  // On its own it would be read and say nothing.
  if (fields.x_port && !fields.x_host) {
    throw Error(ErrorKind::Option, "\"x-forwarded-port\" completes x-forwarded-host: name that, too, or neither");
  }
  return fields;
}

Found find_origin(const RequestHead& head, const net::Address& peer, std::string_view scheme,
                  const ProxyRules& rules) {
  bool has_forwarded = false;
  bool has_x_forwarded = false;
  for (std::size_t i = 0; i < head.field_count(); ++i) {
    const std::string_view name = head.field(i).name;
    has_forwarded |= rules.fields.forwarded && name == "forwarded";
    has_x_forwarded |= is_x_forwarded(name, rules.fields);
  }
  if (!has_forwarded && !has_x_forwarded) return std::optional<Origin>();

  const Origin told_nothing{peer, scheme, {}, 0};
  Found x_forwarded = std::optional<Origin>();
  if (has_x_forwarded) {
    x_forwarded = read_x_forwarded(head, told_nothing, rules);
    if (!x_forwarded || !has_forwarded) return x_forwarded;
  }
  Found forwarded = read_forwarded(head, told_nothing, rules);
  if (!forwarded || !has_x_forwarded) return forwarded;
  if (!says_the_same(**forwarded, **x_forwarded)) return ForwardedFault::Conflict;
  return forwarded;
}

}  // namespace outrider::http
