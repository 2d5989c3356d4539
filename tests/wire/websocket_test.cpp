// SPDX-License-Identifier: MIT
// WebSockets over whole connections: the handshake, messages and the peer's mistakes (RFC 6455).
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "websocket/shared_message.h"
#include "websocket_echo.h"

namespace outrider::testing {
namespace {

using namespace std::string_literals;

const std::string kSwitch =
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n"
    "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

std::string refused(const std::string& request) {
  EchoServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, request);
  CHECK(server.echo == nullptr);
  CHECK(client.is_ended());
  return client.received();
}

std::string without(std::string request, const std::string& line) {
  return request.erase(request.find(line), line.size());
}

TEST_CASE("a WebSocket is opened, echoes and is closed, at every split") {
  const std::string all = websocket_request("/ws") + text_frame("hello") + binary_frame("\0\1"s) + text_frame("") +
                          close_frame(1000, "bye");
  for (std::size_t split = 1; split < all.size(); ++split) {
    EchoServer server;
    server.client = &server.connect_memory();
    server.say(all.substr(0, split));
    server.say(all.substr(split));
    const std::string expected = kSwitch + "connection: upgrade\r\n\r\n";
    REQUIRE(server.client->received().substr(0, expected.size()) == expected);
    const auto frames = server_frames(behind_head(server.client->received()));
    REQUIRE(frames.size() == 4);
    CHECK(frames[0].payload == "hello");
    CHECK(frames[1].payload == "\0\1"s);
    CHECK(frames[1].opcode == 2);
    CHECK(frames[2].payload.empty());
    CHECK(frames[3].close_code() == 1000);
    CHECK(server.client->is_ended());
    CHECK_FALSE(server.client->was_reset());
    CHECK(server.echo->closed == 1);
    CHECK(server.echo->code == 1000);
    CHECK(server.echo->reason == "bye");
  }
}

TEST_CASE("bytes that come one by one make the same messages") {
  EchoServer server;
  server.open();
  server.client->send_cut(text_frame("h\xc3\xa9llo") + text_frame(std::string(300, 'x')) + close_frame(1001), 1);
  server.settle();
  CHECK(server.heard() == "1:h\xc3\xa9llo 1:" + std::string(300, 'x') + " 8:1001 end");
}

TEST_CASE("large messages are echoed however they are cut, with what is between and behind them") {
  const std::string large(70'000, 'x');
  const std::string wide = "\xe2\x98\x83" + large;
  const std::string all = text_frame(large) + ping_frame("p") + binary_frame(wide) +
                          ClientFrame{1, wide, false}.bytes() + ping_frame("q") +
                          ClientFrame{0, large, true}.bytes() + text_frame("last") + close_frame(1000);
  for (const std::size_t cut : {std::size_t{999}, std::size_t{16 * 1024}, std::size_t{33'000}, all.size()}) {
    EchoServer server;
    server.open();
    server.client->send_cut(all, cut);
    server.settle();
    std::vector<std::string> messages;
    std::string controls;
    for (const ServerFrame& frame : server.frames()) {
      if (frame.opcode < 8) {
        messages.push_back(frame.payload);
      } else {
        controls += frame.opcode == 8 ? "close" : frame.payload;
      }
    }
    const std::vector<std::string> expected{large, wide, wide + large, "last"};
    CHECK((messages == expected));  // without printing them
    CHECK(controls == "pqclose");
    CHECK(server.client->is_ended());
  }
}

TEST_CASE("what still comes of a large message is dropped once the application has closed") {
  EchoServer server;
  server.open();
  const std::string large = text_frame(std::string(70'000, 'x'));
  server.client->send_cut(large.substr(0, 60'000), 20'000);
  server.settle();
  server.echo->session->close(1001, "");  // what still comes of it is dropped
  server.say(large.substr(60'000) + text_frame("too late") + close_frame(1001));
  CHECK(server.heard() == "8:1001 end");
  CHECK(server.echo->taken.empty());
}

TEST_CASE("over sockets it is the same") {
  for (const Transport transport : {Transport::Tcp, Transport::Unix}) {
    EchoServer server({}, transport);
    Client& client = server.connect();
    client.send(websocket_request("/ws") + text_frame(std::string(100'000, 'x')) + close_frame(1000));
    REQUIRE(server.run_until([&] { return client.is_ended(); }));
    const auto frames = server_frames(behind_head(client.received()));
    REQUIRE(frames.size() == 2);
    CHECK(frames[0].payload.size() == 100'000);
    CHECK(frames[1].close_code() == 1000);
  }
}

TEST_CASE("the application's subprotocol and fields stand in the head, and not what is the session's own") {
  EchoServer server;
  server.application().route("/sub", [&](Recorded& recorded) {
    const auto handshake = websocket::read_handshake(recorded.exchange().head());
    REQUIRE(handshake);
    server.echo = std::make_unique<Echo>(recorded.exchange(), handshake.value());
    websocket::Session& session = *server.echo->session;
    CHECK(session.add_field("x-a", "b") == http::ResponseFault::None);
    for (const std::string name : {"Sec-WebSocket-Accept", "sec-websocket-extensions", "sec-websocket-protocol"}) {
      CHECK(session.add_field(name, "x") == http::ResponseFault::FieldForbidden);
    }
    session.accept(handshake.value().subprotocols.at(1));
  });
  MemoryClient& client = server.connect_memory();
  server.exchange(client, websocket_request("/sub", "Sec-WebSocket-Protocol: a, b\r\n"));
  CHECK(client.received() == kSwitch + "x-a: b\r\nsec-websocket-protocol: b\r\nconnection: upgrade\r\n\r\n");
}

TEST_CASE("a faulty handshake is answered 400, a version that isn't ours 426") {
  const std::string request = websocket_request("/ws");
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  CHECK(has(refused(without(request, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")), "HTTP/1.1 400 "));
  CHECK(has(refused(without(request, "Sec-WebSocket-Version: 13\r\n")), "HTTP/1.1 400 "));
  std::string eight = request;
  eight.replace(eight.find("13"), 2, "8");
  const std::string upgrade = refused(eight);
  CHECK(has(upgrade, "HTTP/1.1 426 Upgrade Required\r\n"));
  CHECK(has(upgrade, "\r\nsec-websocket-version: 13\r\n"));
  CHECK(has(upgrade, "\r\nupgrade: websocket\r\n"));
}

TEST_CASE("a request for a WebSocket can be answered otherwise") {
  EchoServer server;
  server.application().route("/no", [&](Recorded& recorded) {
    const auto handshake = websocket::read_handshake(recorded.exchange().head());
    REQUIRE(handshake);
    Echo echo(recorded.exchange(), handshake.value());
    echo.session->drop();
    echo.session.reset();
    recorded.respond(403, "no\n");
  });
  MemoryClient& client = server.connect_memory();
  server.exchange(client, websocket_request("/no") + text_frame("smuggled"));
  CHECK(client.received().find("HTTP/1.1 403 ") == 0);
  CHECK(client.received().find("sec-websocket") == std::string::npos);
  CHECK(client.is_ended());
}

struct Mistake {
  std::string bytes;
  int code;
  std::string reason;
};

TEST_CASE("every mistake of the peer's is answered with its close code, and the connection ended") {
  const auto raw = [](const ClientFrame& frame) { return frame.bytes(); };
  const std::vector<Mistake> mistakes = {
      {raw({1, "x", true, 4}), 1002, "a reserved bit is set"},
      {raw({3, "x"}), 1002, "the opcode is reserved"},
      {raw({1, "x", true, 0, false}), 1002, "the frame is not masked"},
      {raw({9, "x", false}), 1002, "a control frame is fragmented"},
      {raw({9, std::string(126, 'x')}), 1002, "a control frame is longer than 125 bytes"},
      {raw({1, "x", true, 0, true, 2}), 1002, "the length takes more bytes than it needs"},
      {"\x82\xff\x80\0\0\0\0\0\0\1\1\2\3\4"s, 1002, "the length has its first bit set"},
      {raw({0, "x"}), 1002, "there is no message to continue"},
      {raw({1, "x", false}) + text_frame("y"), 1002, "a message begins inside another"},
      {text_frame("\xff"), 1007, "the text is not UTF-8"},
      {raw({8, "\x03"}), 1002, "the close code is cut short"},
      {raw({8, close_body(1005)}), 1002, "the close code is invalid"},
      {raw({8, close_body(1000, "\xff")}), 1007, "the close reason is not UTF-8"},
      {raw({2, std::string(1001, 'x')}), 1009, "the frame is too long"},
      {raw({2, std::string(1000, 'x'), false}) + raw({0, std::string(501, 'x')}), 1009, "the message is too long"},
  };
  Limits limits;
  limits.websocket_frame_bytes_max = 1000;
  limits.websocket_message_bytes_max = 1500;
  for (const Mistake& mistake : mistakes) {
    CAPTURE(mistake.reason);
    EchoServer server(limits);
    server.open();
    server.say(text_frame("fine") + mistake.bytes + text_frame("unread"));
    CHECK(server.heard() == "1:fine 8:" + std::to_string(mistake.code) + " end");
    CHECK(server.frames().back().close_reason() == mistake.reason);
    CHECK(server.echo->closed == 1);
    CHECK(server.echo->code == mistake.code);
    CHECK(server.echo->reason == mistake.reason);
    CHECK(server.echo->taken.size() == 1);
  }
}

TEST_CASE("pings are answered with what they carry, between fragments, too") {
  EchoServer server;
  server.open();
  server.say(ping_frame("") + ping_frame(std::string(125, 'p')));
  server.say(ClientFrame{1, "he", false}.bytes() + ping_frame("in") + ClientFrame{0, "llo"}.bytes());
  server.say(pong_frame("nobody asked"));
  CHECK(server.heard() == "10: 10:" + std::string(125, 'p') + " 10:in 1:hello ");
}

TEST_CASE("the application's own pings are sent, and their answers go unnoticed") {
  EchoServer server;
  server.open();
  server.echo->session->ping("are you there");
  server.say(pong_frame("are you there"));
  CHECK(server.heard() == "9:are you there ");
}

TEST_CASE("messages of all sizes come back as they are") {
  for (const std::size_t size : {0, 1, 125, 126, 127, 1024, 1025, 65535, 65536, 200'000}) {
    EchoServer server;
    server.open();
    server.say(binary_frame(std::string(size, 'x')));
    REQUIRE(server.frames().size() == 1);
    CHECK(server.frames()[0].payload.size() == size);
  }
}

TEST_CASE("a payload with an owner is released once, sent or not") {
  EchoServer server;
  server.open();
  int released = 0;
  const auto release = [](void* count) { ++*static_cast<int*>(count); };
  const std::string small(10, 'x'), large(100'000, 'y');
  server.echo->session->send(websocket::MessageType::Text, {small, &released, release});
  server.echo->session->send(websocket::MessageType::Text, {large, &released, release});
  server.settle();
  CHECK(released == 2);
  CHECK(server.heard() == "1:" + small + " 1:" + large + " ");
  server.echo->session->close(1000, "");
  server.echo->session->send(websocket::MessageType::Text, {large, &released, release});
  CHECK(released == 3);
  CHECK(server.echo->session->is_writable());
}

TEST_CASE("a shared message is sent by many, and is one") {
  EchoServer server;
  server.open();
  const websocket::SharedMessage shared(websocket::MessageType::Text, std::string(20'000, 'x'));
  server.echo->session->send(shared);
  server.echo->session->send(shared);
  server.settle();
  CHECK(server.frames().size() == 2);
  server.echo->session->close(1000, "");
  server.echo->session->send(shared);
  server.settle();
  CHECK(server.frames().size() == 3);  // the close frame
}

}  // namespace
}  // namespace outrider::testing
