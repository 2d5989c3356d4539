// SPDX-License-Identifier: MIT
#include "http1/head_parser.h"

#include <doctest/doctest.h>

#include <cctype>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "testing/fragmenter.h"

using namespace std::string_literals;

namespace outrider::http1 {
namespace {

// What a parser said about some bytes.
struct Verdict {
  std::optional<Fault> fault;
  bool is_complete = false;
  std::size_t consumed = 0;
  std::string head;
};

std::string framing(const http::RequestHead& head) {
  switch (head.body_framing()) {
    case http::BodyFraming::None:
      return "";
    case http::BodyFraming::Length:
      return " length=" + std::to_string(head.content_length());
    case http::BodyFraming::Chunked:
      return " chunked";
  }
  return "";
}

// A head as one line, so that a table can hold what is expected.
std::string describe(const http::RequestHead& head) {
  std::string text(head.method());
  text.append(" ").append(head.target()).append(" 1.").append(std::to_string(head.minor_version()));
  text.append(" path=").append(head.path()).append(" query=").append(head.query());
  text.append(" for=").append(head.authority()).append(framing(head));
  if (head.expects_continue()) text.append(" expects-continue");
  if (!head.wants_keep_alive()) text.append(" close");
  if (!head.upgrade().empty()) text.append(" upgrade=").append(head.upgrade());
  for (std::size_t i = 0; i < head.field_count(); ++i) {
    text.append(" [").append(head.field(i).name).append("|").append(head.field(i).value).append("]");
  }
  return text;
}

Verdict parse(const testing::Fragments& fragments, const Limits& limits) {
  http::RequestHead head;
  HeadParser parser(limits);
  parser.begin(head);
  Verdict verdict;
  for (const std::string_view fragment : fragments) {
    const Result<HeadParser::Progress, ProtocolError> progress = parser.feed(fragment);
    if (!progress) {
      verdict.fault = progress.error().fault;
      return verdict;
    }
    verdict.consumed += progress.value().consumed;
    verdict.is_complete = progress.value().is_complete;
    if (verdict.is_complete) {
      verdict.head = describe(head);
      return verdict;
    }
    // An incomplete head takes all there is.
    CHECK(progress.value().consumed == fragment.size());
  }
  return verdict;
}

void expect_head(const std::string& input, const std::string& head, const Limits& limits = {}) {
  for (const std::string trailing : {"", "G", "\r\n", "GET /next HTTP/1.1\r\n"}) {
    const std::string bytes = input + trailing;
    testing::for_each_fragmentation(bytes, [&](const testing::Fragments& fragments) {
      const Verdict verdict = parse(fragments, limits);
      CHECK(!verdict.fault.has_value());
      CHECK(verdict.is_complete);
      CHECK(verdict.consumed == input.size());
      CHECK(verdict.head == head);
    });
  }
  // And every part of it is incomplete, not wrong.
  for (std::size_t size = 1; size < input.size(); ++size) {
    const Verdict verdict = parse({std::string_view(input).substr(0, size)}, limits);
    CHECK(!verdict.fault.has_value());
    CHECK(!verdict.is_complete);
  }
}

void expect_fault(const std::string& input, Fault fault, const Limits& limits = {}) {
  for (const std::string trailing : {"", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"}) {
    const std::string bytes = input + trailing;
    testing::for_each_fragmentation(bytes, [&](const testing::Fragments& fragments) {
      const Verdict verdict = parse(fragments, limits);
      REQUIRE(verdict.fault.has_value());
      CHECK(*verdict.fault == fault);
    });
  }
}

// --- what is accepted ----------------------------------------------------------------------------------------------

struct Accepted {
  std::string input;
  std::string head;
};

const Accepted kTargets[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 1.1 path=/ query= for=a [host|a]"},
    {"GET /a/b%20c?d=e&f HTTP/1.1\r\nHost: a\r\n\r\n",
     "GET /a/b%20c?d=e&f 1.1 path=/a/b%20c query=d=e&f for=a [host|a]"},
    {"GET /? HTTP/1.1\r\nHost: a\r\n\r\n", "GET /? 1.1 path=/ query= for=a [host|a]"},
    {"GET /a?b?c HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a?b?c 1.1 path=/a query=b?c for=a [host|a]"},
    {"GET //a HTTP/1.1\r\nHost: a\r\n\r\n", "GET //a 1.1 path=//a query= for=a [host|a]"},
    {"GET /{a|b}^`?\\ HTTP/1.1\r\nHost: a\r\n\r\n", "GET /{a|b}^`?\\ 1.1 path=/{a|b}^` query=\\ for=a [host|a]"},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * 1.1 path=* query= for=a [host|a]"},
    {"GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://a/b?c 1.1 path=/b query=c for=a [host|a]"},
    {"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://a 1.1 path=/ query= for=a [host|a]"},
    {"GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://a?q 1.1 path=/ query=q for=a [host|a]"},
    {"GET HTTP://A:1/ HTTP/1.1\r\nHost: a:1\r\n\r\n", "GET HTTP://A:1/ 1.1 path=/ query= for=A:1 [host|a:1]"},
    {"GET http://[::1]:8/ HTTP/1.1\r\nHost: [::1]:8\r\n\r\n",
     "GET http://[::1]:8/ 1.1 path=/ query= for=[::1]:8 [host|[::1]:8]"},
    {"GET http://a/ HTTP/1.0\r\n\r\n", "GET http://a/ 1.0 path=/ query= for=a close"},
    {"M-SEARCH /a HTTP/1.1\r\nHost: a\r\n\r\n", "M-SEARCH /a 1.1 path=/a query= for=a [host|a]"},
    {"get / HTTP/1.1\r\nHost: a\r\n\r\n", "get / 1.1 path=/ query= for=a [host|a]"},
    {"!#$%&'*+-.^_`|~09 / HTTP/1.1\r\nHost: a\r\n\r\n", "!#$%&'*+-.^_`|~09 / 1.1 path=/ query= for=a [host|a]"},
    {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 1.1 path=/ query= for=a [host|a]"},
};

const Accepted kFields[] = {
    {"GET / HTTP/1.1\r\nHost:a\r\n\r\n", "GET / 1.1 path=/ query= for=a [host|a]"},
    {"GET / HTTP/1.1\r\nHOST: \t a \t\r\n\r\n", "GET / 1.1 path=/ query= for=a [host|a]"},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / 1.1 path=/ query= for= [host|]"},
    {"GET / HTTP/1.1\r\nHost: \t \r\n\r\n", "GET / 1.1 path=/ query= for= [host|]"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX:\r\nY: \r\n\r\n", "GET / 1.1 path=/ query= for=a [host|a] [x|] [y|]"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: b c\td\r\n\r\n", "GET / 1.1 path=/ query= for=a [host|a] [x|b c\td]"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: \x80\xff\xc3\xa4\r\n\r\n",
     "GET / 1.1 path=/ query= for=a [host|a] [x|\x80\xff\xc3\xa4]"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nx: 2\r\nX: 1\r\n\r\n",
     "GET / 1.1 path=/ query= for=a [host|a] [x|1] [x|2] [x|1]"},
    {"GET / HTTP/1.1\r\nX: :\r\nHost: a\r\n\r\n", "GET / 1.1 path=/ query= for=a [x|:] [host|a]"},
    {"GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~0: 1\r\n\r\n",
     "GET / 1.1 path=/ query= for=a [host|a] [!#$%&'*+-.^_`|~0|1]"},
    {"GET / HTTP/1.1\r\nHost: EXAMPLE.com:80\r\n\r\n",
     "GET / 1.1 path=/ query= for=EXAMPLE.com:80 [host|EXAMPLE.com:80]"},
    {"GET / HTTP/1.1\r\nHost: a:\r\n\r\n", "GET / 1.1 path=/ query= for=a: [host|a:]"},
    {"GET / HTTP/1.1\r\nHost: [fe80::1]\r\n\r\n", "GET / 1.1 path=/ query= for=[fe80::1] [host|[fe80::1]]"},
    {"GET / HTTP/1.1\r\nHost: [::ffff:1.2.3.4]:65535\r\n\r\n",
     "GET / 1.1 path=/ query= for=[::ffff:1.2.3.4]:65535 [host|[::ffff:1.2.3.4]:65535]"},
    {"GET / HTTP/1.1\r\nHost: a_b-c.d~e%20\r\n\r\n", "GET / 1.1 path=/ query= for=a_b-c.d~e%20 [host|a_b-c.d~e%20]"},
};

const Accepted kFraming[] = {
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
     "POST / 1.1 path=/ query= for=a [host|a] [content-length|0]"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\n\r\n",
     "POST / 1.1 path=/ query= for=a length=7 [host|a] [content-length|007]"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999999999\r\n\r\n",
     "POST / 1.1 path=/ query= for=a length=999999999999999999 [host|a] [content-length|999999999999999999]"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
     "POST / 1.1 path=/ query= for=a chunked [host|a] [transfer-encoding|chunked]"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED \r\n\r\n",
     "POST / 1.1 path=/ query= for=a chunked [host|a] [transfer-encoding|CHUNKED]"},
    {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n",
     "POST / 1.1 path=/ query= for=a length=1 expects-continue [host|a] [expect|100-Continue] [content-length|1]"},
    // Without content, and in HTTP/1.0, there is nothing to wait for.
    {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
     "POST / 1.1 path=/ query= for=a [host|a] [expect|100-continue]"},
    {"POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
     "POST / 1.0 path=/ query= for= length=1 close [content-length|1] [expect|100-continue]"},
};

const Accepted kPersistence[] = {
    {"GET / HTTP/1.0\r\n\r\n", "GET / 1.0 path=/ query= for= close"},
    {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET / 1.0 path=/ query= for= [connection|Keep-Alive]"},
    {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
     "GET / 1.0 path=/ query= for= close [connection|keep-alive, close]"},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: CLOSE\r\n\r\n",
     "GET / 1.1 path=/ query= for=a close [host|a] [connection|CLOSE]"},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: te , close\r\n\r\n",
     "GET / 1.1 path=/ query= for=a close [host|a] [connection|te , close]"},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: te\r\nConnection: close\r\n\r\n",
     "GET / 1.1 path=/ query= for=a close [host|a] [connection|te] [connection|close]"},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n",
     "GET / 1.1 path=/ query= for=a [host|a] [connection|closed]"},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: , ,\r\n\r\n",
     "GET / 1.1 path=/ query= for=a [host|a] [connection|, ,]"},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
     "GET / 1.1 path=/ query= for=a upgrade=websocket [host|a] [connection|Upgrade] [upgrade|websocket]"},
    {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
     "GET / 1.1 path=/ query= for=a [host|a] [upgrade|websocket]"},
    {"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: H2C\r\nContent-Length: 1\r\n\r\n",
     "POST / 1.1 path=/ query= for=a length=1 upgrade=H2C [host|a] [connection|upgrade] [upgrade|H2C] "
     "[content-length|1]"},
    {"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 0\r\n\r\n",
     "POST / 1.1 path=/ query= for=a upgrade=x [host|a] [connection|upgrade] [upgrade|x] [content-length|0]"},
    {"POST / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\n",
     "POST / 1.1 path=/ query= for=a length=1 [host|a] [upgrade|x] [content-length|1]"},
    {"POST / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\n",
     "POST / 1.0 path=/ query= for= length=1 close [connection|upgrade] [upgrade|x] [content-length|1]"},
    {"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
     "GET / 1.0 path=/ query= for= close [connection|upgrade] [upgrade|websocket]"},
};

