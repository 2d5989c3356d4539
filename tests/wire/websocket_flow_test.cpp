// SPDX-License-Identifier: MIT
// Back-pressure of WebSockets, both ways, and the server's pings.
#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "websocket_echo.h"

namespace outrider::testing {
namespace {

using std::chrono::milliseconds;

std::string numbered(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += text_frame(std::to_string(i));
  return bytes;
}

// How many messages wait in the queue of an application that takes none, when so many were sent one by one.
int queued(const Limits& limits, int count, std::size_t size) {
  EchoServer server(limits);
  server.open();
  server.echo->takes = false;
  for (int i = 0; i < count; ++i) server.say(text_frame(std::string(size, 'x')));
  int waiting = 0;
  for (; server.echo->session->has_message(); ++waiting) server.echo->session->pop_message();
  return waiting;
}

TEST_CASE("as many messages wait as websocket_queue_max says, at least one") {
  Limits limits;
  limits.websocket_queue_max = 3;
  CHECK(queued(limits, 2, 10) == 2);
  CHECK(queued(limits, 3, 10) == 3);
  CHECK(queued(limits, 4, 10) == 3);
  limits.websocket_queue_max = 0;
  CHECK(queued(limits, 4, 10) == 1);
}

TEST_CASE("as many bytes of messages wait as websocket_queue_bytes_max says, and the first however large") {
  Limits limits;
  limits.websocket_queue_bytes_max = 100;
  CHECK(queued(limits, 9, 10) == 9);
  CHECK(queued(limits, 11, 10) == 10);
  CHECK(queued(limits, 3, 60) == 2);
  CHECK(queued(limits, 3, 1000) == 1);
}

TEST_CASE("behind a full queue the peer isn't read from, and all comes in order once there is room") {
  Limits limits;
  limits.websocket_queue_max = 4;
  EchoServer server(limits);
  server.open();
  server.echo->takes = false;
  server.say(numbered(20));
  CHECK_FALSE(server.client->is_being_read());
  CHECK(server.echo->messages == 1);
  std::string all;
  for (int i = 0; i < 20; ++i) {
    REQUIRE(server.echo->session->has_message());
    all += std::string(server.echo->session->message()) + " ";
    server.echo->session->pop_message();
    server.settle();
  }
  CHECK(all == "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 ");
  CHECK(server.client->is_being_read());
  server.say(text_frame("more"));
  CHECK(server.echo->session->message() == "more");
}

TEST_CASE("a full queue that is emptied at once is filled again, and the application told") {
  Limits limits;
  limits.websocket_queue_max = 4;
  EchoServer server(limits);
  server.open();
  server.say(numbered(100));
  CHECK(server.echo->taken.size() == 100);
  CHECK(server.frames().size() == 100);
  CHECK(server.echo->messages == 25);
}

TEST_CASE("a close frame behind a full queue counts once the queue has been taken") {
  Limits limits;
  limits.websocket_queue_max = 2;
  EchoServer server(limits);
  server.open();
  server.echo->takes = false;
  server.say(numbered(3) + close_frame(1000));
  CHECK(server.echo->closed == 0);
  server.echo->take();
  server.settle();
  server.echo->take();
  server.settle();
  CHECK(server.heard() == "1:0 1:1 1:2 8:1000 end");
  CHECK(server.echo->code == 1000);
}

TEST_CASE("the end of the peer's bytes behind a full queue counts once the queue has been taken") {
  Limits limits;
  limits.websocket_queue_max = 2;
  EchoServer server(limits);
  server.open();
  server.echo->takes = false;
  server.client->send(numbered(3));
  server.client->end();
  server.settle();
  server.echo->take();
  server.settle();
  server.echo->take();
  server.settle();
  CHECK(server.echo->taken.size() == 3);
  CHECK(server.echo->code == 1006);
}

TEST_CASE("closing with a full queue reads on, for the peer's close frame") {
  Limits limits;
  limits.websocket_queue_max = 2;
  EchoServer server(limits);
  server.open();
  server.echo->takes = false;
  server.say(numbered(5));
  server.echo->session->close(1000, "");
  server.say(close_frame(1000));
  CHECK(server.heard() == "8:1000 end");
  CHECK(server.echo->closed == 1);
  server.echo->take();
  CHECK(server.echo->taken.size() == 2);  // those that waited; the others were dropped
}

TEST_CASE("a peer that doesn't take what it is sent makes the session unwritable, until it does") {
  Limits limits;
  limits.write_buffer_bytes_max = 1000;
  EchoServer server(limits);
  server.open();
  server.client->stop_taking();
  websocket::Session& session = *server.echo->session;
  const std::string text(600, 'x');
  CHECK(session.is_writable());
  session.send(websocket::MessageType::Text, {text, nullptr, nullptr});
  CHECK(session.is_writable());
  session.send(websocket::MessageType::Text, {text, nullptr, nullptr});
  CHECK_FALSE(session.is_writable());
  server.settle();
  CHECK(server.echo->writable == 0);
  server.client->go_on_taking();
  server.settle();
  CHECK(server.echo->writable == 1);
  CHECK(session.is_writable());
  CHECK(server.frames().size() == 2);
}

TEST_CASE("of the pings of a peer that takes nothing the last is answered, so that they don't fill the memory") {
  Limits limits;
  limits.write_buffer_bytes_max = 1000;
  EchoServer server(limits);
  server.open();
  server.client->stop_taking();
  std::string pings;
  for (int i = 0; i < 1000; ++i) pings += ping_frame(std::to_string(i));
  server.say(pings);
  server.client->go_on_taking();
  server.settle();
  CHECK(server.frames().size() < 400);
  CHECK(server.frames().back().payload == "999");
  CHECK(server.echo->writable == 0);  // the application didn't ask
}

// Waits for the server's next ping, and returns what it carries.
std::string next_ping(EchoServer& server) {
  server.client->forget();
  CHECK(server.run_until([&] { return !server.frames().empty(); }));
  REQUIRE(server.frames().size() == 1);
  CHECK(server.frames()[0].opcode == 9);
  return server.frames()[0].payload;
}

TEST_CASE("the server pings, and a peer that answers stays") {
  Limits limits;
  limits.websocket_ping_interval = milliseconds(20);
  limits.websocket_ping_timeout = std::chrono::minutes(1);
  EchoServer server(limits);
  server.open();
  std::string last;
  for (int i = 0; i < 3; ++i) {
    const std::string payload = next_ping(server);
    CHECK(payload != last);
    last = payload;
    server.say(pong_frame(payload));
  }
  CHECK(server.echo->closed == 0);
}

TEST_CASE("a peer that doesn't answer a ping in websocket_ping_timeout is left with 1011") {
  Limits limits;
  limits.websocket_ping_interval = limits.websocket_ping_timeout = milliseconds(20);
  EchoServer server(limits);
  server.open();
  next_ping(server);
  SUBCASE("and says nothing") {}
  SUBCASE("and answers another") { server.say(pong_frame("other")); }
  SUBCASE("and sends messages") { server.say(text_frame("x")); }
  server.client->forget();
  CHECK(server.run_until([&] { return server.echo->closed == 1; }));
  CHECK(server.echo->code == 1011);
  CHECK(server.echo->reason == "keepalive ping timeout");
  server.settle();
  CHECK(server.heard() == "8:1011 end");
}

TEST_CASE("with a ping interval of 0 there are no pings, with a ping time-out of 0 no answer is needed") {
  Limits limits;
  limits.websocket_ping_interval = milliseconds(0);
  limits.websocket_ping_timeout = milliseconds(1);
  EchoServer silent(limits);
  silent.open();
  silent.let_pass(milliseconds(300));
  CHECK(silent.heard().empty());
  limits.websocket_ping_interval = milliseconds(20);
  limits.websocket_ping_timeout = milliseconds(0);
  EchoServer patient(limits);
  patient.open();
  for (int i = 0; i < 3; ++i) next_ping(patient);
  CHECK(patient.echo->closed == 0);
}

TEST_CASE("an answer that waits behind a full queue isn't late") {
  Limits limits;
  limits.websocket_ping_interval = limits.websocket_ping_timeout = milliseconds(20);
  limits.websocket_queue_max = 1;
  EchoServer server(limits);
  server.open();
  server.echo->takes = false;
  const std::string payload = next_ping(server);
  server.say(numbered(2) + pong_frame(payload));
  server.let_pass(milliseconds(500));
  CHECK(server.echo->closed == 0);
}

TEST_CASE("while nobody reads, the ping is sent again and again: a peer that has gone answers it with a reset") {
  Limits limits;
  limits.websocket_ping_interval = limits.websocket_ping_timeout = milliseconds(20);
  limits.websocket_queue_max = 1;
  EchoServer server(limits);
  server.open();
  server.echo->takes = false;
  server.say(numbered(2));
  const std::string payload = next_ping(server);
  CHECK(next_ping(server) == payload);
  CHECK(next_ping(server) == payload);
  CHECK(server.echo->closed == 0);
}

TEST_CASE("an answer that can't overtake a long frame isn't late while that comes") {
  Limits limits;
  limits.websocket_ping_interval = limits.websocket_ping_timeout = milliseconds(20);
  const std::string frame = binary_frame(std::string(8 << 20, 'x'));
  EchoServer server(limits);
  server.open();
  std::size_t sent = 20;
  server.say(frame.substr(0, sent));
  // A byte in each pass; three times as long as an answer may take, and a deadline is precise to.
  const uint64_t later = server.loop().now_ms() + 450;
  CHECK(server.run_until([&] {
    server.client->send(frame.substr(sent++, 1));
    return server.loop().now_ms() >= later;
  }));
  CHECK(server.echo->closed == 0);
  REQUIRE_FALSE(server.frames().empty());
  CHECK(server.frames()[0].opcode == 9);
  CHECK(server.run_until([&] { return server.echo->closed == 1; }));  // nothing comes any more
  CHECK(server.echo->code == 1011);
}

}  // namespace
}  // namespace outrider::testing
