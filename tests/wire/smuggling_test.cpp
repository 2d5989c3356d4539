// SPDX-License-Identifier: MIT
// Request smuggling: the known ways in which two recipients find different requests in the same bytes, family by
// family. Behind each attack comes another request, the canary. A refused attack is answered once, the connection
// ends, and the application never hears of the canary; after an accepted one the canary is the very next request.
//
// The families are those of the literature since Linhart et al. (2005): Kettle's "HTTP Desync Attacks" (2019 to
// 2025), Kallus et al., "The HTTP Garden" (2024), and the advisories of the servers and proxies that were mended.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "cases.h"
#include "http/status.h"
#include "http1/protocol_error.h"
#include "routes.h"
#include "testing/fragmenter.h"

using namespace std::string_literals;

namespace outrider::testing {
namespace {

using http1::Fault;

const std::string kCanary = "GET /about?canary HTTP/1.1\r\nHost: canary\r\n\r\n";

struct Attacked : Server {
  explicit Attacked(const Limits& limits = {}) : Server(limits) { add_routes(application()); }

  bool has_seen_canary() {
    for (const auto& exchange : application().exchanges()) {
      if (exchange->target == "/about?canary") return true;
    }
    return false;
  }
};

std::string answer_to(Fault fault) {
  const http1::ProtocolError error{fault};
  const std::string status = std::to_string(error.status()) + " " + std::string(http::reason_phrase(error.status()));
  return error_answer(status, std::string(error.sentence()));
}

/// What /about answers: what it was sent.
std::string told(const std::string& text) {
  return "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
}

// Whole and byte by byte: a codec's own tests cut everywhere.
std::vector<Fragments> cuts(const std::string& bytes) {
  std::vector<Fragments> both{{bytes}, {}};
  for (std::size_t i = 0; i < bytes.size(); ++i) both[1].push_back(std::string_view(bytes).substr(i, 1));
  return both;
}

/// It is answered, and nothing is read behind it.
void expect_last(const std::string& sent, const std::string& answered) {
  INFO(sent);
  const std::string bytes = sent + kCanary;
  for (const Fragments& fragments : cuts(bytes)) {
    Attacked server;
    MemoryClient& client = server.connect_memory();
    for (const std::string_view fragment : fragments) client.send(fragment);
    server.settle();
    CHECK(client.received() == answered);
    CHECK(client.is_ended());
    CHECK(!client.was_reset());
    CHECK(!server.has_seen_canary());
  }
}

void expect_refused(const std::string& sent, Fault fault, const std::string& answered_before = "") {
  expect_last(sent, answered_before + answer_to(fault));
}

/// `answered` is all that comes before the canary's answer.
void expect_accepted(const std::string& sent, const std::string& answered, std::size_t requests = 1) {
  INFO(sent);
  const std::string bytes = sent + kCanary;
  for (const Fragments& fragments : cuts(bytes)) {
    Attacked server;
    MemoryClient& client = server.connect_memory();
    for (const std::string_view fragment : fragments) client.send(fragment);
    server.settle();
    CHECK(client.received() == answered + told("GET /about?canary 1.1 "));
    CHECK(!client.is_ended());
    CHECK(server.application().count() == requests + 1);
  }
}

std::string post(const std::string& fields, const std::string& body = "") {
  return "POST /about HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body;
}
std::string chunked(const std::string& body) { return post("Transfer-Encoding: chunked\r\n", body); }
std::string line(const std::string& request_line) { return request_line + "\r\nHost: a\r\n\r\n"; }
std::string get(const std::string& fields) { return "GET /about HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"; }

const std::string kHello = "5\r\nhello\r\n";
const std::string kLast = "0\r\n\r\n";

// --- framing -------------------------------------------------------------------------------------------------------

TEST_CASE("smuggling, CL.TE and TE.CL: a request with both framings is refused") {
  const std::string te = "Transfer-Encoding: chunked\r\n";
  const Fault both = Fault::ContentLengthWithTransferEncoding;
  expect_refused(post("Content-Length: 6\r\n" + te, kLast + "G"), both);
  expect_refused(post(te + "Content-Length: 4\r\n", "5c\r\n" + std::string(0x5c, 'x') + "\r\n" + kLast), both);
  expect_refused(post("Content-Length: 0\r\n" + te, kLast), both);
  expect_refused(post("Connection: close\r\nContent-Length: 5\r\n" + te, kLast), both);
  expect_refused(post("Content-Length: 5\r\nX: y\r\ntransfer-encoding:\tchunked\r\n", kLast), both);
  expect_refused(post("Content-Length: 5\r\nTransfer-Encoding: identity\r\n", "hello"),
                 Fault::TransferEncodingNotChunked);
}

TEST_CASE("smuggling, TE.TE: a Transfer-Encoding that isn't chunked alone is refused") {
  const struct {
    std::string value;
    Fault fault;
  } table[] = {
      {"xchunked", Fault::TransferEncodingNotChunked},
      {"chunkedx", Fault::TransferEncodingNotChunked},
      {"x-chunked", Fault::TransferEncodingNotChunked},
      {"identity", Fault::TransferEncodingNotChunked},
      {"cow", Fault::TransferEncodingNotChunked},
      {"chunked, identity", Fault::TransferEncodingNotChunked},
      {"chunked, cow", Fault::TransferEncodingNotChunked},
      {"chunked, chunked", Fault::TransferEncodingNotChunked},
      {"chunked\r\nTransfer-Encoding: chunked", Fault::TransferEncodingNotChunked},
      {"chunked\r\nTransfer-Encoding: identity", Fault::TransferEncodingNotChunked},
      {"cow\r\nTransfer-Encoding: chunked", Fault::TransferEncodingNotChunked},
      {"chunked;q=1", Fault::TransferEncodingNotChunked},
      {"chunked;", Fault::TransferEncodingNotChunked},
      {"identity, chunked", Fault::TransferEncodingUnknown},
      {"gzip, chunked", Fault::TransferEncodingUnknown},
      {"", Fault::TransferEncodingInvalid},
      {",", Fault::TransferEncodingInvalid},
      {",chunked", Fault::TransferEncodingInvalid},
      {"chunked,", Fault::TransferEncodingInvalid},
      {"\"chunked\"", Fault::TransferEncodingInvalid},
      {"chun ked", Fault::TransferEncodingInvalid},
      {"chunked x", Fault::TransferEncodingInvalid},
      {"chunked\xa0", Fault::TransferEncodingInvalid},
      {"\x85"
       "chunked",
       Fault::TransferEncodingInvalid},
      {"chunked\0"s, Fault::FieldValueInvalid},
      {"\x0b"
       "chunked",
       Fault::FieldValueInvalid},
      {"chunked\x0c", Fault::FieldValueInvalid},
      {"chunked\rX: y", Fault::FieldValueInvalid},
      {"chunked\nX: y", Fault::BareLineFeed},
      {"\r\n chunked", Fault::TransferEncodingInvalid},
      {"chunked\r\n\t, x", Fault::ObsoleteFold},
  };
  for (const auto& row : table) {
    expect_refused(post("Transfer-Encoding: " + row.value + "\r\n", kHello + kLast), row.fault);
  }
  // Case, and whitespace around it, don't matter to anybody.
  for (const std::string field : {"tRANSFER-eNCODING:CHUNKED", "Transfer-Encoding: \t chunked \t"}) {
    expect_accepted(post(field + "\r\n", kHello + kLast), told("POST /about 1.1 hello"));
  }
}

TEST_CASE("smuggling, CL.CL: two Content-Lengths, or one that isn't a plain decimal number, are refused") {
  for (const std::string value : {"5, 5", "5,6", "5,", ",5", "5\r\nContent-Length: 5", "5\r\ncontent-length: 6"}) {
    expect_refused(post("Content-Length: " + value + "\r\n", "hello"), Fault::ContentLengthRepeated);
  }
  for (const std::string value : {"+5",
                                  "-5",
                                  "-0",
                                  "0x5",
                                  "0b101",
                                  "0o5",
                                  "5x",
                                  "5_0",
                                  "5.0",
                                  "5e0",
                                  "5 5",
                                  "5;q",
                                  "\"5\"",
                                  "five",
                                  "",
                                  "\xb2",
                                  "\xef\xbc\x95",
                                  "5\xa0",
                                  "9999999999999999999",
                                  "9223372036854775808",
                                  "18446744073709551621"}) {
    expect_refused(post("Content-Length: " + value + "\r\n", "hello"), Fault::ContentLengthInvalid);
  }
  expect_refused(post("Content-Length: 5\0\r\n"s, "hello"), Fault::FieldValueInvalid);
  expect_refused(post("Content-Length: 5\rX: y\r\n", "hello"), Fault::FieldValueInvalid);
  expect_refused(post("Content-Length: 5\nX: y\r\n", "hello"), Fault::BareLineFeed);
  expect_refused(post("Content-Length: 5\r\n 6\r\n", "hello"), Fault::ObsoleteFold);
  // It is decimal, whatever its first digit is.
  expect_accepted(post("Content-Length: 010\r\n", "helloworld"), told("POST /about 1.1 helloworld"));
}

TEST_CASE("smuggling, CL.0 and TE.0: content is content, whatever the method and whether anybody reads it") {
  const std::string inner = "GET /about?inner HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string length = "Content-Length: " + std::to_string(inner.size()) + "\r\n\r\n" + inner;
  const std::string chunk =
      "Transfer-Encoding: chunked\r\n\r\n2b\r\nGET /about?inner HTTP/1.1\r\nHost: abcdef\r\n\r\n\r\n" + kLast;
  for (const std::string method : {"GET", "OPTIONS", "DELETE", "TRACE", "POST", "BREW"}) {
    expect_accepted(method + " /about HTTP/1.1\r\nHost: a\r\n" + length, told(method + " /about 1.1 " + inner));
    expect_accepted(method + " /about HTTP/1.1\r\nHost: a\r\n" + chunk,
                    told(method + " /about 1.1 GET /about?inner HTTP/1.1\r\nHost: abcdef\r\n\r\n"));
    // Answered without a look at the content.
    expect_accepted(method + " /empty HTTP/1.1\r\nHost: a\r\n" + length, "HTTP/1.1 204 No Content\r\n\r\n");
  }
  expect_accepted("HEAD /about HTTP/1.1\r\nHost: a\r\n" + length,
                  "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(16 + inner.size()) + "\r\n\r\n");
  expect_accepted("OPTIONS * HTTP/1.1\r\nHost: a\r\n" + length,
                  "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n\r\nhello\n");
}

TEST_CASE("smuggling, CL.0: content of unknown length that nobody reads isn't taken for requests") {
  Attacked server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, "POST /hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(client.received().ends_with("connection: close\r\n\r\nhello\n"));
  server.exchange(client, kCanary);
  CHECK(client.is_ended());
  CHECK(!server.has_seen_canary());
}

TEST_CASE("smuggling, 0.CL: a framing field that is hidden from others is refused") {
  for (const std::string name : {"Content-Length", "Transfer-Encoding"}) {
    const std::string value = name == "Content-Length" ? "5" : "chunked";
    for (const std::string space : {" ", "\t"}) {
      expect_refused(post(name + space + ": " + value + "\r\n", "hello"), Fault::SpaceBeforeColon);
      expect_refused(post(space + name + ": " + value + "\r\n", "hello"), Fault::ObsoleteFold);
      expect_refused(post("X: y\r\n" + space + name + ": " + value + "\r\n", "hello"), Fault::ObsoleteFold);
    }
    for (const std::string& byte : {"\0"s, "\x01"s, "\x0b"s, "\x0c"s, "\r"s, "\x7f"s, "\x80"s, "\xa0"s, "\xff"s}) {
      expect_refused(post(name + byte + ": " + value + "\r\n", "hello"), Fault::FieldNameInvalid);
      expect_refused(post(byte + name + ": " + value + "\r\n", "hello"), Fault::FieldNameInvalid);
    }
    expect_refused(post(name + "\n: " + value + "\r\n", "hello"), Fault::BareLineFeed);
    expect_refused(post("X: y\n" + name + ": " + value + "\r\n", "hello"), Fault::BareLineFeed);
    expect_refused(post("X: y\r" + name + ": " + value + "\r\n", "hello"), Fault::FieldValueInvalid);
    expect_refused("POST /about HTTP/1.1\r\n " + name + ": " + value + "\r\nHost: a\r\n\r\nhello",
                   Fault::ObsoleteFold);
  }
}

TEST_CASE("smuggling, names that a gateway to CGI would change frame nothing and stay as they are") {
  Attacked server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("Content_Length: 5\r\nTransfer_Encoding: chunked\r\nContent-Length-: 5\r\n") + kCanary);
  REQUIRE(server.application().count() == 2);
  const Fields seen{
      {"host", "a"}, {"content_length", "5"}, {"transfer_encoding", "chunked"}, {"content-length-", "5"}};
  CHECK(server.application().exchange(0).fields == seen);
  CHECK(client.received() == told("GET /about 1.1 ") + told("GET /about?canary 1.1 "));
}

TEST_CASE("smuggling, HTTP/1.0: a transfer coding is refused there, with a length or without") {
  const std::string start = "POST /about HTTP/1.0\r\nConnection: keep-alive\r\n";
  expect_refused(start + "Transfer-Encoding: chunked\r\n\r\n" + kLast, Fault::TransferEncodingInHttp10);
  expect_refused(start + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + kLast,
                 Fault::TransferEncodingInHttp10);
  expect_refused(start + "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
                 Fault::TransferEncodingNotChunked);
}

TEST_CASE("smuggling, Connection naming a framing field doesn't take it away") {
  expect_accepted(post("Connection: content-length\r\nContent-Length: 5\r\n", "hello"),
                  told("POST /about 1.1 hello"));
  expect_accepted(post("Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n", kHello + kLast),
                  told("POST /about 1.1 hello"));
  expect_refused("GET /about HTTP/1.1\r\nConnection: host\r\n\r\n", Fault::HostMissing);
}

// --- chunks --------------------------------------------------------------------------------------------------------

TEST_CASE("smuggling, chunk sizes: what isn't plain hexadecimal, or is too long to be read alike, is refused") {
  for (const std::string& size : {"0x5"s,
                                  "0X5"s,
                                  "+5"s,
                                  "-5"s,
                                  "-0"s,
                                  " 5"s,
                                  "5 "s,
                                  "\t5"s,
                                  "5\t"s,
                                  "5_0"s,
                                  "5h"s,
                                  "g"s,
                                  ""s,
                                  "5.0"s,
                                  "5,5"s,
                                  "5\0"s,
                                  "\0005"s,
                                  "5\x0b"s,
                                  "\xb5"s,
                                  "5\xa0"s,
                                  "\"5\""s,
                                  "5 5"s,
                                  "5\r\r"s,
                                  "5\r"s,
                                  "\r\n5"s,
                                  "0000000000000005"s,
                                  std::string(300, '0') + "5",
                                  "10000000000000005"s,
                                  "ffffffffffffffff"s,
                                  "fffffffffffffffb"s,
                                  "100000000000000000000000000000005"s}) {
    expect_refused(chunked(size + "\r\nhello\r\n" + kLast), Fault::ChunkSizeInvalid);
  }
  expect_accepted(chunked("0000005\r\nhello\r\n000\r\n\r\n"), told("POST /about 1.1 hello"));
}

TEST_CASE("smuggling, TERM.EXT and EXT.TERM: no line ends within a chunk extension, nor in anything but CRLF") {
  expect_refused(chunked("5\nhello\r\n" + kLast), Fault::BareLineFeed);
  expect_refused(chunked("5;\nhello\r\n" + kLast), Fault::BareLineFeed);
  expect_refused(chunked("5;a\nhello\r\n" + kLast), Fault::BareLineFeed);
  expect_refused(chunked("5;a=b\nhello\r\n" + kLast), Fault::BareLineFeed);
  expect_refused(chunked("2;\nxx\r\n4c\r\n0\r\n\r\n"), Fault::BareLineFeed);
  expect_refused(chunked(kHello + "0\n\r\n"), Fault::BareLineFeed);
  expect_refused(chunked(kHello + "0\r\n\n"), Fault::BareLineFeed);
  expect_refused(chunked("5;a=\"\n\"\r\nhello\r\n" + kLast), Fault::BareLineFeed);
  expect_refused(chunked("5;a\rb\r\nhello\r\n" + kLast), Fault::ChunkSizeInvalid);
  expect_refused(chunked("5;a\r\r\nhello\r\n" + kLast), Fault::ChunkSizeInvalid);
  expect_refused(chunked("5\rhello\r\n" + kLast), Fault::ChunkSizeInvalid);
  expect_refused(chunked("5;\rhello\r\n" + kLast), Fault::ChunkExtensionInvalid);
  expect_refused(chunked("5;a=\"b\r\nc\"\r\nhello\r\n" + kLast), Fault::ChunkExtensionInvalid);
  expect_accepted(chunked("5;a=\"0;b\"; c\r\nhello\r\n0;d\r\n\r\n"), told("POST /about 1.1 hello"));
}

TEST_CASE("smuggling, chunk extensions: what the grammar doesn't allow is refused") {
  for (const std::string extension : {";", ";;", ";a;", ";a=", ";=b", ";a==b", ";a b", ";a ", ";a=b,c", ";(a)",
                                      ";\"a\"", ";a=\"b", ";a=\"b\"c", ";\xff", ";\x7f", ";a=\x01"}) {
    expect_refused(chunked("5" + extension + "\r\nhello\r\n" + kLast), Fault::ChunkExtensionInvalid);
  }
  expect_refused(chunked("5;\0\r\nhello\r\n"s + kLast), Fault::ChunkExtensionInvalid);
  expect_refused(chunked("5;" + std::string(300, 'a') + "\r\nhello\r\n" + kLast), Fault::ChunkLineTooLong);
}

TEST_CASE("smuggling, TERM.SPILL: chunk data that doesn't end where its size says is refused") {
  for (const std::string end : {"XX", "\n", "\r", "\rX", "", "!\r\n", "\n\r\n", " \r\n", "\r\r\n"}) {
    expect_refused(chunked("5\r\nhello" + end + kLast), Fault::ChunkDataUnterminated);
  }
  expect_refused(chunked("5\r\nhell\r\n" + kLast), Fault::ChunkDataUnterminated);
  expect_refused(chunked(kHello + "\r\n" + kLast), Fault::ChunkSizeInvalid);
}

TEST_CASE("smuggling, the end of a chunked body: without its last empty line the next request is no request") {
  expect_refused(chunked(kHello + "0\r\n"), Fault::SpaceBeforeColon);
  expect_refused(chunked(kHello + "0\r\nX: y\r\n"), Fault::SpaceBeforeColon);
  expect_refused(chunked(kHello), Fault::ChunkSizeInvalid);
  expect_refused(chunked(kHello + "0\r\n\rX"), Fault::FieldNameInvalid);
}

TEST_CASE("smuggling, trailers: none that frames, routes or authenticates, and none becomes a header field") {
  for (const std::string trailer :
       {"Content-Length: 5", "Transfer-Encoding: chunked", "Host: b", "Connection: close", "Trailer: X", "TE: x",
        "Content-Type: x", "Content-Encoding: x", "Content-Range: x", "Authorization: x", "Cookie: x",
        "Set-Cookie: x", "Expect: 100-continue", "Upgrade: x", "cONTENT-lENGTH: 5"}) {
    expect_refused(chunked(kHello + "0\r\n" + trailer + "\r\n\r\n"), Fault::TrailerForbidden);
  }
  Attacked server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, chunked(kHello + "0\r\nX-User: admin\r\n\r\n") + kCanary);
  REQUIRE(server.application().count() == 2);
  CHECK(server.application().exchange(0).fields == Fields{{"host", "a"}, {"transfer-encoding", "chunked"}});
  CHECK(server.application().exchange(0).trailers == Fields{{"x-user", "admin"}});
}

// --- heads ---------------------------------------------------------------------------------------------------------

TEST_CASE("smuggling, bytes in fields: bare CR, bare LF, NUL and other control characters are refused") {
  for (const std::string& byte : {"\0"s, "\x01"s, "\x08"s, "\x0b"s, "\x0c"s, "\r"s, "\x1f"s, "\x7f"s}) {
    expect_refused(get("X: a" + byte + "b\r\n"), Fault::FieldValueInvalid);
    expect_refused(get("X: a" + byte + "\r\n"), Fault::FieldValueInvalid);
  }
  expect_refused(get("X: a\nHost: b\r\n"), Fault::BareLineFeed);
  expect_refused(get("X: a\n"), Fault::BareLineFeed);
  expect_refused("GET /about HTTP/1.1\nHost: a\n\n", Fault::BareLineFeed);
  expect_refused("GET /about HTTP/1.1\r\nHost: a\r\n\n", Fault::BareLineFeed);
  expect_refused("GET /about HTTP/1.1\rHost: a\r\r", Fault::VersionInvalid);
  expect_refused("GET /about HTTP/1.1\r\nHost: a\r\n\rX\r\n", Fault::FieldNameInvalid);
  expect_refused("GET /about HTTP/1.1\r\nHost: a\r\r\n\r\n", Fault::FieldValueInvalid);
  for (const std::string name :
       {"", "X Y", "X(", "X/Y", "X[]", "\"X\"", "X@", "X=y", "X;y", "X,", "{X}", "X\\", "\xc3"}) {
    const bool is_spaced = name == "X Y";
    expect_refused(get(name + ": y\r\n"), is_spaced ? Fault::SpaceBeforeColon : Fault::FieldNameInvalid);
  }
  expect_refused(get("X\r\n"), Fault::FieldNameInvalid);
  // obs-text is opaque: no white space, no line end, no other letters.
  expect_accepted(get("X: \x80\x85\xa0\xff\r\n"), told("GET /about 1.1 "));
}

TEST_CASE("smuggling, obs-fold: a continued line is refused wherever it stands") {
  expect_refused(get("X: y\r\n z\r\n"), Fault::ObsoleteFold);
  expect_refused(get("X: y\r\n\tz\r\n"), Fault::ObsoleteFold);
  expect_refused(get("X:\r\n y\r\n"), Fault::ObsoleteFold);
  expect_refused(get("X: y\r\n \r\nZ: z\r\n"), Fault::ObsoleteFold);
  expect_refused("GET /about HTTP/1.1\r\n Host: a\r\n\r\n", Fault::ObsoleteFold);
  expect_refused(chunked(kHello + "0\r\nX: y\r\n z\r\n\r\n"), Fault::ObsoleteFold);
}

TEST_CASE("smuggling, Host: none, two, or anything but a host with a port is refused") {
  expect_refused("GET /about HTTP/1.1\r\n\r\n", Fault::HostMissing);
  for (const std::string again : {"Host: a\r\n", "Host: b\r\n", "hOST: a\r\n", "X: y\r\nHost:\r\n"}) {
    expect_refused(get(again), Fault::HostRepeated);
  }
  expect_refused(get("Host : b\r\n"), Fault::SpaceBeforeColon);
  expect_refused(get(" Host: b\r\n"), Fault::ObsoleteFold);
  for (const std::string host : {"a b",     "a,b",      "a, a",     "a/b",   "a?b",
                                 "a#b",     "a\\b",     "u@a",      "u:p@a", "a@b:80",
                                 ":80",     "a:x",      "a:80:80",  "a:-1",  "a:65536",
                                 "a:99999", "a:000080", "a: 80",    "::1",   "[::1",
                                 "[]",      "[::1]x",   "[::g]",    "[1]",   "[fe80::1%25eth0]",
                                 "<a>",     "\"a\"",    "a|b",      "{a}",   "a%",
                                 "a%4",     "a%zz",     "\xc3\xa9", "a\xa0", "http://a"}) {
    expect_refused("GET /about HTTP/1.1\r\nHost: " + host + "\r\n\r\n", Fault::HostInvalid);
  }
  for (const std::string host :
       {"", "a", "A.b", "a:80", "a:", "a:65535", "a_b", "a%41", "[::1]", "[::1]:80", "1.2.3.4"}) {
    expect_accepted("GET /about HTTP/1.1\r\nHost: " + host + "\r\n\r\n", told("GET /about 1.1 "));
  }
}

TEST_CASE(
    "smuggling, targets: another host than Host, another form, or a byte that isn't one of a target is refused") {
  for (const std::string target : {"http://b/about", "http://a:80/about", "http://a.b/about", "http://b"}) {
    expect_refused(line("GET " + target + " HTTP/1.1"), Fault::HostConflict);
  }
  expect_refused("GET http://a/about HTTP/1.1\r\nHost:\r\n\r\n", Fault::HostConflict);
  for (const std::string target : {"a",
                                   "a:80",
                                   "about",
                                   "?x",
                                   "../about",
                                   "*",
                                   "**",
                                   "http:/a",
                                   "http:a",
                                   "http:///a",
                                   "http://",
                                   "http://:80/",
                                   "http://u@a/",
                                   "http://u:p@a/",
                                   "http://a:x/",
                                   "http://a:65536/",
                                   "http://[::1/",
                                   "http://a\\@b/",
                                   "http://a%/",
                                   "ftp://a/",
                                   "ws://a/",
                                   "file:///",
                                   "javascript:x",
                                   "/a#b",
                                   "/a\tb",
                                   "/a\x0b",
                                   "/\x7f",
                                   "/\xc3\xa9",
                                   "/a\"b",
                                   "/<a>",
                                   "/a\\b",
                                   "\\about",
                                   "//a\\b",
                                   "http://a/\\",
                                   "#",
                                   "http://a#b"}) {
    expect_refused(line("GET " + target + " HTTP/1.1"), Fault::TargetInvalid);
  }
  expect_refused(line("GET /\0 HTTP/1.1"s), Fault::TargetInvalid);
  expect_refused(line("OPTIONS *x HTTP/1.1"), Fault::TargetInvalid);
  expect_refused(line("POST * HTTP/1.1"), Fault::TargetInvalid);
  expect_refused(line("GET https://a/about HTTP/1.1"), Fault::SchemeUnsecured);
  for (const std::string target : {"a:80", "a", "/about", "http://a/", "*", ":80", "a:0"}) {
    expect_refused(line("CONNECT " + target + " HTTP/1.1"), Fault::MethodNotImplemented);
  }
  expect_accepted(line("GET http://A/about HTTP/1.1"), told("GET http://A/about 1.1 "));
}

TEST_CASE("smuggling, a path that begins with two slashes is that path, and no host") {
  Attacked server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, line("GET //b/about HTTP/1.1"));
  REQUIRE(server.application().count() == 1);
  CHECK(server.application().exchange(0).path == "//b/about");
  CHECK(server.application().exchange(0).authority == "a");
}