template <std::size_t N>
void expect_all(const Accepted (&table)[N]) {
  for (const Accepted& row : table) {
    INFO(row.input);
    expect_head(row.input, row.head);
  }
}

TEST_CASE("every form of a request target is understood however it is cut") { expect_all(kTargets); }
TEST_CASE("fields are folded to lower case and trimmed however they are cut") { expect_all(kFields); }
TEST_CASE("the framing of a body is settled by the head") { expect_all(kFraming); }
TEST_CASE("persistence and upgrade are settled by the head") { expect_all(kPersistence); }

// --- what is refused -----------------------------------------------------------------------------------------------

struct Refused {
  std::string input;
  Fault fault;
};

const Refused kRequestLines[] = {
    {"GET / HTTP/1.1\nHost: a\r\n\r\n", Fault::BareLineFeed},
    {"\nGET / HTTP/1.1\r\n", Fault::BareLineFeed},
    {"\x16\x03\x01", Fault::TlsRecord},
    {"\r\n\x16\x03\x01", Fault::TlsRecord},
    {"\r\n\r\n", Fault::MethodInvalid},
    {" GET / HTTP/1.1\r\n", Fault::MethodInvalid},
    {"G@T / HTTP/1.1\r\n", Fault::MethodInvalid},
    {"GET\t/ HTTP/1.1\r\n", Fault::MethodInvalid},
    {"GET\0 / HTTP/1.1\r\n"s, Fault::MethodInvalid},
    {"G\xc3\xa4T / HTTP/1.1\r\n", Fault::MethodInvalid},
    {"GET\r\n", Fault::MethodInvalid},
    {"\x16\x03\x01\x02\x01 TLS\r\n", Fault::TlsRecord},
    {"CONNECT a:1 HTTP/1.1\r\n", Fault::MethodNotImplemented},
    {"CONNECT / HTTP/1.1\r\n", Fault::MethodNotImplemented},
    {"GET  / HTTP/1.1\r\n", Fault::TargetInvalid},
    {"GET \r\n", Fault::TargetInvalid},
    {"GET / a HTTP/1.1\r\n", Fault::VersionInvalid},
    {"GET /\t HTTP/1.1\r\n", Fault::TargetInvalid},
    {"GET /a\rb HTTP/1.1\r\n", Fault::TargetInvalid},
    {"GET /\0 HTTP/1.1\r\n"s, Fault::TargetInvalid},
    {"GET /\x7f HTTP/1.1\r\n", Fault::TargetInvalid},
    {"GET /\xc3\xa4 HTTP/1.1\r\n", Fault::TargetInvalid},
    {"GET /a#b HTTP/1.1\r\n", Fault::TargetInvalid},
    {"GET /a\\b HTTP/1.1\r\n", Fault::TargetInvalid},
    {"GET http://a/b\\c HTTP/1.1\r\n", Fault::TargetInvalid},
    {"GET http://a\\b/ HTTP/1.1\r\n", Fault::TargetInvalid},
    {"GET a HTTP/1.1\r\n", Fault::TargetInvalid},
    {"GET * HTTP/1.1\r\n", Fault::TargetInvalid},
    {"OPTIONS ** HTTP/1.1\r\n", Fault::TargetInvalid},
    {"GET a:80 HTTP/1.1\r\n", Fault::TargetInvalid},
    {"GET ftp://a/ HTTP/1.1\r\n", Fault::TargetInvalid},
    {"GET http:/a HTTP/1.1\r\n", Fault::TargetInvalid},
    {"GET http:///a HTTP/1.1\r\n", Fault::TargetInvalid},
    {"GET http://u@a/ HTTP/1.1\r\n", Fault::TargetInvalid},
    {"GET http://a:b/ HTTP/1.1\r\n", Fault::TargetInvalid},
    {"GET https://a/ HTTP/1.1\r\n", Fault::SchemeUnsecured},
    {"GET HTTPS:// HTTP/1.1\r\n", Fault::SchemeUnsecured},
    {"GET http://[::1/ HTTP/1.1\r\n", Fault::TargetInvalid},
    {"GET /\r\n", Fault::VersionInvalid},
    {"GET / \r\n", Fault::VersionInvalid},
    {"GET / http/1.1\r\n", Fault::VersionInvalid},
    {"GET / HTTP/1.1 \r\n", Fault::VersionInvalid},
    {"GET /  HTTP/1.1\r\n", Fault::VersionInvalid},
    {"GET / HTTP/1.1\r\r\n", Fault::VersionInvalid},
    {"GET / HTTP/11\r\n", Fault::VersionInvalid},
    {"GET / HTTP/1.10\r\n", Fault::VersionInvalid},
    {"GET / HTTP/1,1\r\n", Fault::VersionInvalid},
    {"GET / HTTQ/1.1\r\n", Fault::VersionInvalid},
    {"GET / HTTP/2.0\r\n", Fault::VersionUnsupported},
    {"PRI * HTTP/2.0\r\n", Fault::VersionUnsupported},
    {"GET / HTTP/1.2\r\n", Fault::VersionUnsupported},
    {"GET / HTTP/0.9\r\n", Fault::VersionUnsupported},
};

