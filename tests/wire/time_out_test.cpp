// SPDX-License-Identifier: MIT
// Every time-out of a connection. The limits are tiny; the coarse deadlines make them an eighth of a second.
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

struct RoutedServer : Server {
  explicit RoutedServer(const Limits& limits) : Server(limits) { add_routes(application()); }
};

std::string get(const std::string& target) { return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"; }

TEST_CASE("a head that doesn't come is answered 408") {
  Limits limits;
  limits.head_timeout = kTiny;
  RoutedServer server(limits);
  MemoryClient& client = server.connect_memory();
  server.exchange(client, "GET / HTTP/1.1\r\nHo");
  CHECK(server.run_until([&] { return client.is_ended(); }));
  CHECK(client.received() == error_answer("408 Request Timeout", "the request head took too long"));
}

TEST_CASE("an empty line makes no request: when nothing follows, nothing is answered") {
  Limits limits;
  SUBCASE("within the time for a head") { limits.head_timeout = kTiny; }
  SUBCASE("within the time for a request") { limits.request_timeout = kTiny; }
  for (const std::string blank : {"\r", "\r\n"}) {
    CAPTURE(blank.size());
    RoutedServer server(limits);
    MemoryClient& client = server.connect_memory();
    server.exchange(client, get("/empty") + blank);
    CHECK(server.run_until([&] { return client.is_ended(); }));
    CHECK(client.received() == "HTTP/1.1 204 No Content\r\n\r\n");
    CHECK(!client.was_reset());
  }
}

TEST_CASE("a head that comes byte by byte has no more time for it") {
  Limits limits;
  limits.head_timeout = kTiny;
  limits.request_line_bytes_max = limits.head_bytes_max = 100'000'000;
  RoutedServer server(limits);
  MemoryClient& client = server.connect_memory();
  client.send("GET /");
  CHECK(server.run_until([&] {
    client.send("x");
    return client.is_ended();
  }));
  CHECK(client.received() == error_answer("408 Request Timeout", "the request head took too long"));
}

TEST_CASE("a body that the application waits for and that doesn't come is answered 408") {
  Limits limits;
  limits.body_timeout = kTiny;
  RoutedServer server(limits);
  MemoryClient& client = server.connect_memory();
  server.exchange(client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc");
  CHECK(server.run_until([&] { return client.is_ended(); }));
  CHECK(client.received() == error_answer("408 Request Timeout", "the request body took too long"));
  CHECK(server.application().last().disconnects == 1);
  CHECK(server.application().last().reason == Disconnect::Timeout);
}

TEST_CASE("a body that doesn't come cuts off a response that has begun") {
  Limits limits;
  limits.body_timeout = kTiny;
  RoutedServer server(limits);
  MemoryClient& client = server.connect_memory();
  server.exchange(client, "POST /echo-stream?5 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc");
  CHECK(server.run_until([&] { return client.is_ended(); }));
  CHECK(client.received().ends_with("\r\n\r\nabc"));
  CHECK(client.was_reset());
  CHECK(server.application().last().reason == Disconnect::Timeout);
}

TEST_CASE("a body that nobody waits for has all the time") {
  Limits limits;
  limits.body_timeout = kTiny;
  RoutedServer server(limits);
  MemoryClient& waiting = server.connect_memory();
  MemoryClient& other = server.connect_memory();
  server.exchange(other, "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc");
  server.exchange(waiting, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc");
  CHECK(server.run_until([&] { return waiting.is_ended(); }));
  CHECK(!other.is_ended());
  CHECK(server.application().exchange(0).is_open());
}

TEST_CASE("a rest of a body that is skipped doesn't keep the connection for ever") {
  Limits limits;
  limits.body_timeout = kTiny;
  RoutedServer server(limits);
  MemoryClient& client = server.connect_memory();
  server.exchange(client, "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc");
  CHECK(server.run_until([&] { return client.is_ended(); }));
  CHECK(client.received().ends_with("hello\n"));
}

TEST_CASE("an idle connection is closed without a word, a new one and a used one") {
  Limits limits;
  limits.keep_alive_timeout = kTiny;
  RoutedServer server(limits);
  MemoryClient& fresh = server.connect_memory();
  MemoryClient& used = server.connect_memory();
  MemoryClient& busy = server.connect_memory();
  server.exchange(used, get("/hello"));
  server.exchange(busy, get("/later"));
  CHECK(server.run_until([&] { return fresh.is_ended() && used.is_ended(); }));
  CHECK(fresh.received().empty());
  CHECK(used.received().ends_with("hello\n"));
  CHECK(!busy.is_ended());
}

TEST_CASE("a client that takes nothing of its response is cut off") {
  Limits limits;
  limits.write_timeout = kTiny;
  RoutedServer server(limits);
  MemoryClient& complete = server.connect_memory();
  MemoryClient& streaming = server.connect_memory();
  complete.stop_taking();
  streaming.stop_taking();
  server.exchange(complete, get("/large"));
  server.exchange(streaming, get("/later"));
  Recorded& exchange = server.application().last();
  exchange.begin(200);
  exchange.write("x", More::Yes);
  CHECK(server.run_until([&] { return complete.is_ended() && streaming.is_ended(); }));
  CHECK(complete.was_reset());
  CHECK(streaming.was_reset());
  CHECK(exchange.reason == Disconnect::Timeout);
  CHECK(server.engine().connection_count() == 0);
}

TEST_CASE("a client that takes a little now and then isn't cut off") {
  Limits limits;
  limits.write_timeout = milliseconds(250);
  RoutedServer server(limits);
  MemoryClient& slow = server.connect_memory();
  MemoryClient& stuck = server.connect_memory();
  slow.stop_taking();
  stuck.stop_taking();
  server.exchange(slow, get("/large"));
  server.exchange(stuck, get("/large"));
  CHECK(server.run_until([&] {
    slow.allow(1);
    return stuck.is_ended();
  }));
  CHECK(stuck.was_reset());
  CHECK(!slow.is_ended());
}

TEST_CASE("a client that sends while it takes nothing of its response is cut off all the same") {
  Limits limits;
  limits.write_timeout = kTiny;
  RoutedServer server(limits);
  MemoryClient& client = server.connect_memory();
  client.stop_taking();
  server.exchange(client, "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
  Recorded& exchange = server.application().last();
  exchange.begin(200);
  exchange.write("x", More::Yes);
  exchange.read();
  CHECK(server.run_until(
      [&] {
        client.send("b");
        return client.is_ended();
      },
      std::chrono::seconds(3)));
  CHECK(exchange.reason == Disconnect::Timeout);
}

TEST_CASE("a client that doesn't close its side is closed") {
  Limits limits;
  limits.linger_timeout = kTiny;
  RoutedServer server(limits);
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/close"));
  CHECK(client.is_ended());
  CHECK(!client.is_closed());
  CHECK(server.run_until([&] { return client.is_closed(); }));
  CHECK(server.engine().connection_count() == 0);
}

TEST_CASE("a client that goes on sending for ever after our side is closed is cut") {
  Limits limits;
  limits.linger_timeout = kTiny;
  RoutedServer server(limits);
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/close"));
  CHECK(server.run_until([&] {
    client.send(std::string(1000, 'x'));
    return client.is_closed();
  }));
  CHECK(server.application().count() == 1);
  CHECK(server.engine().connection_count() == 0);
}

TEST_CASE("without time-outs nothing happens") {
  Limits limits;
  limits.head_timeout = limits.body_timeout = limits.keep_alive_timeout = milliseconds(0);
  RoutedServer server(limits);
  MemoryClient& idle = server.connect_memory();
  MemoryClient& head = server.connect_memory();
  MemoryClient& body = server.connect_memory();
  server.exchange(head, "GET / HTTP");
  server.exchange(body, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc");
  CHECK(!server.run_until([&] { return idle.is_ended() || head.is_ended() || body.is_ended(); }, milliseconds(300)));
}

}  // namespace
}  // namespace outrider::testing
