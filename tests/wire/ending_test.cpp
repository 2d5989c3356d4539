// SPDX-License-Identifier: MIT
// How exchanges and connections end when they don't end well: clients that go, mistakes, answers that come before
// the request is complete.
#include <doctest/doctest.h>

#include <string>

#include "cases.h"
#include "routes.h"

namespace outrider::testing {
namespace {

using http::Disconnect;
using http::More;

struct RoutedServer : Server {
  explicit RoutedServer(const Limits& limits = {}) : Server(limits) { add_routes(application()); }
};

std::string get(const std::string& target) { return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"; }

std::string post(const std::string& target, std::size_t length) {
  return "POST " + target + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

void expect_gone(RoutedServer& server) {
  server.settle();
  CHECK(server.engine().connection_count() == 0);
  CHECK(server.engine().exchange_count() == 0);
}

TEST_CASE("a client that resets ends its exchange") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/later"));
  Recorded& exchange = server.application().last();
  client.reset();
  server.settle();
  CHECK(exchange.disconnects == 1);
  CHECK(exchange.reason == Disconnect::PeerClosed);
  CHECK(!exchange.is_open());
  expect_gone(server);
}

TEST_CASE("a client that resets before its request was handed over is never seen") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  client.send("POST /later HTTP/1.1\r\nHost: a\r\nContent-Le");
  client.reset();
  expect_gone(server);
  CHECK(server.application().count() == 0);
}

TEST_CASE("a write that fails ends the exchange, in a later step") {
  for (const bool breaks_in_flight : {false, true}) {
    CAPTURE(breaks_in_flight);
    RoutedServer server;
    MemoryClient& client = server.connect_memory();
    server.exchange(client, get("/later"));
    Recorded& exchange = server.application().last();
    if (breaks_in_flight) client.stop_taking();
    if (!breaks_in_flight) client.break_writing();
    exchange.begin(200);
    exchange.write(std::string(100'000, 'x'), More::Yes);
    CHECK(exchange.is_open());
    client.break_writing();
    server.settle();
    CHECK(exchange.disconnects == 1);
    CHECK(exchange.reason == Disconnect::PeerClosed);
    expect_gone(server);
  }
}

TEST_CASE("a response that is complete but can't be written closes the connection") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  client.break_writing();
  server.exchange(client, get("/hello"));
  CHECK(server.application().last().disconnects == 0);
  expect_gone(server);
}

TEST_CASE("a client that is done sending still reads its response") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  client.send(get("/later"));
  client.end();
  server.settle();
  Recorded& exchange = server.application().last();
  CHECK(exchange.is_half_closed);
  CHECK(exchange.is_open());
  exchange.respond(200, "still there");
  server.settle();
  CHECK(client.received() == "HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\nstill there");
  CHECK(!client.was_reset());
  expect_gone(server);
}

TEST_CASE("a client that is done sending while its response is on its way reads all of it") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  client.allow(1000);
  server.exchange(client, get("/large"));
  client.end();
  server.settle();
  CHECK(!client.is_ended());
  client.go_on_taking();
  server.settle();
  CHECK(client.received().size() > 200'000);
  CHECK(!client.was_reset());
  expect_gone(server);
}

TEST_CASE("a client that is done sending within the next head reads the response before it") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  client.allow(1000);
  server.exchange(client, get("/large") + "GET /");
  client.end();
  server.settle();
  client.go_on_taking();
  server.settle();
  CHECK(client.received().size() > 200'000);
  expect_gone(server);
}

TEST_CASE("a body that ends too early ends the exchange") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/hello") + post("/echo", 10) + "12345");
  client.forget();
  client.end();
  server.settle();
  const Recorded& exchange = server.application().last();
  CHECK(exchange.disconnects == 1);
  CHECK(exchange.reason == Disconnect::PeerClosed);
  CHECK(client.received().empty());
  CHECK(client.is_ended());
  expect_gone(server);
}

TEST_CASE("a body that ends too early cuts off a response that had begun") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, post("/echo-stream?10", 10) + "12345");
  client.end();
  server.settle();
  CHECK(client.received() == "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345");
  CHECK(client.was_reset());
  CHECK(server.application().last().disconnects == 1);
  expect_gone(server);
}

TEST_CASE("a body that ends too early behind another request doesn't lose that one's response") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  client.send(get("/hello") + post("/echo", 10) + "12345");
  client.end();
  server.settle();
  CHECK(client.received() == "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n\r\nhello\n");
  CHECK(!client.was_reset());
  expect_gone(server);
}

// --- mistakes ------------------------------------------------------------------------------------------------------

TEST_CASE("after an error the client has time to read the answer, whatever it goes on sending") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, "GET / HTTP/1.1\r\n\r\n");
  CHECK(client.received() == error_answer("400 Bad Request", "the Host field is missing"));
  CHECK(client.is_ended());
  CHECK(!client.is_closed());
  server.exchange(client, get("/hello") + std::string(10'000, 'x'));
  CHECK(!client.is_closed());
  CHECK(server.application().count() == 0);
  client.end();
  expect_gone(server);
  CHECK(!client.was_reset());
}

TEST_CASE("a client that sends all of a large body before it reads is not cut off") {
  Limits limits;
  limits.body_bytes_max = 5;
  RoutedServer server(limits);
  MemoryClient& client = server.connect_memory();
  client.stop_taking();
  server.exchange(client, post("/echo", 16'000'000));
  client.go_on_taking();
  server.settle();
  CHECK(client.is_ended());
  client.send_cut(std::string(16'000'000, 'x'), 100'000);
  server.settle();
  CHECK(!client.is_closed());
  CHECK(client.received() == error_answer("413 Content Too Large", "the body is larger than this server accepts"));
  client.end();
  expect_gone(server);
  CHECK(!client.was_reset());
}

TEST_CASE("a mistake in a body is answered when the response hasn't begun") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, "POST /later HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
  Recorded& exchange = server.application().last();
  SUBCASE("not even its head") {}
  SUBCASE("but for its head, which is dropped") { exchange.begin(200, {{"x", "y"}}); }
  server.exchange(client, "oops");
  CHECK(exchange.disconnects == 1);
  CHECK(exchange.reason == Disconnect::ProtocolError);
  CHECK(client.received() ==
        error_answer("400 Bad Request", "a chunk size is not a hexadecimal number that this server can take"));
  CHECK(client.is_ended());
  client.end();
  expect_gone(server);
}

TEST_CASE("a mistake in a body cuts off a response that has begun") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, "POST /later HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
  Recorded& exchange = server.application().last();
  exchange.begin(200);
  exchange.write("begun", More::Yes);
  server.exchange(client, "oops");
  CHECK(exchange.disconnects == 1);
  CHECK(client.was_reset());
  expect_gone(server);
}