const Refused kFieldLines[] = {
    {"GET / HTTP/1.1\r\nHost: a\n\r\n", Fault::BareLineFeed},
    {"GET / HTTP/1.1\r\nHost: a\r\n\n", Fault::BareLineFeed},
    {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", Fault::ObsoleteFold},
    {"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", Fault::ObsoleteFold},
    {"GET / HTTP/1.1\r\nHost: a\r\n\tb: c\r\n\r\n", Fault::ObsoleteFold},
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", Fault::SpaceBeforeColon},
    {"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", Fault::SpaceBeforeColon},
    {"GET / HTTP/1.1\r\nHost a: b\r\n\r\n", Fault::SpaceBeforeColon},
    {"GET / HTTP/1.1\r\n: a\r\n\r\n", Fault::FieldNameInvalid},
    {"GET / HTTP/1.1\r\nHost\r\n\r\n", Fault::FieldNameInvalid},
    {"GET / HTTP/1.1\r\nHo(st: a\r\n\r\n", Fault::FieldNameInvalid},
    {"GET / HTTP/1.1\r\nHo\0st: a\r\n\r\n"s, Fault::FieldNameInvalid},
    {"GET / HTTP/1.1\r\nHo\rst: a\r\n\r\n", Fault::FieldNameInvalid},
    {"GET / HTTP/1.1\r\n\xc3\xa4: a\r\n\r\n", Fault::FieldNameInvalid},
    {"GET / HTTP/1.1\r\n\rHost: a\r\n\r\n", Fault::FieldNameInvalid},
    {"GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", Fault::FieldValueInvalid},
    {"GET / HTTP/1.1\r\nX: a\r\r\n\r\n", Fault::FieldValueInvalid},
    {"GET / HTTP/1.1\r\nX: a\0b\r\n\r\n"s, Fault::FieldValueInvalid},
    {"GET / HTTP/1.1\r\nX: \x01\r\n\r\n", Fault::FieldValueInvalid},
    {"GET / HTTP/1.1\r\nX: 0123456789abcdef0123456789\x7f\r\n\r\n", Fault::FieldValueInvalid},
};

const Refused kMeanings[] = {
    {"GET / HTTP/1.1\r\n\r\n", Fault::HostMissing},
    {"GET http://a/ HTTP/1.1\r\n\r\n", Fault::HostMissing},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Fault::HostRepeated},
    {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", Fault::HostRepeated},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: :80\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: []\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: [::g]\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: [1]\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: [1.2.3.4]\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: [1::2::3]\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: [1:2:3:4:5:6:7:8:9]\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: [v1.a]\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: [1:2:3:4:5:6:7:255.255.255.255:8888888888888888]\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: [::1]:65536\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: a:000080\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: a%\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: a%4\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: a%4g\r\n\r\n", Fault::HostInvalid},
    {"GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n", Fault::HostInvalid},
    {"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", Fault::HostConflict},
    {"GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n", Fault::HostConflict},
    {"GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n", Fault::HostConflict},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", Fault::ContentLengthInvalid},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", Fault::ContentLengthInvalid},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", Fault::ContentLengthInvalid},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 2\r\n\r\n", Fault::ContentLengthInvalid},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", Fault::ContentLengthInvalid},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1.0\r\n\r\n", Fault::ContentLengthInvalid},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999999\r\n\r\n", Fault::ContentLengthInvalid},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\n", Fault::ContentLengthInvalid},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", Fault::ContentLengthRepeated},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", Fault::ContentLengthRepeated},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
     Fault::ContentLengthWithTransferEncoding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
     Fault::ContentLengthWithTransferEncoding},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Fault::TransferEncodingInHttp10},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", Fault::TransferEncodingNotChunked},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", Fault::TransferEncodingNotChunked},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", Fault::TransferEncodingInvalid},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n", Fault::TransferEncodingInvalid},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n", Fault::TransferEncodingInvalid},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, , chunked\r\n\r\n", Fault::TransferEncodingInvalid},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chun ked\r\n\r\n", Fault::TransferEncodingInvalid},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", Fault::TransferEncodingInvalid},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\xa0\r\n\r\n", Fault::TransferEncodingInvalid},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", Fault::TransferEncodingNotChunked},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", Fault::TransferEncodingNotChunked},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     Fault::TransferEncodingNotChunked},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n", Fault::TransferEncodingNotChunked},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", Fault::TransferEncodingNotChunked},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0b"
     "chunked\r\n\r\n",
     Fault::FieldValueInvalid},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Fault::TransferEncodingUnknown},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip;x=1 , chunked\r\n\r\n", Fault::TransferEncodingUnknown},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: clo se\r\n\r\n", Fault::ConnectionInvalid},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: a, \"close\"\r\n\r\n", Fault::ConnectionInvalid},
    {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", Fault::ExpectationUnknown},
    {"POST / HTTP/1.1\r\nHost: a\r\nExpect:\r\n\r\n", Fault::ExpectationUnknown},
    {"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\n",
     Fault::UpgradeWithContent},
    {"POST / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\nTransfer-Encoding: chunked\r\n\r\n",
     Fault::UpgradeWithContent},
    {"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c, x\r\nContent-Length: 1\r\n\r\n",
     Fault::UpgradeWithContent},
    {"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\n",
     Fault::UpgradeWithContent},
};