TEST_CASE("smuggling, request lines: nothing but two single spaces between three parts") {
  const struct {
    std::string line;
    Fault fault;
  } table[] = {
      {"GET  /about HTTP/1.1", Fault::TargetInvalid},
      {"GET /about  HTTP/1.1", Fault::VersionInvalid},
      {"GET /about HTTP/1.1 ", Fault::VersionInvalid},
      {" GET /about HTTP/1.1", Fault::MethodInvalid},
      {"GET\t/about HTTP/1.1", Fault::MethodInvalid},
      {"GET /about\tHTTP/1.1", Fault::TargetInvalid},
      {"GET\x0b/about HTTP/1.1", Fault::MethodInvalid},
      {"GET /about x HTTP/1.1", Fault::VersionInvalid},
      {"GET /about HTTP/1.1 HTTP/1.1", Fault::VersionInvalid},
      {"GET /about", Fault::VersionInvalid},
      {"GET /about ", Fault::VersionInvalid},
      {"GET", Fault::MethodInvalid},
      {"GET /about http/1.1", Fault::VersionInvalid},
      {"GET /about HTTP/1", Fault::VersionInvalid},
      {"GET /about HTTP/01.1", Fault::VersionInvalid},
      {"GET /about HTTP/1.01", Fault::VersionInvalid},
      {"GET /about HTTP/1.1.1", Fault::VersionInvalid},
      {"GET /about HTTP/+1.1", Fault::VersionInvalid},
      {"GET /about HTTP/1.1\r", Fault::VersionInvalid},
      {"GET /about HTTP 1.1", Fault::VersionInvalid},
      {"GET /about HTTP/0.9", Fault::VersionUnsupported},
      {"GET /about HTTP/1.2", Fault::VersionUnsupported},
      {"GET /about HTTP/2.0", Fault::VersionUnsupported},
      {"PRI * HTTP/2.0", Fault::VersionUnsupported},
      {"G(T /about HTTP/1.1", Fault::MethodInvalid},
      {"G\xcbT /about HTTP/1.1", Fault::MethodInvalid},
      {"GET\r\n /about HTTP/1.1", Fault::MethodInvalid},
      {"\x16\x03\x01 /about HTTP/1.1", Fault::TlsRecord},
      {"\xef\xbb\xbfGET /about HTTP/1.1", Fault::MethodInvalid},
  };
  for (const auto& row : table) expect_refused(line(row.line), row.fault);
  // A method is what it says: another case is another method.
  expect_accepted(line("get /about HTTP/1.1"), told("get /about 1.1 "));
}

