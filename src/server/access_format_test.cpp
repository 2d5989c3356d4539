// SPDX-License-Identifier: MIT
#include "server/access_format.h"

#include <doctest/doctest.h>

#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <map>
#include <string>
#include <utility>

#include "http/exchange.h"
#include "http/origin.h"
#include "http/request_head.h"
#include "outrider/error.h"

namespace outrider::server {
namespace {

// One exchange: GET /a%20b?c=d, answered with 200 and 5 bytes in 1.234567 s.
struct Sample final : http::Connection, http::SentHead {
  http::RequestHead head;
  http::PeerName peer{"192.0.2.7", 50412};
  std::map<std::string, std::string> response_fields;
  http::ExchangeRecord record{.method = "GET",
                              .target = "/a%20b?c=d",
                              .minor_version = 1,
                              .status = 200,
                              .microseconds = 1234567,
                              .stop_stage = http::StopStage::None,
                              .connection = this,
                              .application = nullptr,
                              .request = &head,
                              .response = this,
                              .request_id = {},
                              .content_bytes = 5,
                              .is_complete = true,
                              .keeps_alive = true};
  int64_t began_us = 784111777'012345;  // 1994-11-06T08:49:37.012345Z

  Sample() {
    head.layout().path = put("/a%20b");
    head.layout().query = put("c=d");
    head.layout().authority = put("example.com");
  }
  Sample(const Sample&) = delete;
  Sample& operator=(const Sample&) = delete;

  http::Span put(std::string_view text) {
    const http::Span span{static_cast<uint32_t>(head.storage().size()), static_cast<uint32_t>(text.size())};
    head.storage().append(text);
    return span;
  }
  /// Adds a field to the request.
  Sample& with(std::string_view name, std::string_view value) {
    const http::Span placed = put(name);
    head.layout().fields.push_back({placed, put(value)});
    return *this;
  }
  std::string line(std::string_view format) {
    AccessFormat compiled(format);
    Buffer out;
    AccessEntry entry = entry_of(record);
    entry.began_us = began_us;
    compiled.append(entry, out);
    return std::string(out.view());
  }

  net::Address local_address() const override { return net::Address::resolve("127.0.0.1", 8000)[0]; }
  net::Address peer_address() const override { return {}; }
  const http::PeerName& peer_name() override { return peer; }
  std::string_view scheme() const override { return "http"; }
  Attachment& attachment() override { return attachment_; }
  websocket::Service& websockets() override { std::abort(); }
  std::string_view field(std::string_view name) const override {
    const auto found = response_fields.find(std::string(name));
    return found == response_fields.end() ? std::string_view() : std::string_view(found->second);
  }

