// SPDX-License-Identifier: MIT
// What a client writes into Forwarded and X-Forwarded-For never decides who the client is: with what a trusted proxy
// adds behind it, the origin is the proxy's word, or the request is refused.
//
// Input: a byte that chooses, then the values of the fields as the client wrote them.

#include "http/forwarded.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support.h"

namespace outrider::fuzz {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;
using Found = Result<std::optional<http::Origin>, http::ForwardedFault>;

const std::vector<std::string> kAll = {"forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
                                       "x-forwarded-port"};

void fill(http::RequestHead& head, const Fields& fields) {
  const auto add = [&](const std::string& text) {
    const http::Span span{static_cast<uint32_t>(head.storage().size()), static_cast<uint32_t>(text.size())};
    head.storage().append(text);
    return span;
  };
  head.recycle();
  for (const auto& [name, value] : fields) {
    const http::Span name_span = add(name);
    head.layout().fields.push_back({name_span, add(value)});
  }
}

Found find(http::RequestHead& head, const Fields& fields, const http::ProxyRules& rules) {
  fill(head, fields);
  return http::find_origin(head, net::Address::parse("10.0.0.1", 4).value(), "http", rules);
}

void check_origin(http::RequestHead& head, const http::Origin& origin) {
  check(origin.scheme == "http" || origin.scheme == "https", "a scheme is one of two");
  check(origin.client.family() == AF_UNSPEC || origin.client.ip().has_value(), "a client has an IP address or none");
  const std::string_view all = head.storage().view();
  const char* const end = origin.host.data() + origin.host.size();
  check(origin.host.empty() || (origin.host.data() >= all.data() && end <= all.data() + all.size()),
        "a host is a part of the head");
  check(origin.port == 0 || !origin.host.empty(), "a port belongs to a host");
}

bool is_honest(const Found& found, const char* client, const char* scheme) {
  if (!found) return true;
  check(found.value().has_value(), "the proxy's word is heard");
  return found.value()->client.host() == client && found.value()->scheme == scheme;
}

}  // namespace
}  // namespace outrider::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace outrider;
  using namespace outrider::fuzz;
  Input input(data, size);
  const std::size_t choice = input.byte();
  const std::vector<std::string> trusted = {choice % 2 == 0 ? "10.0.0.0/8" : "*"};
  const http::ProxyRules all{net::TrustedProxies::parse(trusted), http::ForwardedFields::parse(kAll)};
  // What a parser of heads lets pass.
  const auto value = [&] {
    std::string text(input.text());
    for (char& c : text) c = ascii::is_field_byte(c) ? c : ' ';
    return std::string(ascii::trim(text));
  };
  const std::string forwarded = value(), x_for = value(), x_proto = value(), x_host = value(), x_port = value();
  http::RequestHead head;

  // As it came.
  const Fields claimed = {{"forwarded", forwarded},     {"x-forwarded-for", x_for},   {"x-forwarded-proto", x_proto},
                          {"x-forwarded-host", x_host}, {"x-forwarded-port", x_port}, {"forwarded", x_for}};
  const Found found = find(head, claimed, all);
  if (found && found.value()) check_origin(head, *found.value());
  for (const char* only : {"forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"}) {
    const http::ProxyRules rules{all.trusted, http::ForwardedFields::parse({only})};
    const Found one = find(head, claimed, rules);
    if (one && one.value()) check_origin(head, *one.value());
  }

  // A proxy adds its word behind the client's: in the same line, or in one of its own.
  const http::ProxyRules f{all.trusted, http::ForwardedFields::parse({"forwarded"})};
  const http::ProxyRules x{all.trusted, http::ForwardedFields::parse({"x-forwarded-for", "x-forwarded-proto"})};
  const std::string word = "for=203.0.113.7;proto=https";
  check(is_honest(find(head, {{"forwarded", forwarded + ", " + word}}, f), "203.0.113.7", "https"),
        "Forwarded in a line is the proxy's word");
  check(is_honest(find(head, {{"forwarded", forwarded}, {"forwarded", word}}, f), "203.0.113.7", "https"),
        "Forwarded in two lines is the proxy's word");
  const Found line = find(head, {{"x-forwarded-for", x_for + ", 203.0.113.7"}, {"x-forwarded-proto", "https"}}, x);
  check(bool(line) && is_honest(line, "203.0.113.7", "https"), "X-Forwarded-For in a line is the proxy's word");
  const Found lines =
      find(head, {{"x-forwarded-for", x_for}, {"x-forwarded-proto", "https"}, {"x-forwarded-for", "203.0.113.7"}}, x);
  check(bool(lines) && is_honest(lines, "203.0.113.7", "https"), "X-Forwarded-For in two lines is the proxy's word");
  // A proxy that writes one kind of fields passes the other on; both are read.
  const http::ProxyRules usual{all.trusted,
                               http::ForwardedFields::parse({"forwarded", "x-forwarded-for", "x-forwarded-proto"})};
  const Found mixed = find(
      head, {{"forwarded", forwarded}, {"x-forwarded-for", "203.0.113.7"}, {"x-forwarded-proto", "https"}}, usual);
  check(is_honest(mixed, "203.0.113.7", "https"), "the other kind of fields can't say anything else");
  if (mixed) check(mixed.value()->host.empty(), "nor more");
  return 0;
}