template <std::size_t N>
void refuse_all(const Refused (&table)[N]) {
  for (const Refused& row : table) {
    INFO(row.input);
    expect_fault(row.input, row.fault);
  }
}

TEST_CASE("a request line that two parsers could read differently is refused") { refuse_all(kRequestLines); }
TEST_CASE("a field line that two parsers could read differently is refused") { refuse_all(kFieldLines); }
TEST_CASE("fields that contradict each other or have no clear meaning are refused") { refuse_all(kMeanings); }

TEST_CASE("only visible ASCII may stand in a target, but for four characters, and a backslash in the query alone") {
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    const std::string input = "GET /" + std::string(1, static_cast<char>(byte)) + "x HTTP/1.1\r\nHost: a\r\n\r\n";
    const Verdict verdict = parse({input}, Limits());
    const bool is_allowed = byte > 0x20 && byte < 0x7f && std::strchr("#\"<>\\", byte) == nullptr;
    CHECK(verdict.is_complete == is_allowed);
    CHECK(verdict.fault.has_value() == !is_allowed);
  }
}

TEST_CASE("only token characters may stand in a method and in a field name") {
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    const char c = static_cast<char>(byte);
    const bool is_allowed =
        byte < 0x80 && (std::isalnum(byte) != 0 || (byte != 0 && std::strchr("!#$%&'*+-.^_`|~", byte)));
    const std::string letter(1, c);
    CHECK(parse({"G" + letter + "T / HTTP/1.1\r\nHost: a\r\n\r\n"}, Limits()).is_complete == is_allowed);
    if (c == ':') continue;  // ends the name
    CHECK(parse({"GET / HTTP/1.1\r\nHost: a\r\nX" + letter + "Y: 1\r\n\r\n"}, Limits()).is_complete == is_allowed);
  }
}

