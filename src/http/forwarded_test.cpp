// SPDX-License-Identifier: MIT
#include "http/forwarded.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "http/request_head.h"
#include "outrider/error.h"

namespace outrider::http {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

const std::vector<std::string> kAll = {"forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
                                       "x-forwarded-port"};

ProxyRules rules(const std::vector<std::string>& fields = kAll,
                 const std::vector<std::string>& trusted = {"10.0.0.0/8", "2001:db8:aaaa::/48"}) {
  return {net::TrustedProxies::parse(trusted), ForwardedFields::parse(fields)};
}

void fill(RequestHead& head, const Fields& fields) {
  const auto add = [&](const std::string& text) {
    const Span span{static_cast<uint32_t>(head.storage().size()), static_cast<uint32_t>(text.size())};
    head.storage().append(text);
    return span;
  };
  head.recycle();
  for (const auto& [name, value] : fields) {
    const Span name_span = add(name);
    head.layout().fields.push_back({name_span, add(value)});
  }
}

// "CLIENT SCHEME HOST" as far as the fields say it; "nothing", "invalid" or "conflict". The peer is 10.0.0.1.
std::string origin_of(const Fields& fields, const ProxyRules& with = rules()) {
  RequestHead head;
  fill(head, fields);
  const net::Address peer = net::Address::parse("10.0.0.1", 40000).value();
  const auto found = find_origin(head, peer, "http", with);
  if (!found) return found.error() == ForwardedFault::Conflict ? "conflict" : "invalid";
  if (!found.value()) return "nothing";
  const Origin& origin = *found.value();
  std::string text = origin.client.family() == AF_UNSPEC ? "unknown"
                     : origin.client.port() == 0         ? origin.client.host()
                                                         : origin.client.to_string();
  text += " " + std::string(origin.scheme);
  return origin.host.empty() ? text : text + " " + origin.authority();
}

std::string forwarded(const std::string& value) { return origin_of({{"forwarded", value}}); }
std::string x_for(const std::string& value) { return origin_of({{"x-forwarded-for", value}}); }

TEST_CASE("without the fields nothing is said") {
  CHECK(origin_of({}) == "nothing");
  CHECK(origin_of({{"host", "a"}, {"via", "1.1 b"}, {"x-real-ip", "1.2.3.4"}}) == "nothing");
}

TEST_CASE("fields that aren't configured say nothing, whatever is in them") {
  const ProxyRules none = rules({});
  CHECK(origin_of({{"forwarded", "for=1.2.3.4"}, {"x-forwarded-for", "nonsense"}}, none) == "nothing");
  const ProxyRules one = rules({"X-Forwarded-For"});
  CHECK(origin_of({{"x-forwarded-for", "1.2.3.4"}, {"x-forwarded-proto", "?"}, {"forwarded", "?"}}, one) ==
        "1.2.3.4 http");
  CHECK(origin_of({{"x-forwarded-proto", "https"}, {"x-forwarded-host", "a"}}, one) == "nothing");
}

TEST_CASE("Forwarded tells client, scheme and host") {
  CHECK(forwarded("for=192.0.2.60;proto=https;host=example.com;by=203.0.113.43") == "192.0.2.60 https example.com");
  CHECK(forwarded("For=\"[2001:db8:cafe::17]:4711\"") == "[2001:db8:cafe::17]:4711 http");
  CHECK(forwarded("FOR=\"192.0.2.43:47011\"; Proto=\"HTTPS\" ;HOST=\"example.com:8443\"") ==
        "192.0.2.43:47011 https example.com:8443");
  CHECK(forwarded("proto=https") == "10.0.0.1:40000 https");
  CHECK(forwarded("host=a") == "10.0.0.1:40000 http a");
  CHECK(forwarded(";;for=1.2.3.4;;") == "1.2.3.4 http");
  CHECK(forwarded("secret=\"a\\\"b,c;d=\\\\\";for=1.2.3.4;x=y") == "1.2.3.4 http");
  CHECK(forwarded("") == "10.0.0.1:40000 http");
}

TEST_CASE("who isn't known or isn't told is unknown") {
  for (const char* node : {"unknown", "Unknown", "_hidden", "_SEVKISEK", "_a.b-c_d", "\"_gazonk:_port\"",
                           "\"unknown:80\"", "\"_x:1\""}) {
    INFO(node);
    CHECK(forwarded("for=" + std::string(node) + ";proto=https") == "unknown https");
  }
  CHECK(forwarded("for=\"1.2.3.4:_port\"") == "1.2.3.4 http");
  CHECK(x_for("unknown") == "unknown http");
  CHECK(x_for("1.2.3.4, unknown") == "unknown http");
}

TEST_CASE("what a trusted proxy wrote and can't be understood is refused") {
  for (const char* value : {"for",
                            "for=",
                            "=1.2.3.4",
                            "for =1.2.3.4",
                            "for= 1.2.3.4",
                            "for=1.2.3.4 proto=http",
                            "for=\"1.2.3.4",
                            "for=\"1.2.3.4\"x",
                            "for=1.2.3.4;for=1.2.3.4",
                            "for=1.2.3.4;proto=http;Proto=https",
                            "by=a;by=b",
                            "for=1.2.3.4:80",
                            "for=[::1]",
                            "for=\"::1\"",
                            "for=\"[1.2.3.4]\"",
                            "for=\"[::1\"",
                            "for=\"[::1]80\"",
                            "for=\"[::1]:\"",
                            "for=\"1.2.3.4:\"",
                            "for=\"1.2.3.4:65536\"",
                            "for=\"1.2.3.4:+1\"",
                            "for=\"1.2.3.4:000001\"",
                            "for=1.2.3",
                            "for=01.2.3.4",
                            "for=example.com",
                            "for=_",
                            "for=\"_a b\"",
                            "for=\"[unknown]\"",
                            "for=\"\"",
                            "for=\"1.2.3.\\4\"",
                            "for=1.2.3.4;proto=ftp",
                            "for=1.2.3.4;proto=\"\"",
                            "for=1.2.3.4;host=\"\"",
                            "for=1.2.3.4;host=\"a\\b\"",
                            "for=1.2.3.4,;,=",
                            "for=1.2.3.4;a=\"\\",
                            "for=1.2.3.4;a=b=c",
                            "for@=1.2.3.4"}) {
    INFO(value);
    CHECK(forwarded(value) == "invalid");
  }
  for (const char* value : {"example.com", "1.2.3.4:", "1.2.3.4:x", "1.2.3", "[1.2.3.4]", "[::1", "[::1]x", "::1::",
                            "for=1.2.3.4", "1.2.3.4 5.6.7.8", "\"1.2.3.4\"", "1.2.3.4;5.6.7.8", "_", "fe80::1%lo"}) {
    INFO(value);
    CHECK(x_for(value) == "invalid");
  }
  CHECK(origin_of({{"x-forwarded-proto", "gopher"}}) == "invalid");
  CHECK(origin_of({{"x-forwarded-host", "a"}, {"x-forwarded-port", "0"}}) == "invalid");
  CHECK(origin_of({{"x-forwarded-host", "a"}, {"x-forwarded-port", "8080x"}}) == "invalid");
}

TEST_CASE("X-Forwarded-For is an address, perhaps with a port") {
  CHECK(x_for("192.0.2.60") == "192.0.2.60 http");
  CHECK(x_for("192.0.2.60:4711") == "192.0.2.60:4711 http");
  CHECK(x_for("2001:db8::7") == "2001:db8::7 http");
  CHECK(x_for("[2001:db8::7]") == "2001:db8::7 http");
  CHECK(x_for("[2001:db8::7]:4711") == "[2001:db8::7]:4711 http");
}

TEST_CASE("the client is the first from the right who isn't trusted") {
  CHECK(x_for("6.6.6.6, 192.0.2.60") == "192.0.2.60 http");
  CHECK(x_for("6.6.6.6,192.0.2.60,10.0.0.7") == "192.0.2.60 http");
  CHECK(x_for("6.6.6.6, 192.0.2.60, 2001:db8:aaaa::1, 10.0.0.7:1, ::ffff:10.0.0.8") == "192.0.2.60 http");
  CHECK(forwarded("for=6.6.6.6;proto=https;host=evil, for=192.0.2.60;proto=http;host=a") == "192.0.2.60 http a");
  CHECK(forwarded("for=6.6.6.6, for=192.0.2.60, for=\"[2001:db8:aaaa::1]\", for=10.0.0.7") == "192.0.2.60 http");
}

TEST_CASE("what stands left of the client is never looked at") {
  CHECK(x_for("nonsense, 192.0.2.60, 10.0.0.7") == "192.0.2.60 http");
  CHECK(forwarded("for=nonsense;proto=ftp;host=\"\", for=192.0.2.60") == "192.0.2.60 http");
  CHECK(x_for("nonsense, 10.0.0.7") == "invalid");
  CHECK(forwarded("for=nonsense, for=10.0.0.7") == "invalid");
}

TEST_CASE("a quoted string that a client begins can't swallow what the proxy wrote") {
  CHECK(forwarded("for=\"6.6.6.6, for=192.0.2.60") == "invalid");
  CHECK(forwarded("x=\"\\, for=192.0.2.60") == "invalid");
  CHECK(origin_of({{"forwarded", "for=6.6.6.6;x=\""}, {"forwarded", "for=192.0.2.60;x=\""}}) == "invalid");
}

TEST_CASE("when all are trusted, the client is the leftmost") {
  CHECK(x_for("10.0.0.9, 10.0.0.8") == "10.0.0.9 http");
  CHECK(forwarded("for=10.0.0.9;proto=https, for=10.0.0.8;proto=http") == "10.0.0.9 https");
}

TEST_CASE("a proxy that is trusted because it is connected says nothing of the others") {
  const ProxyRules everybody = rules(kAll, {"*", "unix"});
  CHECK(origin_of({{"x-forwarded-for", "6.6.6.6, 192.0.2.60"}}, everybody) == "192.0.2.60 http");
  CHECK(origin_of({{"forwarded", "for=6.6.6.6, for=192.0.2.60"}}, everybody) == "192.0.2.60 http");
}

TEST_CASE("several field lines are one list") {
  CHECK(origin_of({{"x-forwarded-for", "6.6.6.6, 192.0.2.60"}, {"host", "a"}, {"x-forwarded-for", "10.0.0.7"}}) ==
        "192.0.2.60 http");
  CHECK(origin_of({{"forwarded", "for=6.6.6.6"}, {"forwarded", "for=192.0.2.60"}, {"forwarded", "for=10.0.0.7"}}) ==
        "192.0.2.60 http");
  CHECK(x_for(" , 192.0.2.60 ,, \t,") == "192.0.2.60 http");
  CHECK(forwarded(", for=192.0.2.60 ,, \t,") == "192.0.2.60 http");
}

TEST_CASE("scheme and host are those that the proxy nearest to the client tells") {
  CHECK(forwarded("for=192.0.2.60;proto=https;host=a, for=10.0.0.7;proto=http;host=b") == "192.0.2.60 https a");
  CHECK(forwarded("for=192.0.2.60, for=10.0.0.7;proto=https;host=b") == "192.0.2.60 https b");
  const Fields chain = {{"x-forwarded-for", "6.6.6.6, 192.0.2.60, 10.0.0.7"}};
  const auto with = [&](const char* proto, const char* host) {
    Fields fields = chain;
    fields.emplace_back("x-forwarded-proto", proto);
    fields.emplace_back("x-forwarded-host", host);
    return origin_of(fields);
  };
  // All proxies write behind what they found: the same place as the client's.
  CHECK(with("http, https, http", "evil, a, b") == "192.0.2.60 https a");
  // The first one replaced it, the others passed it on.
  CHECK(with("https", "a") == "192.0.2.60 https a");
  CHECK(with("", "") == "192.0.2.60 http");
  CHECK(origin_of({{"x-forwarded-proto", "https, http"}}) == "10.0.0.1:40000 http");
  CHECK(origin_of({{"x-forwarded-proto", "wss"}}) == "10.0.0.1:40000 https");
  CHECK(origin_of({{"x-forwarded-proto", "WS"}}) == "10.0.0.1:40000 http");
}

TEST_CASE("X-Forwarded-Port completes the host") {
  const auto with = [](const char* proto, const char* host, const char* port) {
    return origin_of({{"x-forwarded-for", "1.2.3.4"},
                      {"x-forwarded-proto", proto},
                      {"x-forwarded-host", host},
                      {"x-forwarded-port", port}});
  };
  CHECK(with("http", "a", "8080") == "1.2.3.4 http a:8080");
  CHECK(with("https", "[::1]", "8443") == "1.2.3.4 https [::1]:8443");
  CHECK(with("http", "a", "80") == "1.2.3.4 http a");
  CHECK(with("https", "a", "443") == "1.2.3.4 https a");
  CHECK(with("https", "a", "80") == "1.2.3.4 https a:80");
  CHECK(with("http", "a:1", "8080") == "1.2.3.4 http a:1");
  CHECK(with("http", "[::1]:1", "8080") == "1.2.3.4 http [::1]:1");
  CHECK(with("http", "", "8080") == "1.2.3.4 http");
}

TEST_CASE("Forwarded and X-Forwarded that say the same are believed") {
  CHECK(origin_of({{"forwarded", "for=\"1.2.3.4:99\";proto=https;host=\"A:8443\""},
                   {"x-forwarded-for", "1.2.3.4"},
                   {"x-forwarded-proto", "https"},
                   {"x-forwarded-host", "a"},
                   {"x-forwarded-port", "8443"}}) == "1.2.3.4:99 https A:8443");
  CHECK(origin_of({{"forwarded", "for=unknown"}, {"x-forwarded-for", "unknown"}}) == "unknown http");
}

TEST_CASE("Forwarded and X-Forwarded that say different things are refused") {
  const Fields honest = {{"x-forwarded-for", "1.2.3.4"}, {"x-forwarded-proto", "https"}};
  for (const char* claim : {"for=6.6.6.6", "for=1.2.3.4", "for=1.2.3.4;proto=http", "proto=https",
                            "for=1.2.3.4;proto=https;host=evil", "for=unknown;proto=https", ""}) {
    INFO(claim);
    Fields fields = honest;
    fields.emplace_back("forwarded", claim);
    CHECK(origin_of(fields) == "conflict");
  }
  CHECK(origin_of({{"forwarded", "for=1.2.3.4;proto=http"}, {"x-forwarded-proto", "https"}}) == "conflict");
  CHECK(origin_of({{"forwarded", "for=\"1.2.3.4:1\""}, {"x-forwarded-for", "1.2.3.4:2"}}) == "conflict");
  CHECK(origin_of({{"forwarded", "for=1.2.3.4"}, {"x-forwarded-for", "?"}}) == "invalid");
  CHECK(origin_of({{"forwarded", "?"}, {"x-forwarded-for", "1.2.3.4"}}) == "invalid");
}

TEST_CASE("a chain of proxies is looked at as far as it is long, and no further") {
  const auto chain = [](std::size_t proxies) {
    std::string x = "6.6.6.6, 192.0.2.60", f = "for=6.6.6.6, for=192.0.2.60";
    for (std::size_t i = 0; i < proxies; ++i) x += ", 10.0.0.7", f += ", for=10.0.0.7";
    CHECK(x_for(x) == forwarded(f));
    return x_for(x);
  };
  CHECK(chain(kHopsMax - 2) == "192.0.2.60 http");
  CHECK(chain(kHopsMax - 1) == "192.0.2.60 http");
  CHECK(chain(kHopsMax) == "invalid");
  CHECK(chain(5000) == "invalid");
}

TEST_CASE("fields that tell no origin can't be configured") {
  const auto complaint = [](const char* name) -> std::string {
    try {
      ForwardedFields::parse({name});
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::Option);
      return error.what();
    }
    return "";
  };
  CHECK(
      complaint("x-real-ip").find("\"x-real-ip\" is no field that tells a request's origin: expected forwarded, ") ==
      0);
  CHECK(complaint("x-forwarded-port").find("completes x-forwarded-host") != std::string::npos);
  CHECK(complaint("Forwarded").empty());
}

}  // namespace
}  // namespace outrider::http
