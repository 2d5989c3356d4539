// SPDX-License-Identifier: MIT
// permessage-deflate (RFC 7692) over whole connections.
#include <doctest/doctest.h>

#include <string>

#include "websocket/deflate.h"
#include "websocket/shared_message.h"
#include "websocket_echo.h"

namespace outrider::testing {
namespace {

using namespace std::string_literals;
using websocket::Compression;
using websocket::DeflateAgreement;
using websocket::Inflater;

constexpr std::size_t kMost = 1 << 24;
const std::string kOffer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

// The client's side of it.
struct Peer {
  explicit Peer(int bits = 12) : compression(config, pool, agreement(bits)), inflater(bits) {}

  static DeflateAgreement agreement(int bits) {
    DeflateAgreement agreement;
    agreement.server_window_bits = agreement.client_window_bits = bits;
    return agreement;
  }
  std::string frame(const std::string& payload, int opcode = 1) {
    Buffer to;
    compression.compress(payload, to);
    return ClientFrame{opcode, std::string(to.view()), true, 4}.bytes();
  }
  std::string read(const ServerFrame& frame) {
    if (!frame.is_compressed) return frame.payload;
    Buffer to;
    CHECK(inflater.inflate(frame.payload, to, kMost) == Inflater::Outcome::Fine);
    CHECK(inflater.end_message(to, kMost) == Inflater::Outcome::Fine);
    return std::string(to.view());
  }

  WebSocketDeflate config;
  websocket::DeflatePool pool;
  Compression compression;
  Inflater inflater;
};

std::string text_of(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; text.size() < size; ++i) text += std::to_string(i * i);
  text.resize(size);
  return text;
}

TEST_CASE("compression is agreed upon when the client offers it, and small messages go without") {
  EchoServer server;
  server.open(kOffer);
  CHECK(server.head.find("\r\nsec-websocket-extensions: permessage-deflate; server_max_window_bits=12; "
                         "client_max_window_bits=12\r\n") != std::string::npos);
  Peer peer;
  for (const std::size_t size : {1, 255, 256, 1000, 100'000, 20}) {
    server.client->forget();
    server.say(peer.frame(text_of(size)));
    REQUIRE(server.frames().size() == 1);
    CHECK(server.frames()[0].is_compressed == (size >= 256));
    CHECK(peer.read(server.frames()[0]) == text_of(size));
  }
  server.client->forget();
  server.say(text_frame(text_of(300)));  // the peer needn't compress
  CHECK(peer.read(server.frames().at(0)) == text_of(300));
}

TEST_CASE("fragments of a compressed message are one, with control frames between them") {
  EchoServer server;
  server.open(kOffer);
  Peer peer;
  Buffer compressed;
  peer.compression.compress(text_of(500), compressed);
  const std::string all(compressed.view());
  server.say(ClientFrame{1, all.substr(0, 50), false, 4}.bytes() + ping_frame("p") +
             ClientFrame{0, all.substr(50)}.bytes());
  REQUIRE(server.frames().size() == 2);
  CHECK(server.frames()[0].opcode == 10);
  CHECK(peer.read(server.frames()[1]) == text_of(500));
}

TEST_CASE("what is compressed wrongly, too long, or no text once inflated, is answered with its code") {
  Limits limits;
  limits.websocket_message_bytes_max = 100'000;
  const auto heard = [&](const std::string& bytes) {
    EchoServer server(limits);
    server.open(kOffer);
    server.say(bytes);
    return server.heard();
  };
  CHECK(heard(ClientFrame{1, "\xff\xff", true, 4}.bytes()) == "8:1007 end");
  CHECK(heard(ClientFrame{0, "x", true, 4}.bytes()) == "8:1002 end");
  CHECK(heard(ClientFrame{9, "x", true, 4}.bytes()) == "8:1002 end");
  CHECK(heard(Peer().frame(std::string(10'000'000, 'x'))) == "8:1009 end");
  CHECK(heard(Peer().frame(std::string(100'001, 'x'))) == "8:1009 end");
  CHECK(heard(Peer().frame(std::string(100'000, 'x'))).substr(0, 3) == "1z:");
  CHECK(heard(Peer().frame("\xff")) == "8:1007 end");
  CHECK(heard(Peer().frame("\xe2\x82")) == "8:1007 end");
}

TEST_CASE("a server that isn't to compress agrees to nothing, and takes nothing compressed") {
  EchoServer server;
  server.engine().websockets().deflate.is_enabled = false;
  server.open(kOffer);
  CHECK(server.head.find("extensions") == std::string::npos);
  server.say(Peer().frame("x"));
  CHECK(server.heard() == "8:1002 end");
}

TEST_CASE("without context takeover each message stands for itself") {
  EchoServer server;
  server.open(
      "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n");
  CHECK(server.head.find("server_no_context_takeover; client_no_context_takeover") != std::string::npos);
  for (int i = 0; i < 3; ++i) {
    Peer fresh(15);
    server.client->forget();
    server.say(fresh.frame(text_of(400)));
    CHECK(fresh.read(server.frames().at(0)) == text_of(400));
  }
}

TEST_CASE("a shared message is compressed once, and goes to peers whose window it fits, among others of their own") {
  const websocket::SharedMessage shared(websocket::MessageType::Text, text_of(5000));
  for (const std::string bits : {"15", "12", "10", "9"}) {
    EchoServer server;
    server.open("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=" + bits + "\r\n");
    Peer peer(std::min(std::stoi(bits), 12));
    websocket::Session& session = *server.echo->session;
    for (int i = 0; i < 3; ++i) {
      const std::string own = text_of(1000);
      session.send(websocket::MessageType::Text, {own, nullptr, nullptr});
      session.send(shared);
    }
    server.settle();
    REQUIRE(server.frames().size() == 6);
    for (std::size_t i = 0; i < 6; ++i) {
      CHECK(server.frames()[i].is_compressed);
      CHECK(peer.read(server.frames()[i]) == text_of(i % 2 == 0 ? 1000 : 5000));
    }
  }
  CHECK(shared.compressed_bits() == 12);
}

TEST_CASE("a shared message goes as it is where nothing was agreed upon") {
  const websocket::SharedMessage shared(websocket::MessageType::Text, text_of(5000));
  EchoServer server;
  server.open();
  server.echo->session->send(shared);
  server.settle();
  CHECK_FALSE(server.frames().at(0).is_compressed);
  CHECK(shared.compressed_bits() == 0);
}

}  // namespace
}  // namespace outrider::testing