// --- limits --------------------------------------------------------------------------------------------------------

TEST_CASE("a request line is limited at the byte") {
  Limits limits;
  limits.request_line_bytes_max = 20;
  const std::string rest = "Host: a\r\n\r\n";
  expect_head("GET /2345 HTTP/1.1\r\n" + rest, "GET /2345 1.1 path=/2345 query= for=a [host|a]", limits);
  expect_head("GET /234567 HTTP/1.1\r\n" + rest, "GET /234567 1.1 path=/234567 query= for=a [host|a]", limits);
  expect_fault("GET /2345678 HTTP/1.1\r\n" + rest, Fault::RequestLineTooLong, limits);
  expect_fault("GET /23456789012345678901234567890", Fault::RequestLineTooLong, limits);
}

TEST_CASE("a request line of 8000 bytes is taken, and a method longer than a line may be isn't known") {
  const std::string line = "GET /" + std::string(7986, 'a') + " HTTP/1.1";
  REQUIRE(line.size() == 8000);
  CHECK(parse({line + "\r\nHost: a\r\n\r\n"}, Limits()).is_complete);
  Limits limits;
  limits.request_line_bytes_max = 20;
  expect_fault("METHOD789012345678901 / HTTP/1.1\r\n", Fault::MethodTooLong, limits);
  expect_fault("METHOD78901234567890 / HTTP/1.1\r\n", Fault::RequestLineTooLong, limits);
  expect_fault("METHOD@89012345678901 / HTTP/1.1\r\n", Fault::RequestLineTooLong, limits);
}