TEST_CASE("smuggling, empty lines: one before a request is skipped, a second one is refused") {
  const std::string one = line("GET /about HTTP/1.1");
  expect_accepted("\r\n" + one, told("GET /about 1.1 "));
  expect_accepted(post("Content-Length: 5\r\n", "hello") + "\r\n", told("POST /about 1.1 hello"));
  expect_refused("\r\n\r\n" + one, Fault::MethodInvalid);
  expect_refused(one + "\r\n\r\n", Fault::MethodInvalid, told("GET /about 1.1 "));
  expect_refused("\n" + one, Fault::BareLineFeed);
  expect_refused("\r\r\n" + one, Fault::MethodInvalid);
  expect_refused(" \r\n" + one, Fault::MethodInvalid);
}

// --- what else decides on where a request ends ---------------------------------------------------------------------

TEST_CASE("smuggling, Expect: anything but 100-continue is refused, and content that wasn't asked for ends it") {
  for (const std::string value : {"tea", "100-continue, tea", "tea, 100-continue", "y 100-continue", "100-continue x",
                                  "100-continue;", "100", "", "100-continue\r\nExpect: tea", "\"100-continue\""}) {
    expect_refused(post("Expect: " + value + "\r\nContent-Length: 5\r\n", "hello"), Fault::ExpectationUnknown);
  }
  expect_refused(post("Expect : 100-continue\r\nContent-Length: 5\r\n", "hello"), Fault::SpaceBeforeColon);
  expect_refused(post("Expect:\r\n 100-continue\r\nContent-Length: 5\r\n", "hello"), Fault::ExpectationUnknown);
  // Without content there is nothing to wait for.
  expect_accepted(get("Expect: 100-continue\r\n"), told("GET /about 1.1 "));
  expect_accepted(get("Expect: 100-continue\r\nContent-Length: 0\r\n"), told("GET /about 1.1 "));

  Attacked server;
  MemoryClient& client = server.connect_memory();
  const std::string length = std::to_string(kCanary.size());
  server.exchange(
      client, "POST /hello HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: " + length + "\r\n\r\n");
  CHECK(client.received().ends_with("connection: close\r\n\r\nhello\n"));
  server.exchange(client, kCanary + kCanary);
  CHECK(client.is_ended());
  CHECK(!server.has_seen_canary());
}

