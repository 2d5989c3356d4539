// SPDX-License-Identifier: MIT
#include "http1/protocol_error.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <string_view>

#include "http1/body_reader.h"
#include "http1/head_parser.h"

using namespace std::string_literals;

namespace outrider::http1 {
namespace {

// Adds the fault that a head, and behind it a body, leads to.
void provoke(const std::string& bytes, std::set<Fault>& provoked, const Limits& limits = {}) {
  http::RequestHead head;
  HeadParser parser(limits);
  parser.begin(head);
  const auto parsed = parser.feed(bytes);
  if (!parsed) {
    provoked.insert(parsed.error().fault);
    return;
  }
  REQUIRE(parsed.value().is_complete);
  BodyReader reader(limits);
  if (const auto begun = reader.begin(head); !begun) {
    provoked.insert(begun.error().fault);
    return;
  }
  std::string_view rest = std::string_view(bytes).substr(parsed.value().consumed);
  while (!rest.empty()) {
    const auto progress = reader.feed(rest);
    if (!progress) {
      provoked.insert(progress.error().fault);
      return;
    }
    rest.remove_prefix(progress.value().consumed);
  }
  FAIL("nothing was wrong with ", bytes);
}

TEST_CASE("every fault can be produced") {
  const std::string line = "POST / HTTP/1.1\r\nHost: a\r\n";
  const std::string chunked = line + "Transfer-Encoding: chunked\r\n\r\n";
  Limits tight;
  tight.request_line_bytes_max = 20;
  tight.head_bytes_max = 60;
  tight.header_count_max = 2;
  tight.body_bytes_max = 5;

  std::set<Fault> provoked;
  for (const std::string& bytes : {"GET / HTTP/1.1\n"s,
                                   "\x16\x03\x01"s,
                                   "@\r\n"s,
                                   "CONNECT a:1 HTTP/1.1\r\n"s,
                                   "GET a HTTP/1.1\r\n"s,
                                   "GET https://a/ HTTP/1.1\r\n"s,
                                   "GET /\r\n"s,
                                   "GET / HTTP/3.0\r\n"s,
                                   line + " fold\r\n",
                                   line + "a : b\r\n",
                                   line + "@: b\r\n",
                                   line + "a: \x01\r\n",
                                   "GET / HTTP/1.1\r\n\r\n"s,
                                   line + "Host: a\r\n",
                                   "GET / HTTP/1.1\r\nHost: @\r\n"s,
                                   "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"s,
                                   line + "Content-Length: x\r\n",
                                   line + "Content-Length: 1\r\nContent-Length: 1\r\n",
                                   line + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                                   "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"s,
                                   line + "Transfer-Encoding: gzip\r\n",
                                   line + "Transfer-Encoding: ,\r\n",
                                   line + "Transfer-Encoding: gzip, chunked\r\n",
                                   line + "Connection: @\r\n",
                                   line + "Expect: x\r\n",
                                   line + "Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\n",
                                   chunked + "x\r\n",
                                   chunked + "1;\x01\r\n",
                                   chunked + "1;" + std::string(300, 'e'),
                                   chunked + "1\r\nxyz",
                                   chunked + "0\r\nHost: a\r\n\r\n"}) {
    provoke(bytes, provoked);
  }
  provoke("GET /234567890123456789 HTTP/1.1\r\n", provoked, tight);
  provoke("METHOD89012345678901234567890", provoked, tight);
  provoke(line + "x: " + std::string(100, 'x'), provoked, tight);
  provoke(line + "a: b\r\nc: d\r\n\r\n", provoked, tight);
  provoke(line + "Content-Length: 6\r\n\r\n", provoked, tight);
  std::string extensions = chunked;
  for (int i = 0; i < 70; ++i) extensions += "1;" + std::string(250, 'e') + "\r\nx\r\n";
  provoke(extensions, provoked);
  // These are the connection's: tests/wire/time_out_test.cpp and origin_test.cpp produce them.
  provoked.insert({Fault::HeadTimeout, Fault::BodyTimeout, Fault::RequestTimeout, Fault::ForwardedInvalid,
                   Fault::ForwardedConflict});

  for (int i = 0; i < kFaultCount; ++i) {
    INFO(std::string(ProtocolError{static_cast<Fault>(i)}.sentence()));
    CHECK(provoked.contains(static_cast<Fault>(i)));
  }
}

TEST_CASE("every fault has a sentence of its own and a status of the client's or ours") {
  std::set<std::string_view> sentences;
  for (int i = 0; i < kFaultCount; ++i) {
    const ProtocolError error{static_cast<Fault>(i)};
    sentences.insert(error.sentence());
    CHECK(!error.sentence().empty());
    CHECK(error.status() >= 400);
    CHECK(error.status() < 600);
  }
  CHECK(sentences.size() == kFaultCount);
}

}  // namespace
}  // namespace outrider::http1
