// SPDX-License-Identifier: MIT
// How WebSockets end (RFC 6455 §7): in order from both sides, by time, by a stop, and by connections that break.
#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "websocket_echo.h"

namespace outrider::testing {
namespace {

using namespace std::string_literals;
using std::chrono::milliseconds;

TEST_CASE("a peer's close frame is answered with its code, and the server ends the connection") {
  for (const int code : {1000, 1001, 1003, 1007, 1014, 3000, 4999}) {
    EchoServer server;
    server.open();
    server.say(close_frame(code, "na\xc3\xafve") + text_frame("too late"));
    CHECK(server.heard() == "8:" + std::to_string(code) + " end");
    CHECK(server.echo->code == code);
    CHECK(server.echo->reason == "na\xc3\xafve");
    CHECK(server.echo->taken.empty());
    CHECK(server.echo->session->is_closed());
  }
}

TEST_CASE("a close frame without a code is answered without one") {
  EchoServer server;
  server.open();
  server.say(ClientFrame{8, ""}.bytes());
  REQUIRE(server.frames().size() == 1);
  CHECK(server.frames()[0].payload.empty());
  CHECK(server.client->is_ended());
  CHECK(server.echo->code == 1005);
}

TEST_CASE("codes that mustn't be sent are mistakes") {
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
    EchoServer server;
    server.open();
    server.say(close_frame(code));
    CHECK(server.heard() == "8:1002 end");
    CHECK(server.echo->code == 1002);
  }
}

TEST_CASE("the application closes: what still comes is dropped, and it is over when the peer has answered") {
  EchoServer server;
  server.open();
  server.echo->session->close(4000, "enough");
  CHECK(server.echo->session->is_closing());
  server.say(text_frame("dropped") + ping_frame("not answered") + ClientFrame{1, "cut", false}.bytes());
  CHECK(server.heard() == "8:4000 ");
  CHECK(server.frames()[0].close_reason() == "enough");
  CHECK(server.echo->closed == 0);
  CHECK_FALSE(server.echo->session->is_closed());
  server.say(close_frame(1000));
  CHECK(server.heard() == "8:4000 end");
  CHECK(server.echo->closed == 1);
  CHECK(server.echo->code == 4000);
  CHECK(server.echo->reason == "enough");
  CHECK(server.echo->taken.empty());
}

TEST_CASE("a second close, and what is sent after the first, goes nowhere") {
  EchoServer server;
  server.open();
  server.echo->session->close(1000, "");
  server.echo->session->close(1001, "");
  server.echo->session->send(websocket::MessageType::Text, {"x", nullptr, nullptr});
  server.echo->session->ping("x");
  server.settle();
  CHECK(server.heard() == "8:1000 ");
}

TEST_CASE("a mistake while the server waits for the peer's close frame ends the connection without another one") {
  EchoServer server;
  server.open();
  server.echo->session->close(1000, "");
  server.say(ClientFrame{3, "x"}.bytes());
  CHECK(server.heard() == "8:1000 end");
  CHECK(server.echo->closed == 1);
  CHECK(server.echo->code == 1002);
}

TEST_CASE("a peer that doesn't answer a close frame in websocket_close_timeout is left") {
  Limits limits;
  limits.websocket_close_timeout = milliseconds(20);
  EchoServer server(limits);
  server.open();
  server.echo->session->close(1000, "");
  CHECK(server.run_until([&] { return server.echo->closed == 1; }));
  CHECK(server.echo->code == 1006);
  server.settle();
  CHECK(server.heard() == "8:1000 end");
}

TEST_CASE("a peer that answers within websocket_close_timeout has closed in order") {
  Limits limits;
  limits.websocket_close_timeout = std::chrono::minutes(1);
  EchoServer server(limits);
  server.open();
  server.echo->session->close(1000, "");
  server.say(close_frame(1000));
  CHECK(server.echo->code == 1000);
}

TEST_CASE("with websocket_close_timeout 0 the answer may take as long as it likes") {
  Limits limits;
  limits.websocket_close_timeout = milliseconds(0);
  EchoServer server(limits);
  server.open();
  server.echo->session->close(1000, "");
  server.let_pass(milliseconds(300));
  CHECK(server.echo->closed == 0);
  server.say(close_frame(1000));
  CHECK(server.echo->code == 1000);
}

TEST_CASE("a session that is let go of while it closes still closes in order") {
  EchoServer server;
  server.open();
  server.echo->session->close(1000, "");
  server.echo.reset();
  server.say(text_frame("dropped"));
  CHECK_FALSE(server.client->is_ended());
  server.say(close_frame(1000));
  CHECK(server.heard() == "8:1000 end");
}

TEST_CASE("a session that is let go of while it closes ends with its connection, its time, or its server") {
  Limits limits;
  limits.websocket_close_timeout = milliseconds(20);
  EchoServer server(limits);
  server.open();
  server.echo->session->close(1000, "");
  server.echo.reset();
  SUBCASE("its connection") {
    server.client->reset();
    server.settle();
  }
  SUBCASE("its input") {
    server.client->end();
    server.settle();
    CHECK(server.client->is_ended());
  }
  SUBCASE("its time") {
    CHECK(server.run_until([&] { return server.client->is_ended(); }));
  }
  SUBCASE("a mistake") {
    server.say(ClientFrame{3, "x"}.bytes());
    CHECK(server.client->is_ended());
  }
  SUBCASE("its server") {}
}

TEST_CASE("a session that is let go of while it is open cuts the connection") {
  EchoServer server;
  server.open();
  server.echo.reset();
  server.settle();
  CHECK(server.client->was_reset());
}

TEST_CASE("a handler may let go of its session in on_closed(), however it ends") {
  EchoServer server;
  server.open();
  server.echo->lets_go = true;
  SUBCASE("by the peer") { server.say(close_frame(1000)); }
  SUBCASE("by a mistake") { server.say("\xff"); }
  SUBCASE("by a break") {
    server.client->reset();
    server.settle();
  }
  SUBCASE("by the end of its input") {
    server.client->end();
    server.settle();
  }
  SUBCASE("by a stop") {
    server.drain(StopPolicy::immediate());
    CHECK(server.run_until([&] { return !server.reports().empty(); }));
  }
  CHECK(server.echo->closed == 1);
  CHECK_FALSE(server.echo->session.has_value());
}

TEST_CASE("a close frame behind messages is answered when these were taken, or after websocket_close_timeout") {
  Limits limits;
  limits.websocket_close_timeout = milliseconds(20);
  EchoServer server(limits);
  server.open();
  server.echo->takes = false;
  server.say(text_frame("a") + text_frame("b") + close_frame(1001));
  CHECK(server.heard().empty());
  CHECK(server.echo->closed == 0);
  SUBCASE("taken") {
    server.echo->take();
    server.settle();
    CHECK(server.heard() == "1:a 1:b 8:1001 end");
  }
  SUBCASE("not taken") {
    CHECK(server.run_until([&] { return server.client->is_ended(); }));
    CHECK(server.heard() == "8:1001 end");
    CHECK(server.echo->session->has_message());
  }
  SUBCASE("the application closes") {
    server.echo->session->close(4000, "");
    server.settle();
    CHECK(server.heard() == "8:4000 end");
    CHECK(server.echo->code == 4000);
  }
  if (server.echo->code != 4000) CHECK(server.echo->code == 1001);
  CHECK(server.echo->closed == 1);
}

TEST_CASE("a mistake behind messages is answered when these were taken") {
  EchoServer server;
  server.open();
  server.echo->takes = false;
  server.say(text_frame("a") + ClientFrame{3, "x"}.bytes() + text_frame("unread"));
  CHECK(server.heard().empty());
  SUBCASE("taken") {
    server.echo->take();
    server.settle();
    CHECK(server.heard() == "1:a 8:1002 end");
    CHECK(server.echo->code == 1002);
  }
  SUBCASE("a connection that breaks meanwhile") {
    server.client->reset();
    server.settle();
    CHECK(server.echo->code == 1006);
  }
  SUBCASE("a stop meanwhile") {
    server.drain(StopPolicy::beside_program());
    server.settle();
    CHECK(server.heard() == "8:1012 end");
    CHECK(server.echo->code == 1012);
  }
  CHECK(server.echo->closed == 1);
}

TEST_CASE("abort() cuts the connection, and nothing is told") {
  EchoServer server;
  server.open();
  server.echo->session->abort();
  server.settle();
  CHECK(server.client->was_reset());
  CHECK(server.echo->closed == 0);
  CHECK(server.echo->session->is_closed());
}

TEST_CASE("a connection that breaks is 1006, and messages that came before can be taken") {
  EchoServer server;
  server.open();
  server.echo->takes = false;
  server.say(text_frame("a") + text_frame("b"));
  server.client->reset();
  server.settle();
  CHECK(server.echo->closed == 1);
  CHECK(server.echo->code == 1006);
  CHECK(server.echo->reason.empty());
  server.echo->take();
  CHECK(server.echo->taken == std::vector<std::string>{"a", "b"});
}

TEST_CASE("a connection cut or ended at any byte is 1006 unless the close frame was whole") {
  const std::string all = text_frame("hello") + ping_frame("p") + close_frame(1000);
  for (std::size_t size = 0; size <= all.size(); ++size) {
    for (const bool in_order : {true, false}) {
      EchoServer server;
      server.open();
      server.say(all.substr(0, size));
      in_order ? server.client->end() : server.client->reset();
      server.settle();
      CHECK(server.echo->closed == 1);
      CHECK(server.echo->code == (size == all.size() ? 1000 : 1006));
    }
  }
}

TEST_CASE("a stop closes with 1012, and is over when the peer answers") {
  EchoServer server;
  server.open();
  StopPolicy policy = StopPolicy::beside_program();
  policy.disconnect = policy.cancel = std::chrono::minutes(1);
  server.drain(policy);
  server.settle();
  CHECK(server.heard() == "8:1012 ");
  CHECK(server.frames()[0].close_reason() == "service restart");
  CHECK(server.echo->closed == 1);
  CHECK(server.echo->code == 1012);
  CHECK(server.reports().empty());
  server.say(close_frame(1012));
  CHECK(server.run_until([&] { return !server.reports().empty(); }));
  CHECK(server.reports()[0].aborted == 0);
  CHECK(server.reports()[0].disconnected == 1);
  CHECK(server.echo->cancels == 0);
}

TEST_CASE("a stop cuts off a WebSocket whose peer doesn't answer, and cancels its handler before") {
  EchoServer server;
  server.open();
  StopPolicy policy = StopPolicy::beside_program();
  policy.disconnect = policy.cancel = milliseconds(1);
  server.drain(policy);
  CHECK(server.run_until([&] { return !server.reports().empty(); }));
  server.settle();
  CHECK(server.heard() == "8:1012 reset");
  CHECK(server.echo->cancels == 1);
  CHECK(server.echo->closed == 1);
  CHECK(server.reports()[0].aborted == 1);
}

TEST_CASE("a stop that comes while the application closes changes nothing") {
  EchoServer server;
  server.open();
  server.echo->session->close(4001, "");
  StopPolicy policy = StopPolicy::beside_program();
  policy.disconnect = policy.cancel = std::chrono::minutes(1);
  server.drain(policy);
  server.say(close_frame(4001));
  CHECK(server.run_until([&] { return !server.reports().empty(); }));
  CHECK(server.echo->code == 4001);
  CHECK(server.echo->closed == 1);
}

TEST_CASE("a server that goes with open WebSockets tells them") {
  auto server = std::make_unique<EchoServer>();
  server->open();
  const std::unique_ptr<Echo> echo = std::move(server->echo);
  server->echo.reset();
  echo->takes = false;
  server->say(text_frame("last"));
  server.reset();
  CHECK(echo->closed == 1);
  CHECK(echo->code == 1006);
  CHECK(echo->session->message() == "last");  // what came can be taken, later than the server lived
  echo->session->pop_message();
  CHECK_FALSE(echo->session->has_message());
}

}  // namespace
}  // namespace outrider::testing
