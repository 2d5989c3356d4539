// SPDX-License-Identifier: MIT
#include "http1/body_reader.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>

#include "http1/head_parser.h"
#include "testing/fragmenter.h"

using namespace std::string_literals;

namespace outrider::http1 {
namespace {

const std::string kChunked = "Transfer-Encoding: chunked\r\n";

struct Verdict {
  std::optional<Fault> fault;
  bool is_complete = false;
  std::size_t consumed = 0;
  std::string content;
  std::string trailers;
};

http::RequestHead& parse_head(const std::string& fields, http::RequestHead& head, const Limits& limits) {
  HeadParser parser(limits);
  head.recycle();
  parser.begin(head);
  REQUIRE(parser.feed("POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n").value().is_complete);
  return head;
}

// Feeds one fragment as a connection does: as long as something is used.
void feed(BodyReader& reader, std::string_view fragment, Verdict& verdict) {
  while (!fragment.empty() && !verdict.is_complete) {
    const Result<BodyReader::Progress, ProtocolError> progress = reader.feed(fragment);
    if (!progress) {
      verdict.fault = progress.error().fault;
      return;
    }
    REQUIRE(progress.value().consumed > 0);
    verdict.consumed += progress.value().consumed;
    verdict.content.append(progress.value().content);
    verdict.is_complete = progress.value().is_complete;
    fragment.remove_prefix(progress.value().consumed);
  }
}

Verdict read(const std::string& fields, const testing::Fragments& fragments, const Limits& limits) {
  http::RequestHead head;
  BodyReader reader(limits);
  Verdict verdict;
  const Result<bool, ProtocolError> begun = reader.begin(parse_head(fields, head, Limits()));
  if (!begun) {
    verdict.fault = begun.error().fault;
    return verdict;
  }
  for (const std::string_view fragment : fragments) {
    if (verdict.is_complete || verdict.fault) break;
    feed(reader, fragment, verdict);
  }
  for (std::size_t i = 0; i < reader.trailers().field_count(); ++i) {
    const http::Field field = reader.trailers().field(i);
    verdict.trailers.append("[").append(field.name).append("|").append(field.value).append("]");
  }
  return verdict;
}

struct Expected {
  std::string content;
  std::string trailers = {};
};

void expect_body(const std::string& fields, const std::string& input, const Expected& expected,
                 const Limits& limits = {}) {
  for (const std::string trailing : {"", "\r\n", "GET / HTTP/1.1\r\n"}) {
    const std::string bytes = input + trailing;
    testing::for_each_fragmentation(bytes, [&](const testing::Fragments& fragments) {
      const Verdict verdict = read(fields, fragments, limits);
      CHECK(!verdict.fault.has_value());
      CHECK(verdict.is_complete);
      CHECK(verdict.consumed == input.size());
      CHECK(verdict.content == expected.content);
      CHECK(verdict.trailers == expected.trailers);
    });
  }
  for (std::size_t size = 1; size < input.size(); ++size) {
    const Verdict verdict = read(fields, {std::string_view(input).substr(0, size)}, limits);
    CHECK(!verdict.fault.has_value());
    CHECK(!verdict.is_complete);
    CHECK(verdict.consumed == size);
  }
}

void expect_fault(const std::string& input, Fault fault, const Limits& limits = {}) {
  for (const std::string trailing : {"", "0\r\n\r\n"}) {
    const std::string bytes = input + trailing;
    testing::for_each_fragmentation(bytes, [&](const testing::Fragments& fragments) {
      const Verdict verdict = read(kChunked, fragments, limits);
      REQUIRE(verdict.fault.has_value());
      CHECK(*verdict.fault == fault);
    });
  }
}

TEST_CASE("a request without framing has no body") {
  const Limits limits;
  http::RequestHead head;
  BodyReader reader(limits);
  REQUIRE(reader.begin(parse_head("", head, limits)));
  const auto progress = reader.feed("GET");
  REQUIRE(progress);
  CHECK(progress.value().consumed == 0);
  CHECK(progress.value().is_complete);
}

TEST_CASE("a body of known length ends at its last byte") {
  expect_body("Content-Length: 1\r\n", "x", {"x"});
  expect_body("Content-Length: 5\r\n", "hello", {"hello"});
  expect_body("Content-Length: 4\r\n", "\r\n\0\xff"s, {"\r\n\0\xff"s});
}

struct Accepted {
  std::string input;
  Expected expected;
};

const Accepted kAccepted[] = {
    {"0\r\n\r\n", {""}},
    {"000\r\n\r\n", {""}},
    {"1\r\nx\r\n0\r\n\r\n", {"x"}},
    {"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", {"hello world"}},
    {"a\r\n0123456789\r\n0\r\n\r\n", {"0123456789"}},
    {"A\r\n0123456789\r\n0\r\n\r\n", {"0123456789"}},
    {"00000000000000A\r\n0123456789\r\n0\r\n\r\n", {"0123456789"}},
    {"2\r\n\r\n\r\n0\r\n\r\n", {"\r\n"}},
    {"5\r\n0\r\n\r\n\r\n0\r\n\r\n", {"0\r\n\r\n"}},
    {"1;a\r\nx\r\n0;b=c\r\n\r\n", {"x"}},
    {"1; a = \"b;c\" ;d\t;e=f\r\nx\r\n0\r\n\r\n", {"x"}},
    {"1;a=\"\\\"\t\xc3\xa4\\\\\";!=~\r\nx\r\n0;a=\"\"\r\n\r\n", {"x"}},
    {"0\r\nX: 1\r\n\r\n", {"", "[x|1]"}},
    {"1\r\nx\r\n0\r\nX-A:  1 \r\nX-B:\r\n\r\n", {"x", "[x-a|1][x-b|]"}},
};

const struct {
  std::string input;
  Fault fault;
} kRefused[] = {
    {"\r\n", Fault::ChunkSizeInvalid},
    {"\n", Fault::ChunkSizeInvalid},
    {";a\r\n", Fault::ChunkSizeInvalid},
    {" 1\r\nx\r\n", Fault::ChunkSizeInvalid},
    {"1 \r\nx\r\n", Fault::ChunkSizeInvalid},
    {"+1\r\nx\r\n", Fault::ChunkSizeInvalid},
    {"-1\r\nx\r\n", Fault::ChunkSizeInvalid},
    {"0x1\r\nx\r\n", Fault::ChunkSizeInvalid},
    {"1_0\r\n", Fault::ChunkSizeInvalid},
    {"g\r\n", Fault::ChunkSizeInvalid},
    {"\0"
     "1\r\n"s,
     Fault::ChunkSizeInvalid},
    {"1\rx", Fault::ChunkSizeInvalid},
    {"1\r\r\n", Fault::ChunkSizeInvalid},
    {"1;a\rb\r\n", Fault::ChunkSizeInvalid},
    {"0000000000000001\r\nx\r\n", Fault::ChunkSizeInvalid},
    {"ffffffffffffffff\r\nx", Fault::ChunkSizeInvalid},
    {"10000000000000000\r\nx", Fault::ChunkSizeInvalid},
    {"1\nx\r\n", Fault::BareLineFeed},
    {"1;a\nx\r\n", Fault::BareLineFeed},
    {"1;a\0\r\n"s, Fault::ChunkExtensionInvalid},
    {"1;\x7f\r\n", Fault::ChunkExtensionInvalid},
    {"1;\r\n", Fault::ChunkExtensionInvalid},
    {"1;a;\r\n", Fault::ChunkExtensionInvalid},
    {"1;;a\r\n", Fault::ChunkExtensionInvalid},
    {"1;a=\r\n", Fault::ChunkExtensionInvalid},
    {"1;=b\r\n", Fault::ChunkExtensionInvalid},
    {"1;a=b=c\r\n", Fault::ChunkExtensionInvalid},
    {"1;a b\r\n", Fault::ChunkExtensionInvalid},
    {"1;a=b c\r\n", Fault::ChunkExtensionInvalid},
    {"1;a \r\n", Fault::ChunkExtensionInvalid},
    {"1;a=b\t\r\n", Fault::ChunkExtensionInvalid},
    {"1;a=\"b\r\n", Fault::ChunkExtensionInvalid},
    {"1;a=\"b\\\r\n", Fault::ChunkExtensionInvalid},
    {"1;a=\"b\"c\r\n", Fault::ChunkExtensionInvalid},
    {"1;a=\"\x01\"\r\n", Fault::ChunkExtensionInvalid},
    {"1;\xc3\r\n", Fault::ChunkExtensionInvalid},
    {"1;(a)\r\n", Fault::ChunkExtensionInvalid},
    {"1\r\nxx\r\n", Fault::ChunkDataUnterminated},
    {"1\r\nx\n", Fault::ChunkDataUnterminated},
    {"1\r\nx\rx", Fault::ChunkDataUnterminated},
    {"1\r\nx0\r\n\r\n", Fault::ChunkDataUnterminated},
    {"0\r\n\n", Fault::BareLineFeed},
    {"0\r\nX: 1\n\r\n", Fault::BareLineFeed},
    {"0\r\n X: 1\r\n\r\n", Fault::ObsoleteFold},
    {"0\r\nX: 1\r\n\ty\r\n\r\n", Fault::ObsoleteFold},
    {"0\r\nX : 1\r\n\r\n", Fault::SpaceBeforeColon},
    {"0\r\nX\r\n\r\n", Fault::FieldNameInvalid},
    {"0\r\nX: \r1\r\n\r\n", Fault::FieldValueInvalid},
    {"0\r\nX: \0\r\n\r\n"s, Fault::FieldValueInvalid},
};

TEST_CASE("a chunked body is read the same however it is cut") {
  for (const Accepted& row : kAccepted) {
    INFO(row.input);
    expect_body(kChunked, row.input, row.expected);
  }
}

TEST_CASE("a chunked body that two parsers could read differently is refused") {
  for (const auto& row : kRefused) {
    INFO(row.input);
    expect_fault(row.input, row.fault);
  }
}

TEST_CASE("a trailer that would change how the message is read is refused") {
  for (const char* name :
       {"Content-Length", "Transfer-Encoding", "Host", "Connection", "Trailer", "Content-Encoding", "Content-Type",
        "Content-Range", "Expect", "TE", "Upgrade", "Authorization", "Cookie", "Set-Cookie"}) {
    INFO(name);
    expect_fault("0\r\n" + std::string(name) + ": 1\r\n\r\n", Fault::TrailerForbidden);
  }
}

TEST_CASE("a chunk's size line is limited at the byte") {
  // 256 bytes with its line ending.
  const std::string at = "1;" + std::string(252, 'e') + "\r\nx\r\n0\r\n\r\n";
  const Limits limits;
  CHECK(read(kChunked, {at}, limits).is_complete);
  const std::string above = "1;" + std::string(253, 'e') + "\r\nx\r\n0\r\n\r\n";
  expect_fault(above, Fault::ChunkLineTooLong);
  // An endless one is refused without waiting for its end.
  expect_fault("1;" + std::string(255, 'e'), Fault::ChunkLineTooLong);
}

TEST_CASE("all extensions of a body together are limited at the byte, by its content and a little more") {
  const auto chunks = [](std::size_t count, std::size_t extension, std::size_t content) {
    std::string line = ";" + std::string(extension - 1, 'e') + "\r\n" + std::string(content, 'x') + "\r\n";
    const char digit = "0123456789abcdef"[content];
    line.insert(line.begin(), digit);
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += line;
    return all;
  };
  const Limits limits;
  // A count is of what follows the semicolon, with the CR: 64 each, one byte of content pays for one of them.
  const std::string at = chunks(260, 64, 1);
  CHECK(!read(kChunked, {at}, limits).fault.has_value());
  const std::string above = chunks(261, 64, 1);
  CHECK(read(kChunked, {above}, limits).fault == Fault::ChunkExtensionsTooLarge);
  // As long as there is more content, there is no end to them.
  const std::string paid = chunks(5000, 15, 15);
  CHECK(!read(kChunked, {paid}, limits).fault.has_value());
}

TEST_CASE("a body is limited at the byte, of known length or chunked") {
  Limits limits;
  limits.body_bytes_max = 5;
  expect_body("Content-Length: 4\r\n", "1234", {"1234"}, limits);
  expect_body("Content-Length: 5\r\n", "12345", {"12345"}, limits);
  CHECK(read("Content-Length: 6\r\n", {}, limits).fault == Fault::BodyTooLarge);
  expect_body(kChunked, "4\r\n1234\r\n0\r\n\r\n", {"1234"}, limits);
  expect_body(kChunked, "2\r\n12\r\n3\r\n345\r\n0\r\n\r\n", {"12345"}, limits);
  expect_fault("6\r\n", Fault::BodyTooLarge, limits);
  expect_fault("5\r\n12345\r\n1\r\n", Fault::BodyTooLarge, limits);
}

TEST_CASE("the largest chunk size that is taken doesn't overflow") {
  Limits limits;
  CHECK(read(kChunked, {"fffffffffffffff\r\nabc"}, limits).content == "abc");
  limits.body_bytes_max = 1000;
  expect_fault("fffffffffffffff\r\n", Fault::BodyTooLarge, limits);
}

TEST_CASE("a trailer section is limited in bytes and fields") {
  Limits limits;
  limits.head_bytes_max = 10;
  expect_body(kChunked, "0\r\nX: 12\r\n\r\n", {"", "[x|12]"}, limits);
  limits.head_bytes_max = 9;
  expect_body(kChunked, "0\r\nX: 12\r\n\r\n", {"", "[x|12]"}, limits);
  limits.head_bytes_max = 8;
  expect_fault("0\r\nX: 12\r\n\r\n", Fault::HeadTooLarge, limits);
  limits = Limits();
  limits.header_count_max = 2;
  expect_body(kChunked, "0\r\nA: 1\r\n\r\n", {"", "[a|1]"}, limits);
  expect_body(kChunked, "0\r\nA: 1\r\nB: 2\r\n\r\n", {"", "[a|1][b|2]"}, limits);
  expect_fault("0\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", Fault::TooManyFields, limits);
}

TEST_CASE("a reader that waits for its next use holds no trailers") {
  const Limits limits;
  http::RequestHead head;
  BodyReader reader(limits);
  Verdict verdict;
  REQUIRE(reader.begin(parse_head(kChunked, head, limits)));
  feed(reader, "0\r\nLong: " + std::string(60'000, 'x') + "\r\n\r\n", verdict);
  REQUIRE(reader.trailers().field_count() == 1);
  reader.recycle();
  CHECK(reader.trailers().field_count() == 0);
  CHECK(reader.trailers().at({}).data() == nullptr);  // the storage itself is gone
}

TEST_CASE("a reader that is used again knows nothing of the request before") {
  const Limits limits;
  http::RequestHead head;
  BodyReader reader(limits);
  Verdict first;
  REQUIRE(reader.begin(parse_head(kChunked, head, limits)));
  feed(reader, "3\r\nabc\r\n0\r\nSecret: 1\r\n\r\n", first);
  REQUIRE(first.is_complete);
  REQUIRE(reader.trailers().field_count() == 1);
  // The next request has no trailers at all, and must not show those of another peer.
  REQUIRE(reader.begin(parse_head("Content-Length: 1\r\n", head, limits)));
  CHECK(reader.trailers().field_count() == 0);
  REQUIRE(reader.begin(parse_head("", head, limits)));
  CHECK(reader.trailers().field_count() == 0);
  Verdict second;
  REQUIRE(reader.begin(parse_head(kChunked, head, limits)));
  feed(reader, "1\r\nx\r\n0\r\nA: b\r\n\r\n", second);
  CHECK(second.content == "x");
  CHECK(reader.trailers().field_count() == 1);
}

}  // namespace
}  // namespace outrider::http1