TEST_CASE("a body over the limit is answered, below and at it isn't") {
  Limits limits;
  limits.body_bytes_max = 5;
  const std::string refused = error_answer("413 Content Too Large", "the body is larger than this server accepts");
  for (const std::size_t size : {4U, 5U, 6U}) {
    CAPTURE(size);
    const std::string body(size, 'b');
    const std::string echoed = "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(size) + "\r\n\r\n" + body;
    RoutedServer server(limits);
    MemoryClient& length = server.connect_memory();
    server.exchange(length, post("/echo", size) + body);
    CHECK(length.received() == (size > 5 ? refused : echoed));
    MemoryClient& chunked = server.connect_memory();
    server.exchange(chunked, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
                                 std::to_string(size) + "\r\n" + body + "\r\n0\r\n\r\n");
    CHECK(chunked.received() == (size > 5 ? refused : echoed));
  }
}

TEST_CASE("a client that waits for 100 (Continue) with a body over the limit is refused at once, and closed") {
  Limits limits;
  limits.body_bytes_max = 5;
  RoutedServer server(limits);
  MemoryClient& client = server.connect_memory();
  server.exchange(client, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n");
  CHECK(client.received() == error_answer("413 Content Too Large", "the body is larger than this server accepts"));
  CHECK(client.is_ended());
  // Whether the body comes after all or the next request: neither is looked at.
  server.exchange(client, get("/hello"));
  CHECK(server.application().count() == 0);
}

// --- answers that come early ---------------------------------------------------------------------------------------

TEST_CASE("a small rest of a body is skipped after an early answer") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, post("/hello", 10) + "12345");
  CHECK(client.received().ends_with("content-length: 6\r\n\r\nhello\n"));
  client.forget();
  server.exchange(client, "67890" + get("/empty"));
  CHECK(client.received() == "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST_CASE("a large rest of a body isn't worth it: the connection closes, and says so") {
  const struct {
    std::string name, head;
  } table[] = {{"large", post("/hello", 100'000)},
               {"of unknown length", "POST /hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"}};
  for (const auto& row : table) {
    INFO(row.name);
    RoutedServer server;
    MemoryClient& client = server.connect_memory();
    server.exchange(client, row.head);
    CHECK(client.received().ends_with("content-length: 6\r\nconnection: close\r\n\r\nhello\n"));
    CHECK(client.is_ended());
    // What is still sent is read and thrown away, so that no reset overtakes the answer.
    server.exchange(client, std::string(50'000, 'x'));
    CHECK(!client.is_closed());
    client.end();
    expect_gone(server);
    CHECK(!client.was_reset());
  }
}

TEST_CASE("an early answer to a body that filled its buffer makes room for the rest") {
  Limits limits;
  limits.body_buffer_bytes_max = 100;
  RoutedServer server(limits);
  MemoryClient& client = server.connect_memory();
  server.exchange(client, post("/later", 1000) + std::string(500, 'x'));
  CHECK(!client.is_being_read());
  server.application().last().respond(200, "");
  server.exchange(client, std::string(500, 'x') + get("/hello"));
  CHECK(client.received().ends_with("hello\n"));
}

TEST_CASE("a mistake in a rest that is skipped doesn't spoil the answer") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  client.allow(10);
  server.exchange(client, post("/large", 10));
  client.end();  // the body never comes
  server.settle();
  client.go_on_taking();
  server.settle();
  CHECK(client.received().size() > 200'000);
  CHECK(!client.was_reset());
  expect_gone(server);
}

TEST_CASE("connections above the limit are closed at once") {
  Limits limits;
  limits.connections_max = 2;
  RoutedServer server(limits);
  MemoryClient& first = server.connect_memory();
  MemoryClient& second = server.connect_memory();
  MemoryClient& third = server.connect_memory();
  CHECK(!first.is_closed());
  CHECK(!second.is_closed());
  CHECK(third.is_closed());
  first.end();
  server.settle();
  MemoryClient& fourth = server.connect_memory();
  server.exchange(fourth, get("/hello"));
  CHECK(fourth.received().ends_with("hello\n"));
}

TEST_CASE("an engine that dies resets what is open, and tells its exchanges") {
  RecordingApplication application;
  loop::Loop loop;
  MemoryClient client(loop);
  MemoryClient idle(loop);
  {
    server::Engine engine(loop, Limits(), application);
    engine.serve(client.take_stream());
    engine.serve(idle.take_stream());
    client.send(get("/later"));
    while (application.count() == 0) loop.pass();
  }
  CHECK(application.last().disconnects == 1);
  CHECK(application.last().reason == Disconnect::Aborted);
  CHECK(client.was_reset());
  CHECK(idle.is_closed());
}

}  // namespace
}  // namespace outrider::testing
