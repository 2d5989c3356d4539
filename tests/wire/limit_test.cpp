// SPDX-License-Identifier: MIT
// Limits of how much is taken on at once, and of how long a request may take. Each is asked for below, at and above.
#include <doctest/doctest.h>

#include <string>

#include "cases.h"
#include "routes.h"

namespace outrider::testing {
namespace {

using http::Disconnect;
using http::More;
using std::chrono::milliseconds;

constexpr milliseconds kTiny{20};

const std::string kBusy =
    "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\nretry-after: 1\r\n"
    "content-length: 52\r\n\r\nthis server is answering as many requests as it can\n";

struct RoutedServer : Server {
  explicit RoutedServer(const Limits& limits) : Server(limits) { add_routes(application()); }
};

std::string get(const std::string& target) { return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"; }

std::string post(const std::string& target, std::size_t length) {
  return "POST " + target + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

Limits with_request_timeout() {
  Limits limits;
  limits.request_timeout = kTiny;
  return limits;
}

TEST_CASE("requests beyond those that are answered at once are told to come again, on a connection that goes on") {
  Limits limits;
  limits.exchanges_max = 2;
  RoutedServer server(limits);
  MemoryClient& first = server.connect_memory();
  MemoryClient& second = server.connect_memory();
  MemoryClient& third = server.connect_memory();
  server.exchange(first, get("/later"));
  server.exchange(second, get("/later"));
  server.exchange(third, get("/hello") + get("/hello"));
  CHECK(third.received() == kBusy + kBusy);
  CHECK(server.application().count() == 2);
  third.forget();
  server.application().exchange(0).respond(200, "at last");
  server.exchange(third, get("/hello"));
  CHECK(third.received().ends_with("hello\n"));
  CHECK(first.received().ends_with("at last"));
}

TEST_CASE("a request that is told to come again may have a body") {
  Limits limits;
  limits.exchanges_max = 1;
  RoutedServer server(limits);
  MemoryClient& busy = server.connect_memory();
  MemoryClient& client = server.connect_memory();
  server.exchange(busy, get("/later"));
  server.exchange(client, post("/echo", 3) + "abc" + get("/hello"));
  CHECK(client.received() == kBusy + kBusy);
  client.forget();
  server.exchange(client, post("/echo", 10'000'000) + "abc");  // more than is worth reading
  CHECK(client.received().find("connection: close") != std::string::npos);
  CHECK(client.is_ended());
}

TEST_CASE("a body that comes too slowly is answered 408 though it never stops") {
  for (const std::size_t rate : {std::size_t{1'000'000'000}, std::size_t{0}}) {
    CAPTURE(rate);
    Limits limits;
    limits.body_timeout = kTiny;
    limits.body_rate_min = rate;
    RoutedServer server(limits);
    MemoryClient& slow = server.connect_memory();
    MemoryClient& silent = server.connect_memory();
    server.exchange(slow, post("/echo", 1'000'000'000));
    server.exchange(silent, post("/echo", 5));
    CHECK(server.run_until([&] {
      slow.send("x");
      return silent.is_ended() && (rate == 0 || slow.is_ended());
    }));
    CHECK(slow.is_ended() == (rate != 0));
    const std::string answer = error_answer("408 Request Timeout", "the request body took too long");
    CHECK(slow.received() == (rate != 0 ? answer : ""));
    CHECK(silent.received() == answer);
  }
}

TEST_CASE("a rest of a body that is skipped must come in time, too") {
  Limits limits;
  limits.body_timeout = kTiny;
  limits.body_rate_min = 1'000'000'000;
  RoutedServer server(limits);
  MemoryClient& client = server.connect_memory();
  server.exchange(client, post("/hello", 60'000));
  CHECK(server.run_until([&] {
    client.send("x");
    return client.is_ended();
  }));
  CHECK(client.received().ends_with("hello\n"));
}

TEST_CASE("a request that takes too long is cancelled and answered 503") {
  RoutedServer server(with_request_timeout());
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/later"));
  CHECK(server.run_until([&] { return client.is_ended(); }));
  CHECK(client.received() ==
        error_answer("503 Service Unavailable", "the answer took longer than this server allows"));
  CHECK(server.application().last().told_cancel == 1);
  CHECK(server.application().last().disconnects == 1);
  CHECK(server.application().last().reason == Disconnect::Timeout);
}

TEST_CASE("a request that comes too slowly is answered 408, in its head and in its body") {
  Limits limits = with_request_timeout();
  limits.body_timeout = limits.head_timeout = std::chrono::hours(1);
  RoutedServer server(limits);
  MemoryClient& in_head = server.connect_memory();
  MemoryClient& in_body = server.connect_memory();
  server.exchange(in_head, "GET / HT");
  server.exchange(in_body, post("/echo", 5) + "abc");
  CHECK(server.run_until([&] { return in_head.is_ended() && in_body.is_ended(); }));
  CHECK(in_head.received() == error_answer("408 Request Timeout", "the request head took too long"));
  CHECK(in_body.received() == error_answer("408 Request Timeout", "the request body took too long"));
}

TEST_CASE("a response that takes too long is cut off") {
  RoutedServer server(with_request_timeout());
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/later"));
  server.application().last().begin(200);
  server.application().last().write("some", More::Yes);
  CHECK(server.run_until([&] { return client.is_ended(); }));
  CHECK(client.was_reset());
  CHECK(server.application().last().disconnects == 1);
}

TEST_CASE("a handler that answers when it is cancelled is heard") {
  RoutedServer server(with_request_timeout());
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/later"));
  server.application().last().on_cancel_do = [](Recorded& exchange) { exchange.respond(200, "just in time"); };
  CHECK(server.run_until([&] { return !client.received().empty(); }));
  CHECK(client.received().ends_with("just in time"));
  CHECK(server.application().last().disconnects == 0);
  CHECK(!client.is_ended());
}

TEST_CASE("the time of a request ends with its response, and idle connections have theirs") {
  RoutedServer server(with_request_timeout());
  MemoryClient& idle = server.connect_memory();
  MemoryClient& slow = server.connect_memory();
  server.exchange(idle, get("/hello"));
  server.exchange(slow, get("/later"));
  CHECK(server.run_until([&] { return slow.is_ended(); }));
  server.exchange(idle, get("/hello"));
  CHECK(!idle.is_ended());
  CHECK(idle.received().find("503") == std::string::npos);
}

}  // namespace
}  // namespace outrider::testing