 private:
  Attachment attachment_;
};

TEST_CASE("the named formats") {
  Sample sample;
  sample.with("user-agent", "curl/8").with("referer", "http://a/");
  sample.record.request_id = "abc";
  CHECK(sample.line("common") == "192.0.2.7 - - [06/Nov/1994:08:49:37 +0000] \"GET /a%20b?c=d HTTP/1.1\" 200 5");
  CHECK(sample.line("combined") ==
        "192.0.2.7 - - [06/Nov/1994:08:49:37 +0000] \"GET /a%20b?c=d HTTP/1.1\" 200 5 \"http://a/\" \"curl/8\"");
  CHECK(sample.line("plain") == "192.0.2.7:50412 - \"GET /a%20b?c=d HTTP/1.1\" 200 1234.567 ms abc");
  CHECK(sample.line("json") ==
        "{\"time\":\"1994-11-06T08:49:37.012345Z\",\"client\":\"192.0.2.7\",\"client_port\":50412,\"method\":\"GET\","
        "\"target\":\"/a%20b?c=d\",\"protocol\":\"HTTP/1.1\",\"host\":\"example.com\",\"status\":200,"
        "\"complete\":true,\"bytes\":5,\"duration_us\":1234567,\"user_agent\":\"curl/8\",\"referer\":\"http://a/\","
        "\"request_id\":\"abc\"}");
}

TEST_CASE("the client is whom trusted proxies name, if they do") {
  Sample sample;
  http::Origin origin;
  origin.client = net::Address::resolve("203.0.113.9", 0)[0];
  sample.record.origin = &origin;
  CHECK(sample.line("common").starts_with("203.0.113.9 - - "));
  CHECK(sample.line("plain").starts_with("203.0.113.9 - \"GET "));  // no port was told
  CHECK(sample.line("json").find("\"client\":\"203.0.113.9\",\"client_port\":null") != std::string::npos);
  CHECK(sample.line("%h %{remote}p") == "203.0.113.9 -");
  origin.client = {};
  CHECK(sample.line("common").starts_with("- - - "));
}

TEST_CASE("what is missing is a dash, and null in JSON") {
  Sample sample;
  sample.peer = {};
  sample.record.status = 0;
  sample.record.content_bytes = 0;
  sample.record.minor_version = 0;
  sample.record.is_complete = sample.record.keeps_alive = false;
  CHECK(sample.line("combined") == "- - - [06/Nov/1994:08:49:37 +0000] \"GET /a%20b?c=d HTTP/1.0\" - - \"-\" \"-\"");
  CHECK(sample.line("plain") == "- - \"GET /a%20b?c=d HTTP/1.0\" - 1234.567 ms");
  CHECK(sample.line("json") ==
        "{\"time\":\"1994-11-06T08:49:37.012345Z\",\"client\":null,\"client_port\":null,\"method\":\"GET\","
        "\"target\":\"/a%20b?c=d\",\"protocol\":\"HTTP/1.0\",\"host\":\"example.com\",\"status\":null,"
        "\"complete\":false,\"bytes\":0,\"duration_us\":1234567,\"user_agent\":null,\"referer\":null,"
        "\"request_id\":null}");
}

TEST_CASE("each directive writes its part") {
  Sample sample;
  sample.with("x-a", "1").with("x-a", "2").with("empty", "");
  sample.response_fields["content-type"] = "text/plain";
  sample.record.request_id = "id-1";
  const std::string pid = std::to_string(::getpid());
  const std::pair<const char*, std::string> cases[] = {
      {"%a", "192.0.2.7"},
      {"%h", "192.0.2.7"},
      {"%A", "127.0.0.1"},
      {"%b", "5"},
      {"%B", "5"},
      {"%D", "1234567"},
      {"%H", "HTTP/1.1"},
      {"%{X-A}i", "1, 2"},
      {"%{empty}i", "-"},
      {"%{missing}i", "-"},
      {"%l", "-"},
      {"%L", "id-1"},
      {"%m", "GET"},
      {"%{Content-Type}o", "text/plain"},
      {"%{missing}o", "-"},
      {"%p", "8000"},
      {"%{local}p", "8000"},
      {"%{remote}p", "50412"},
      {"%P", pid},
      {"%q", "?c=d"},
      {"%r", "GET /a%20b?c=d HTTP/1.1"},
      {"%s", "200"},
      {"%>s", "200"},
      {"%<s", "200"},
      {"%t", "[06/Nov/1994:08:49:37 +0000]"},
      {"%{sec}t", "784111777"},
      {"%{msec}t", "784111777012"},
      {"%{usec}t", "784111777012345"},
      {"%{msec_frac}t", "012"},
      {"%{usec_frac}t", "012345"},
      {"%{%Y-%m-%dT%H:%M:%S}t", "1994-11-06T08:49:37"},
      {"%T", "1"},
      {"%{s}T", "1"},
      {"%{ms}T", "1234"},
      {"%{us}T", "1234567"},
      {"%u", "-"},
      {"%U", "/a%20b"},
      {"%X", "+"},
      {"%%", "%"},
      {"100%% of %m, %s!", "100% of GET, 200!"},
      // gunicorn's way.
      {"%(h)s %(l)s %(u)s", "192.0.2.7 - -"},
      {"%(r)s", "GET /a%20b?c=d HTTP/1.1"},
      {"%(s)s %(b)s", "200 5"},
      {"%({x-a}i)s %({content-type}o)s", "1, 2 text/plain"},
      {"\"%(f)s\" \"%(a)s\"", "\"-\" \"-\""},
      {"%(D)s %(T)s %(M)s %(L)s", "1234567 1 1234 1.234567"},
      {"%(p)s", "<" + pid + ">"},
  };
  for (const auto& [format, expected] : cases) {
    CAPTURE(format);
    CHECK(sample.line(format) == expected);
  }
}

TEST_CASE("how a response ended can be told") {
  Sample sample;
  CHECK(sample.line("%X") == "+");
  sample.record.keeps_alive = false;
  CHECK(sample.line("%X") == "-");
  sample.record.is_complete = false;
  CHECK(sample.line("%X") == "X");
  CHECK(sample.line("plain") == "192.0.2.7:50412 - \"GET /a%20b?c=d HTTP/1.1\" 200 (cut short) 1234.567 ms");
  sample.record.content_bytes = 0;
  CHECK(sample.line("%b %B") == "- 0");
}

TEST_CASE("a client can't forge a line") {
  Sample sample;
  const std::string attack = "x\" 200 5\r\n10.0.0.1 - - \"GET /forged\x1b[2J\\";
  sample.with("user-agent", attack).with("referer", "\xff\xc3\xa9");
  sample.record.target = "/\"a\\";
  sample.record.request_id = attack;
  const char* formats[] = {"common", "combined", "json", "plain", "%L %{user-agent}i %{referer}i %r"};
  for (const char* format : formats) {
    CAPTURE(format);
    for (const char c : sample.line(format)) CHECK((c >= 0x20 && c < 0x7f));
  }
  CHECK(sample.line("combined") ==
        "192.0.2.7 - - [06/Nov/1994:08:49:37 +0000] \"GET /\\\"a\\\\ HTTP/1.1\" 200 5 \"\\xff\\xc3\\xa9\" "
        "\"x\\\" 200 5\\x0d\\x0a10.0.0.1 - - \\\"GET /forged\\x1b[2J\\\\\"");
  const std::string json = sample.line("json");
  CHECK(json.find("\"target\":\"/\\\"a\\\\\",") != std::string::npos);
  CHECK(json.find("\"referer\":\"\\ufffd\\u00e9\"") != std::string::npos);
  CHECK(json.find("\"user_agent\":\"x\\\" 200 5\\u000d\\u000a10.0.0.1") != std::string::npos);
}

TEST_CASE("an IPv6 client is in brackets where its port follows") {
  Sample sample;
  sample.peer = {"2001:db8::1", 443};
  CHECK(sample.line("plain").substr(0, 20) == "[2001:db8::1]:443 - ");
  CHECK(sample.line("%h") == "2001:db8::1");
  CHECK(sample.peer.to_string() == "[2001:db8::1]:443");
}

TEST_CASE("the time is made again when the second changes, forwards or backwards") {
  Sample sample;
  AccessFormat format("%t");
  const auto line = [&](int64_t second) {
    Buffer out;
    format.append({sample.record, second * 1'000'000 + 999'999}, out);
    return std::string(out.view());
  };
  CHECK(line(784111777) == "[06/Nov/1994:08:49:37 +0000]");
  CHECK(line(784111777) == "[06/Nov/1994:08:49:37 +0000]");
  CHECK(line(784111778) == "[06/Nov/1994:08:49:38 +0000]");
  CHECK(line(784111777) == "[06/Nov/1994:08:49:37 +0000]");
}

TEST_CASE("an entry's time is when the request came") {
  Sample sample;
  const int64_t now = static_cast<int64_t>(std::time(nullptr)) * 1'000'000;
  sample.record.microseconds = 60'000'000;
  const int64_t began = entry_of(sample.record).began_us;
  CHECK(began >= now - 60'000'000);
  CHECK(began < now - 60'000'000 + 10'000'000);
}

TEST_CASE("a mistake in a format is named, with what there is") {
  const auto message = [](std::string_view format) -> std::string {
    try {
      AccessFormat compiled(format);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::Option);
      return error.what();
    }
    return "no error";
  };
  const std::pair<const char*, const char*> cases[] = {
      {"combind", "'combind' is no name, and has no directive"},
      {"", "'' is no name"},
      {"%h %y", "has the directive '%y', which isn't known"},
      {"%{x}h", "has the directive '%{x}h', which isn't known"},
      {"%i", "has the directive '%i', which isn't known"},
      {"%{seconds}t", "has the directive '%{seconds}t', which isn't known"},
      {"%200,304{user-agent}i", "has the directive '%2', which isn't known"},
      {"%(y)s", "has the directive '%(y)s', which isn't known"},
      {"%(h)d", "has no )s after '%(h'"},
      {"%{user-agent", "has no } after '%{user-agent'"},
      {"%{}i", "has nothing between the braces of '%{}i'"},
      {"%h %", "ends within '%'"},
      {"%{a}", "ends within '%{a}'"},
      {"%h\n%s", "holds a line break"},
  };
  for (const auto& [format, expected] : cases) {
    CAPTURE(format);
    CHECK(message(format).find(expected) != std::string::npos);
    CHECK(message(format).find("common, combined, json, plain") != std::string::npos);
    CHECK(message(format).find("%{…}i") != std::string::npos);
  }
}

}  // namespace
}  // namespace outrider::server
