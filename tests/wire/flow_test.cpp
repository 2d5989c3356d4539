// SPDX-License-Identifier: MIT
// Back-pressure, both ways: memory stays bounded whatever the peer does.
#include <doctest/doctest.h>

#include <string>

#include "routes.h"

namespace outrider::testing {
namespace {

using http::More;

struct FlowServer : Server {
  explicit FlowServer(const Limits& limits = {}) : Server(limits) { add_routes(application()); }
};

Limits small_body_buffer() {
  Limits limits;
  limits.body_buffer_bytes_max = 1000;
  return limits;
}

std::string post(std::size_t length) {
  return "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

TEST_CASE("reading stops when a body that nobody reads fills its buffer, and goes on when it is read") {
  FlowServer server(small_body_buffer());
  MemoryClient& client = server.connect_memory();
  client.send(post(5000));
  client.send_cut(std::string(5000, 'b'), 100);
  server.settle();
  Recorded& exchange = server.application().last();
  CHECK(exchange.exchange().body().size() == 1000);
  CHECK(!client.is_being_read());

  exchange.on_complete = [](Recorded& done) { done.respond(200, std::to_string(done.body.size())); };
  exchange.read();
  server.settle();
  CHECK(client.is_being_read());
  CHECK(client.received().ends_with("\r\n\r\n5000"));
}

TEST_CASE("a body is held up below, at and above its buffer's size") {
  for (const std::size_t sent : {999U, 1000U, 1001U}) {
    CAPTURE(sent);
    FlowServer server(small_body_buffer());
    MemoryClient& client = server.connect_memory();
    client.send(post(2000));
    server.exchange(client, std::string(sent, 'b'));
    CHECK(server.application().last().exchange().body().size() == sent);
    CHECK(client.is_being_read() == (sent < 1000));
  }
}

TEST_CASE("reading a little of a full buffer doesn't make room for more") {
  FlowServer server(small_body_buffer());
  MemoryClient& client = server.connect_memory();
  client.send(post(100'000));
  client.send_cut(std::string(50'000, 'b'), 900);
  server.settle();
  http::Exchange& exchange = server.application().last().exchange();
  REQUIRE(exchange.body().size() == 1800);
  for (int i = 0; i < 800; ++i) {
    exchange.consume_body(1);
    server.settle();
  }
  CHECK(exchange.body().size() == 1000);
  CHECK(!client.is_being_read());
  exchange.consume_body(1);
  server.settle();
  CHECK(exchange.body().size() == 1899);
}

TEST_CASE("a body that ends exactly when the buffer is full is complete") {
  FlowServer server(small_body_buffer());
  MemoryClient& client = server.connect_memory();
  server.exchange(client, post(1000) + std::string(1000, 'b'));
  CHECK(server.application().last().exchange().is_body_complete());
  CHECK(client.is_being_read());
}

TEST_CASE("reading stops when too many requests wait, and goes on when they were answered") {
  Limits limits;
  limits.pipeline_bytes_max = 1000;
  FlowServer server(limits);
  MemoryClient& client = server.connect_memory();
  const std::string hello = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
  client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  for (int i = 0; i < 100; ++i) client.send(hello);
  server.settle();
  CHECK(!client.is_being_read());
  CHECK(server.application().count() == 1);

  server.application().last().respond(200, "");
  server.settle();
  CHECK(client.is_being_read());
  CHECK(server.application().count() == 101);
  CHECK(client.received().ends_with("hello\n"));
}

TEST_CASE("a client that takes no responses is read no further, and served when it takes them") {
  Limits limits;
  limits.write_buffer_bytes_max = 1000;
  limits.pipeline_bytes_max = 1000;
  FlowServer server(limits);
  MemoryClient& client = server.connect_memory();
  client.stop_taking();
  const std::string hello = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
  for (int i = 0; i < 500; ++i) client.send(hello);
  server.settle();
  CHECK(!client.is_being_read());
  CHECK(server.application().count() < 20);

  client.go_on_taking();
  server.settle();
  CHECK(client.is_being_read());
  CHECK(server.application().count() == 500);
  CHECK(client.received().ends_with("hello\n"));
}

TEST_CASE("waiting requests are limited below, at and above") {
  for (const std::size_t waiting : {99U, 100U, 101U}) {
    CAPTURE(waiting);
    Limits limits;
    limits.pipeline_bytes_max = 100;
    FlowServer server(limits);
    MemoryClient& client = server.connect_memory();
    server.exchange(client, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n" + std::string(waiting, 'x'));
    CHECK(client.is_being_read() == (waiting <= 100));
  }
}

TEST_CASE("a large request that waited behind another one is read on") {
  Limits limits;
  limits.pipeline_bytes_max = 1000;
  FlowServer server(limits);
  MemoryClient& client = server.connect_memory();
  client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6000\r\n\r\n" + std::string(3000, 'x'));
  client.send(std::string(3000, 'y'));
  server.settle();
  CHECK(!client.is_being_read());
  server.application().last().respond(200, "");
  server.settle();
  CHECK(
      client.received().ends_with("content-length: 6000\r\n\r\n" + std::string(3000, 'x') + std::string(3000, 'y')));
}

TEST_CASE("a writer is held up by a client that takes nothing, and told when it may go on") {
  Limits limits;
  limits.write_buffer_bytes_max = 1000;
  FlowServer server(limits);
  MemoryClient& client = server.connect_memory();
  client.stop_taking();
  server.exchange(client, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  Recorded& exchange = server.application().last();
  exchange.begin(200, {{"content-length", "100000"}});
  CHECK(exchange.exchange().is_writable());
  exchange.write(std::string(50'000, 'a'), More::Yes);
  server.settle();
  CHECK(!exchange.exchange().is_writable());
  CHECK(exchange.told_writable == 0);
  client.allow(49'000);
  server.settle();
  CHECK(exchange.told_writable == 0);
  client.go_on_taking();
  server.settle();
  CHECK(exchange.told_writable == 1);
  CHECK(exchange.exchange().is_writable());
  exchange.write(std::string(50'000, 'b'), More::No);
  server.settle();
  CHECK(client.received().ends_with(std::string(50'000, 'a') + std::string(50'000, 'b')));
}

TEST_CASE("a writer that never asked isn't told") {
  FlowServer server;
  MemoryClient& client = server.connect_memory();
  client.stop_taking();
  server.exchange(client, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  Recorded& exchange = server.application().last();
  exchange.begin(200);
  exchange.write(std::string(500'000, 'a'), More::Yes);
  client.go_on_taking();
  server.settle();
  CHECK(exchange.told_writable == 0);
}

TEST_CASE("a response streams in step with the client that takes it") {
  Limits limits;
  limits.write_buffer_bytes_max = 10'000;
  FlowServer server(limits);
  MemoryClient& client = server.connect_memory();
  client.stop_taking();
  server.exchange(client, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  Recorded& exchange = server.application().last();
  exchange.begin(200, {{"content-length", "1000000"}});
  int pieces = 0;
  exchange.on_writable_do = [&pieces](Recorded& going) {
    while (going.is_open() && going.exchange().is_writable()) {
      ++pieces;
      going.write(std::string(1000, 'x'), pieces == 1000 ? More::No : More::Yes);
    }
  };
  exchange.on_writable_do(exchange);
  server.settle();
  CHECK(pieces < 30);
  CHECK(server.run_until([&] {
    client.allow(5000);
    return !exchange.is_open();
  }));
  client.go_on_taking();
  server.settle();
  CHECK(client.received().size() ==
        1'000'000 + std::string("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").size());
}

TEST_CASE("a client that goes while nobody reads, because its body or its requests fill the buffers, is noticed") {
  const std::string later = "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: ";
  const std::string unread_body = later + "9000000\r\n\r\n" + std::string(3'000'000, 'b');
  const std::string unread_requests = later + "0\r\n\r\n" + std::string(3'000'000, 'G');
  for (const Transport transport : {Transport::Memory, Transport::Tcp, Transport::Unix}) {
    for (const std::string& sent : {unread_body, unread_requests}) {
      Server over(Limits(), transport);
      Client& client = over.connect();
      client.send(sent);
      CHECK(over.run_until([&] { return over.application().count() == 1; }));
      over.settle();
      Recorded& exchange = over.application().last();
      CHECK(exchange.is_open());
      client.reset();
      CHECK(over.run_until([&] { return !exchange.is_open(); }));
      CHECK(exchange.reason == http::Disconnect::PeerClosed);
      CHECK(over.engine().connection_count() == 0);
    }
  }
}

TEST_CASE("a client that waits while nobody reads is waited for") {
  Server over(Limits(), Transport::Tcp);
  Client& client = over.connect();
  client.send("POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" + std::string(3'000'000, 'b'));
  CHECK(over.run_until([&] { return over.application().count() == 1; }));
  Recorded& exchange = over.application().last();
  const auto looked_twice = std::chrono::steady_clock::now() + std::chrono::milliseconds(2500);
  CHECK(over.run_until([&] { return std::chrono::steady_clock::now() > looked_twice; }));
  CHECK(exchange.is_open());
  exchange.on_complete = [](Recorded& done) { done.respond(200, std::to_string(done.body.size())); };
  exchange.read();
  CHECK(over.run_until([&] { return client.received().ends_with("\r\n\r\n3000000"); }));
}

TEST_CASE("an upload and a download on one connection don't wait for each other") {
  FlowServer server;
  for (const Transport transport : {Transport::Memory, Transport::Tcp, Transport::Unix}) {
    Server over(Limits(), transport);
    add_routes(over.application());
    Client& client = over.connect();
    std::string body;
    for (int i = 0; body.size() < 3'000'000; ++i) body += std::to_string(i) + ",";
    client.send("POST /echo-stream?" + std::to_string(body.size()) +
                " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    const std::string head = "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n";
    CHECK(over.run_until([&] { return client.received().size() >= head.size() + body.size(); }));
    CHECK((client.received() == head + body));
  }
}

}  // namespace
}  // namespace outrider::testing
