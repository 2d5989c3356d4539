// SPDX-License-Identifier: MIT
#include "http1/response_writer.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace std::string_literals;

namespace outrider::http1 {
namespace {

using http::More;
using Fault = http::ResponseFault;
using Fields = std::vector<std::pair<std::string, std::string>>;

ResponseContext http10() {
  ResponseContext context;
  context.is_http11 = false;
  return context;
}

ResponseContext head_request() {
  ResponseContext context;
  context.is_head = true;
  return context;
}

// A response as an exchange writes it: the frames, with the content between them.
struct Response {
  ResponseContext context;
  ResponseWriter writer;
  Buffer out;

  explicit Response(ResponseContext of = {}) : context(of) {}

  Fault begin(int status, const Fields& fields = {}) {
    const Fault fault = writer.begin(status);
    if (fault != Fault::None) return fault;
    for (const auto& [name, value] : fields) {
      if (const Fault bad = writer.add_field(name, value); bad != Fault::None) return bad;
    }
    return Fault::None;
  }
  Fault write(std::string_view content, More more) {
    const ResponseWriter::Frame frame = writer.frame_content(content.size(), more, context, out);
    if (frame.fault != Fault::None) return frame.fault;
    if (frame.sends_content) out.append(content);
    out.append(frame.suffix);
    return Fault::None;
  }
  std::string bytes() const { return std::string(out.view()); }
};

struct Case {
  const char* name;
  ResponseContext context;
  int status;
  Fields fields;
  std::vector<std::string> pieces;  // the last one is the end
  std::string bytes;
  bool keeps_alive;
};

const Case kCases[] = {
    {"content that is there at once has its length",
     {},
     200,
     {},
     {"hello"},
     "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
     true},
    {"no content has the length 0", {}, 200, {}, {""}, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true},
    {"the application's fields stay as they are",
     {},
     404,
     {{"X-A", " b "}, {"x-a", "\xc3\xa4"}, {"Empty", ""}},
     {""},
     "HTTP/1.1 404 Not Found\r\nX-A:  b \r\nx-a: \xc3\xa4\r\nEmpty: \r\ncontent-length: 0\r\n\r\n",
     true},
    {"a code without a phrase has an empty one",
     {},
     299,
     {},
     {""},
     "HTTP/1.1 299 \r\ncontent-length: 0\r\n\r\n",
     true},
    {"content in pieces is chunked",
     {},
     200,
     {},
     {"hello", " world", ""},
     "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
     true},
    {"the last piece may have content",
     {},
     200,
     {},
     {"a", "0123456789abcdef"},
     "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n",
     true},
    {"an empty piece makes no chunk",
     {},
     200,
     {},
     {"", "a", "", ""},
     "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
     true},
    {"a length that was given is kept, and nothing is chunked",
     {},
     200,
     {{"Content-Length", "5"}},
     {"he", "llo", ""},
     "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
     true},
    {"chunked as a field is the server's own business",
     {},
     200,
     {{"Transfer-Encoding", "Chunked"}},
     {"hi"},
     "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
     true},
    {"the application may close",
     {},
     200,
     {{"Connection", "x, Close"}},
     {""},
     "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
     false},
    {"the application can't keep the connection alive",
     {true, false, false, {}, {}},
     200,
     {{"Connection", "keep-alive"}, {"Keep-Alive", "timeout=5"}},
     {""},
     "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
     false},
    {"date and server are added",
     {true, false, true, "date: now\r\n", "server: outrider\r\n"},
     200,
     {},
     {""},
     "HTTP/1.1 200 OK\r\ndate: now\r\nserver: outrider\r\ncontent-length: 0\r\n\r\n",
     true},
    {"date and server of the application are kept",
     {true, false, true, "date: now\r\n", "server: outrider\r\n"},
     200,
     {{"Server", "mine"}, {"DATE", "then"}},
     {""},
     "HTTP/1.1 200 OK\r\nServer: mine\r\nDATE: then\r\ncontent-length: 0\r\n\r\n",
     true},
    {"204 has neither content nor length",
     {},
     204,
     {{"content-length", "0"}},
     {""},
     "HTTP/1.1 204 No Content\r\n\r\n",
     true},
    {"204 swallows content", {}, 204, {}, {"oops"}, "HTTP/1.1 204 No Content\r\n\r\n", true},
    {"205 has the length 0 and no content, whatever the application says",
     {},
     205,
     {{"content-length", "5"}},
     {"hello"},
     "HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n",
     true},
    {"205 in pieces isn't chunked",
     {},
     205,
     {},
     {"a", "b", ""},
     "HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n",
     true},
    {"426 names the protocols, and Connection names the field",
     {},
     426,
     {{"Upgrade", "websocket"}},
     {""},
     "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\ncontent-length: 0\r\nconnection: upgrade\r\n\r\n",
     true},
    {"426 that closes says that too",
     {},
     426,
     {{"Upgrade", "websocket"}, {"Connection", "upgrade, close"}},
     {""},
     "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\ncontent-length: 0\r\n"
     "connection: upgrade, close\r\n\r\n",
     false},
    {"426 for HTTP/1.0 says that the connection stays",
     http10(),
     426,
     {{"Upgrade", "x"}},
     {""},
     "HTTP/1.1 426 Upgrade Required\r\nUpgrade: x\r\ncontent-length: 0\r\nconnection: upgrade, keep-alive\r\n\r\n",
     true},
    {"304 may tell the length of what it doesn't send",
     {},
     304,
     {{"Content-Length", "7"}},
     {""},
     "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n",
     true},
    {"304 without a length has none", {}, 304, {}, {""}, "HTTP/1.1 304 Not Modified\r\n\r\n", true},
    {"HEAD is told the length, and sent nothing",
     head_request(),
     200,
     {},
     {"hello"},
     "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
     true},
    {"HEAD with a length and no content",
     head_request(),
     200,
     {{"content-length", "5"}},
     {""},
     "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
     true},
    {"HEAD without either", head_request(), 200, {}, {""}, "HTTP/1.1 200 OK\r\n\r\n", true},
    {"HEAD in pieces is sent no piece at all",
     head_request(),
     200,
     {},
     {"a", "b", ""},
     "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
     true},
    {"HEAD in pieces of a given length is sent no piece",
     head_request(),
     200,
     {{"content-length", "2"}},
     {"a", "b"},
     "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n",
     true},
    {"HTTP/1.0 is told that the connection stays",
     http10(),
     200,
     {},
     {"hi"},
     "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nhi",
     true},
    {"HTTP/1.0 has no chunks: the close is the end",
     http10(),
     200,
     {},
     {"a", "b", ""},
     "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nab",
     false},
    {"HTTP/1.0 keeps alive in pieces of a given length",
     http10(),
     200,
     {{"content-length", "2"}},
     {"a", "b"},
     "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nab",
     true},
};

TEST_CASE("a response is framed as its content and its request ask for") {
  for (const Case& row : kCases) {
    INFO(row.name);
    Response response(row.context);
    REQUIRE(response.begin(row.status, row.fields) == Fault::None);
    for (std::size_t i = 0; i < row.pieces.size(); ++i) {
      const More more = i + 1 == row.pieces.size() ? More::No : More::Yes;
      REQUIRE(response.write(row.pieces[i], more) == Fault::None);
      // Only the first piece is told about the request.
      response.context = ResponseContext();
    }
    CHECK(response.bytes() == row.bytes);
    CHECK(response.writer.keeps_alive() == row.keeps_alive);
    CHECK(response.writer.status() == row.status);
  }
}

TEST_CASE("a status that is none is refused") {
  for (const int status : {-1, 0, 99, 101, 1000, 10000}) {
    CAPTURE(status);
    CHECK(Response().begin(status) == Fault::StatusInvalid);
  }
  for (const int status : {100, 102, 199, 200, 299, 600, 999}) {
    CAPTURE(status);
    CHECK(Response().begin(status) == Fault::None);
  }
}

const struct {
  std::string name, value;
  Fault fault;
} kBadFields[] = {
    {"", "x", Fault::FieldNameInvalid},
    {"a b", "x", Fault::FieldNameInvalid},
    {"a:", "x", Fault::FieldNameInvalid},
    {"a\r\nb", "x", Fault::FieldNameInvalid},
    {"a\0"s, "x", Fault::FieldNameInvalid},
    {"\xc3\xa4", "x", Fault::FieldNameInvalid},
    {"a", "x\r\nSet-Cookie: y", Fault::FieldValueInvalid},
    {"a", "x\n", Fault::FieldValueInvalid},
    {"a", "\r", Fault::FieldValueInvalid},
    {"a", "x\0y"s, Fault::FieldValueInvalid},
    {"a", "\x7f", Fault::FieldValueInvalid},
    {"content-length", "5\r\n\r\n", Fault::FieldValueInvalid},
    {"Upgrade", "h2c", Fault::FieldForbidden},
    {"Transfer-Encoding", "gzip", Fault::FieldForbidden},
    {"Transfer-Encoding", "gzip, chunked", Fault::FieldForbidden},
    {"Content-Length", "", Fault::ContentLengthInvalid},
    {"Content-Length", "-1", Fault::ContentLengthInvalid},
    {"Content-Length", "+1", Fault::ContentLengthInvalid},
    {"Content-Length", "1, 1", Fault::ContentLengthInvalid},
    {"Content-Length", "1x", Fault::ContentLengthInvalid},
    {"Content-Length", "18446744073709551616", Fault::ContentLengthInvalid},
};

TEST_CASE("a field that would break the response is refused and leaves no trace") {
  for (const auto& row : kBadFields) {
    INFO(row.name, ": ", row.value);
    Response response;
    REQUIRE(response.begin(200) == Fault::None);
    CHECK(response.writer.add_field(row.name, row.value) == row.fault);
    REQUIRE(response.write("", More::Yes) == Fault::None);
    CHECK(response.bytes() == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
  }
  CHECK(Response().begin(200, {{"content-length", "1"}, {"Content-Length", "1"}}) == Fault::ContentLengthInvalid);
}

TEST_CASE("a field value may hold anything else") {
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    const bool is_allowed = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
    CHECK((Response().begin(200, {{"x", std::string(1, static_cast<char>(byte))}}) == Fault::None) == is_allowed);
  }
}

TEST_CASE("content that isn't as long as its length says is refused") {
  const struct {
    std::string length;
    std::vector<std::string> pieces;
    Fault fault;  // of the last piece
  } table[] = {
      {"3", {"abcd"}, Fault::BodyTooLong}, {"3", {"ab", "cd"}, Fault::BodyTooLong}, {"0", {"a"}, Fault::BodyTooLong},
      {"3", {"ab"}, Fault::BodyTooShort},  {"3", {"ab", ""}, Fault::BodyTooShort},  {"3", {""}, Fault::BodyTooShort},
      {"3", {"ab", "c"}, Fault::None},
  };
  for (const auto& row : table) {
    Response response;
    REQUIRE(response.begin(200, {{"content-length", row.length}}) == Fault::None);
    for (std::size_t i = 0; i + 1 < row.pieces.size(); ++i)
      REQUIRE(response.write(row.pieces[i], More::Yes) == Fault::None);
    const std::string before = response.bytes();
    CHECK(response.write(row.pieces.back(), More::No) == row.fault);
    // Nothing of it was sent.
    if (row.fault != Fault::None) CHECK(response.bytes() == before);
    CHECK(response.writer.has_sent_head() == (row.pieces.size() > 1));
  }
}

TEST_CASE("content that was refused counts for nothing") {
  Response response;
  REQUIRE(response.begin(200, {{"content-length", "5"}}) == Fault::None);
  CHECK(response.write("abcd", More::No) == Fault::BodyTooShort);
  CHECK(response.write("e", More::No) == Fault::BodyTooShort);
  CHECK(response.write("abcdef", More::Yes) == Fault::BodyTooLong);
  CHECK(response.bytes().empty());
  CHECK(response.write("abcde", More::No) == Fault::None);
  CHECK(response.bytes().ends_with("content-length: 5\r\n\r\nabcde"));
}

TEST_CASE("a head that was begun can be replaced before it is sent") {
  Response response;
  response.out.append("what is before it stays|");
  REQUIRE(response.begin(200, {{"x", "y"}, {"content-length", "5"}, {"connection", "close"}}) == Fault::None);
  response.writer.drop_head();
  CHECK(!response.writer.has_begun());
  REQUIRE(response.begin(500) == Fault::None);
  REQUIRE(response.write("no", More::No) == Fault::None);
  CHECK(response.bytes() ==
        "what is before it stays|HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\n\r\nno");
  CHECK(response.writer.keeps_alive());
}

TEST_CASE("a head stays out of the bytes until its first content") {
  Response response;
  REQUIRE(response.begin(200, {{"a", "b"}}) == Fault::None);
  CHECK(response.bytes().empty());
  REQUIRE(response.write("", More::No) == Fault::None);
  CHECK(response.bytes() == "HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 0\r\n\r\n");
}

TEST_CASE("a writer that is used again knows nothing of the response before") {
  Response response;
  response.writer.expect_trailers();
  REQUIRE(response.begin(204, {{"a", "b"}, {"date", "x"}, {"server", "y"}, {"connection", "close"}}) == Fault::None);
  REQUIRE(response.write("", More::No) == Fault::None);
  response.writer.reset();
  response.out.clear();
  response.context = {true, false, true, "date: now\r\n", "server: outrider\r\n"};
  REQUIRE(response.begin(200) == Fault::None);
  REQUIRE(response.write("x", More::No) == Fault::None);
  CHECK(response.bytes() == "HTTP/1.1 200 OK\r\ndate: now\r\nserver: outrider\r\ncontent-length: 1\r\n\r\nx");
  CHECK(response.writer.keeps_alive());
}

TEST_CASE("informational responses come before the response, which still has its trailers") {
  Response response;
  response.writer.expect_trailers();
  CHECK(Response().begin(103, {{"transfer-encoding", "gzip"}}) == Fault::FieldForbidden);
  REQUIRE(response.begin(103, {{"link", "</a>"},
                               {"connection", "close"},
                               {"content-length", "5"},
                               {"transfer-encoding", "chunked"}}) == Fault::None);
  response.writer.end_informational(response.out);
  REQUIRE(response.begin(200) == Fault::None);
  REQUIRE(response.write("a", More::No) == Fault::None);
  REQUIRE(response.writer.add_trailer("x-sum", "1", response.out) == Fault::None);
  CHECK(response.writer.add_trailer("x\r\n", "1", response.out) == Fault::FieldNameInvalid);
  CHECK(response.writer.add_trailer("x", "\n", response.out) == Fault::FieldValueInvalid);
  response.writer.end_trailers(response.out);
  CHECK(response.bytes() ==
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-sum: 1\r\n\r\n");
  CHECK(response.writer.keeps_alive());
}

TEST_CASE("trailers make a response chunked even when its length was given") {
  Response response;
  REQUIRE(response.begin(200, {{"content-length", "1"}}) == Fault::None);
  response.writer.expect_trailers();
  REQUIRE(response.write("a", More::Yes) == Fault::None);
  REQUIRE(response.write("", More::No) == Fault::None);
  response.writer.end_trailers(response.out);
  CHECK(response.bytes() == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n");
}

TEST_CASE("a response that has no content has no trailers either, and isn't chunked") {
  const struct {
    int status;
    Fields fields;
    std::string bytes;
  } table[] = {
      {204, {{"content-length", "1"}}, "HTTP/1.1 204 No Content\r\n\r\n"},
      {304, {{"content-length", "1"}}, "HTTP/1.1 304 Not Modified\r\ncontent-length: 1\r\n\r\n"},
      {304, {}, "HTTP/1.1 304 Not Modified\r\n\r\n"},
  };
  for (const auto& row : table) {
    Response response;
    response.writer.expect_trailers();
    REQUIRE(response.begin(row.status, row.fields) == Fault::None);
    REQUIRE(response.write("a", More::Yes) == Fault::None);
    REQUIRE(response.write("", More::No) == Fault::None);
    REQUIRE(response.writer.add_trailer("x-sum", "1", response.out) == Fault::None);
    response.writer.end_trailers(response.out);
    CHECK(response.bytes() == row.bytes);
  }
}

TEST_CASE("HTTP/1.0 and HEAD are sent no trailers") {
  for (const ResponseContext& context : {http10(), head_request()}) {
    Response response(context);
    response.writer.expect_trailers();
    REQUIRE(response.begin(200) == Fault::None);
    REQUIRE(response.write("a", More::No) == Fault::None);
    CHECK(response.writer.add_trailer("x", "1", response.out) == Fault::None);
    response.writer.end_trailers(response.out);
    CHECK(response.bytes().find("x: 1") == std::string::npos);
    CHECK(response.bytes().find("\r\n0\r\n") == std::string::npos);
  }
}

TEST_CASE("every fault of a response can be produced and has its sentence") {
  CHECK(Response().begin(42) == Fault::StatusInvalid);
  CHECK(Response().begin(200, {{" ", "x"}}) == Fault::FieldNameInvalid);
  CHECK(Response().begin(200, {{"x", "\n"}}) == Fault::FieldValueInvalid);
  CHECK(Response().begin(200, {{"upgrade", "x"}}) == Fault::FieldForbidden);
  CHECK(Response().begin(200, {{"content-length", "x"}}) == Fault::ContentLengthInvalid);
  Response response;
  REQUIRE(response.begin(200, {{"content-length", "1"}}) == Fault::None);
  CHECK(response.write("", More::No) == Fault::BodyTooShort);
  CHECK(response.write("ab", More::No) == Fault::BodyTooLong);
  for (int fault = 0; fault <= static_cast<int>(Fault::BodyTooShort); ++fault) {
    CHECK(!http::sentence(static_cast<Fault>(fault)).empty());
  }
}

}  // namespace
}  // namespace outrider::http1
