// SPDX-License-Identifier: MIT
#include "cases.h"

#include <vector>

namespace outrider::testing {
namespace {

std::string ok(const std::string& body, const std::string& fields = "") {
  return "HTTP/1.1 200 OK\r\n" + fields + "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string ok_and_close(const std::string& body, const std::string& fields = "") {
  return "HTTP/1.1 200 OK\r\n" + fields + "content-length: " + std::to_string(body.size()) +
         "\r\nconnection: close\r\n\r\n" + body;
}

std::string get(const std::string& target, const std::string& fields = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

std::string post(const std::string& target, const std::string& body, const std::string& fields = "") {
  return "POST " + target + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         fields + "\r\n" + body;
}

std::string post_chunked(const std::string& target, const std::string& chunks) {
  return "POST " + target + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks;
}

const std::string kText = "content-type: text/plain\r\n";
const std::string kHello = ok("hello\n", kText);
const std::string kHelloClose = ok_and_close("hello\n", kText);
const std::string kPieces =
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n6\r\ntwotwo\r\n0\r\n\r\n";

std::vector<Case> requests() {
  return {
      {"a request is answered and the connection stays", get("/hello"), kHello, 1},
      {"an empty line before a request is skipped", "\r\n" + get("/hello"), kHello, 1},
      {"a request for an absolute target", "GET http://a/hello?x HTTP/1.1\r\nHost: a\r\n\r\n", kHello, 1},
      {"an unknown method reaches the application", "BREW /about HTTP/1.1\r\nHost: a\r\n\r\n", ok("BREW /about 1.1 "),
       1},
      {"OPTIONS for the whole server", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" + get("/hello"), kHello + kHello, 2},
      {"a body of known length", post("/echo", "hello"), ok("hello"), 1},
      {"an empty body", post("/echo", ""), ok(""), 1},
      {"a body of a GET", "GET /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", ok("abc"), 1},
      {"a chunked body", post_chunked("/echo", "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"), ok("abcde"), 1},
      {"a chunked body without content", post_chunked("/echo", "0\r\n\r\n"), ok(""), 1},
      {"trailers of a request", post_chunked("/about", "1\r\nx\r\n0\r\nX-Sum: 1\r\nY: z\r\n\r\n"),
       ok("POST /about 1.1 x [x-sum|1] [y|z]"), 1},
      {"a body is echoed while it comes", post("/echo-stream?10", "0123456789"), ok("0123456789"), 1},
  };
}

std::vector<Case> responses() {
  return {
      {"content in pieces is chunked", get("/pieces"), kPieces, 1},
      {"a response without content", get("/empty"), "HTTP/1.1 204 No Content\r\n\r\n", 1},
      {"a response that isn't modified", get("/not-modified"),
       "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", 1},
      {"early hints come first", get("/hints"), "HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n" + kHello, 1},
      {"trailers of a response", get("/trailers"),
       "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 6\r\n\r\n", 1},
      {"HEAD is sent the head alone", "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n" + get("/hello"),
       "HTTP/1.1 200 OK\r\n" + kText + "content-length: 6\r\n\r\n" + kHello, 2},
      {"HEAD of content in pieces is sent none of them", "HEAD /pieces HTTP/1.1\r\nHost: a\r\n\r\n" + get("/hello"),
       "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + kHello, 2},
      {"HEAD with trailers", "HEAD /trailers HTTP/1.1\r\nHost: a\r\n\r\n" + get("/hello"),
       "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + kHello, 2},
      {"content larger than what the kernel takes at once", get("/large"), ok(std::string(200'000, 'L')), 1},
      {"the same and then the close", get("/large", "Connection: close\r\n"), ok_and_close(std::string(200'000, 'L')),
       1, true},
  };
}

std::vector<Case> persistence() {
  return {
      {"the client closes", get("/hello", "Connection: close\r\n"), kHelloClose, 1, true},
      {"the application closes", get("/close"), ok_and_close("bye"), 1, true},
      {"nothing is answered behind the last request", get("/hello", "Connection: close\r\n") + get("/hello"),
       kHelloClose, 1, true},
      {"HTTP/1.0 closes", "GET /hello HTTP/1.0\r\n\r\n", kHelloClose, 1, true},
      {"HTTP/1.0 keeps alive when asked", "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
       "HTTP/1.1 200 OK\r\n" + kText + "content-length: 6\r\nconnection: keep-alive\r\n\r\nhello\n", 1},
      {"HTTP/1.0 is sent pieces until the close", "GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
       "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nonetwotwo", 1, true},
      {"HTTP/1.0 is sent no early hints", "GET /hints HTTP/1.0\r\n\r\n", kHelloClose, 1, true},
      {"HTTP/1.0 is not told to continue",
       "POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi", ok_and_close("hi"), 1, true},
      {"requests one after the other", get("/hello") + get("/pieces") + get("/hello"), kHello + kPieces + kHello, 3},
      {"requests with bodies one after the other",
       post("/echo", "a") + post_chunked("/echo", "1\r\nb\r\n0\r\n\r\n") + post("/echo", "c"),
       ok("a") + ok("b") + ok("c"), 3},
      {"a small body that nobody reads is skipped", post("/hello", "0123456789") + get("/hello"), kHello + kHello, 2},
      {"the client is done sending", get("/hello"), kHello, 1, true, true},
      {"the client is done after several requests", get("/about") + get("/about") + get("/hello"),
       ok("GET /about 1.1 ") + ok("GET /about 1.1 ") + kHello, 3, true, true},
      {"the client has nothing to say", "", "", 0, true, true},
      {"the client gives up within a head", "GET / HT", "", 0, true, true},
      {"the client gives up within the next head", get("/hello") + "GET /", kHello, 1, true, true},
  };
}

std::vector<Case> mistakes() {
  const std::string bad = "400 Bad Request";
  return {
      {"what isn't HTTP", "\x15\x03\x01 \r\n", error_answer(bad, "the method is not a token"), 0, true},
      {"TLS", "\x16\x03\x01", error_answer(bad, "this port speaks http, and what came is TLS: use http://"), 0, true},
      {"a missing host", "GET / HTTP/1.1\r\n\r\n", error_answer(bad, "the Host field is missing"), 0, true},
      {"CONNECT", "CONNECT a:80 HTTP/1.1\r\n",
       error_answer("501 Not Implemented", "this server is no proxy: CONNECT is not implemented"), 0, true},
      {"another version", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
       error_answer("505 HTTP Version Not Supported", "only HTTP/1.0 and HTTP/1.1 are spoken here"), 0, true},
      {"an unknown expectation", get("/", "Expect: tea\r\n"),
       error_answer("417 Expectation Failed", "an expectation other than 100-continue can't be met"), 0, true},
      {"both framings",
       "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
           get("/hello"),
       error_answer(bad, "there are both Content-Length and Transfer-Encoding"), 0, true},
      {"a mistake after a good request", get("/hello") + "GET / HTTP/1.1\r\n\r\n" + get("/hello"),
       kHello + error_answer(bad, "the Host field is missing"), 1, true},
      {"a chunk extension that others refuse",
       post_chunked("/echo", "1;\r\nx\r\n0\r\n\r\n") + get("/hello"),
       error_answer(bad, "a chunk extension is not valid"),
       {},
       true},
      {"a mistake in the body that the application waits for",
       post_chunked("/echo", "1\r\nx\r\nz\r\n") + get("/hello"),
       error_answer(bad, "a chunk size is not a hexadecimal number that this server can take"),
       {},
       true},
  };
}

}  // namespace

std::string compared(const Case& row, const std::string& received) {
  const std::string close = "connection: close\r\n";
  const std::size_t at = row.client_half_closes ? received.find(close) : std::string::npos;
  return at == std::string::npos ? received : received.substr(0, at) + received.substr(at + close.size());
}

std::string error_answer(const std::string& status, const std::string& sentence) {
  return "HTTP/1.1 " + status +
         "\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: " + std::to_string(sentence.size() + 1) +
         "\r\nconnection: close\r\n\r\n" + sentence + "\n";
}

std::span<const Case> cases() {
  static const std::vector<Case> all = [] {
    std::vector<Case> joined;
    for (const auto& part : {requests(), responses(), persistence(), mistakes()})
      joined.insert(joined.end(), part.begin(), part.end());
    return joined;
  }();
  return all;
}

}  // namespace outrider::testing