TEST_CASE("smuggling, Upgrade: with content it is refused, and without it nothing behind it is read as HTTP") {
  const std::string upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\n";
  expect_refused(post(upgrade + "Content-Length: 5\r\n", "hello"), Fault::UpgradeWithContent);
  expect_refused(post(upgrade + "Transfer-Encoding: chunked\r\n", kLast), Fault::UpgradeWithContent);
  expect_refused(post("Connection: upgrade\r\nUpgrade: h2c\r\nUpgrade: x\r\nContent-Length: 5\r\n", "hello"),
                 Fault::UpgradeWithContent);
  const std::string answer = told("GET /about 1.1 ");
  expect_last(get(upgrade), std::string(answer).insert(answer.find("\r\n\r\n"), "\r\nconnection: close"));
  // Clients of HTTP/2 offer it with each request, and send this one's content in any case.
  const std::string h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n";
  expect_accepted(post(h2c + "Content-Length: 5\r\n", "hello"), told("POST /about 1.1 hello"));
  // Without its name in Connection, or in HTTP/1.0, it asks for nothing.
  expect_accepted(post("Upgrade: websocket\r\nContent-Length: 5\r\n", "hello"), told("POST /about 1.1 hello"));
}

TEST_CASE("smuggling, pipelining: nothing behind an error or a close is answered, nor handed over") {
  const std::string good = get("");
  expect_refused(good + get("X\r\n") + good, Fault::FieldNameInvalid, told("GET /about 1.1 "));
  expect_refused(get("X\r\n") + good, Fault::FieldNameInvalid);
  for (const std::string option : {"close", "keep-alive, close", "close, keep-alive", "CLOSE", "x,close,"}) {
    const std::string bytes = get("Connection: " + option + "\r\n") + kCanary;
    INFO(bytes);
    for (const Fragments& fragments : cuts(bytes)) {
      Attacked server;
      MemoryClient& client = server.connect_memory();
      for (const std::string_view fragment : fragments) client.send(fragment);
      server.settle();
      CHECK(client.received() == "HTTP/1.1 200 OK\r\ncontent-length: 15\r\nconnection: close\r\n\r\nGET /about 1.1 ");
      CHECK(client.is_ended());
      CHECK(!server.has_seen_canary());
    }
  }
}

TEST_CASE("smuggling, pauses: content that stops coming ends the connection, and what comes later is no request") {
  Limits limits;
  limits.body_timeout = std::chrono::milliseconds(20);
  Attacked server(limits);
  MemoryClient& client = server.connect_memory();
  server.exchange(client, post("Content-Length: 100\r\n", "hel"));
  CHECK(server.run_until([&] { return client.is_ended(); }));
  CHECK(client.received() == answer_to(Fault::BodyTimeout));
  server.exchange(client, kCanary);
  CHECK(!server.has_seen_canary());
}

}  // namespace
}  // namespace outrider::testing