TEST_CASE("the method of a request line that is refused is known, if it has one") {
  Limits limits;
  limits.request_line_bytes_max = 20;
  const struct {
    std::string input, method;
  } table[] = {
      {"HEAD / HTTP/1.1\n", "HEAD"},
      {"HEAD /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "HEAD"},
      {"HEAD /\x01 HTTP/1.1\r\n", "HEAD"},
      {"HEAD / HTTP/3.0\r\n", "HEAD"},
      {"\r\nHEAD /\n", "HEAD"},
      {"H@AD / HTTP/1.1\n", ""},
      {"HEAD\n", ""},
  };
  for (const auto& row : table) {
    INFO(row.input);
    http::RequestHead head;
    HeadParser parser(limits);
    parser.begin(head);
    CHECK(!parser.feed(row.input));
    CHECK(head.method() == row.method);
  }
}

TEST_CASE("a head is limited at the byte") {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: 12345678\r\n\r\n";
  Limits limits;
  limits.head_bytes_max = head.size();
  const std::string described = "GET / 1.1 path=/ query= for=a [host|a] [x|12345678]";
  expect_head(head, described, limits);
  limits.head_bytes_max = head.size() + 1;
  expect_head(head, described, limits);
  limits.head_bytes_max = head.size() - 1;
  expect_fault(head, Fault::HeadTooLarge, limits);
  limits.head_bytes_max = 10;  // less than the request line
  expect_fault(head, Fault::HeadTooLarge, limits);
}

TEST_CASE("a head without any line ending is refused as soon as it is too large") {
  Limits limits;
  limits.request_line_bytes_max = 100;
  HeadParser parser(limits);
  http::RequestHead head;
  parser.begin(head);
  CHECK(parser.feed("GET /" + std::string(96, 'a')).value().is_complete == false);
  const auto progress = parser.feed("a");
  REQUIRE(!progress);
  CHECK(progress.error().fault == Fault::RequestLineTooLong);
}

TEST_CASE("the number of fields is limited") {
  Limits limits;
  limits.header_count_max = 3;
  const std::string start = "GET / HTTP/1.1\r\nHost: a\r\n";
  expect_head(start + "B: 2\r\n\r\n", "GET / 1.1 path=/ query= for=a [host|a] [b|2]", limits);
  expect_head(start + "B: 2\r\nC: 3\r\n\r\n", "GET / 1.1 path=/ query= for=a [host|a] [b|2] [c|3]", limits);
  expect_fault(start + "B: 2\r\nC: 3\r\nD: 4\r\n\r\n", Fault::TooManyFields, limits);
}

TEST_CASE("a head larger than a copying step is read whole and leaves what follows alone") {
  std::string head = "GET /" + std::string(5000, 'p') + " HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 100; ++i) head += "X-" + std::to_string(i) + ": " + std::string(100, 'v') + "\r\n";
  head += "\r\n";
  for (std::size_t trailing : {0U, 1U, 2047U, 2048U, 5000U}) {
    const Verdict verdict = parse({head + std::string(trailing, 'b')}, Limits());
    CHECK(verdict.is_complete);
    CHECK(verdict.consumed == head.size());
  }
}

TEST_CASE("a parser is used again for the next head") {
  const Limits limits;
  HeadParser parser(limits);
  http::RequestHead head;
  for (const char* input : {"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\n",
                            "GET /b HTTP/1.1\r\nHost: b\r\n\r\n"}) {
    head.recycle();
    parser.begin(head);
    REQUIRE(parser.feed(input).value().is_complete);
  }
  CHECK(describe(head) == "GET /b 1.1 path=/b query= for=b [host|b]");
  CHECK(head.find("host") == "b");
  CHECK(head.find("connection").data() == nullptr);
}

}  // namespace
}  // namespace outrider::http1
