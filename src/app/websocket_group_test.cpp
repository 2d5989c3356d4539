// SPDX-License-Identifier: MIT

// Groups of WebSockets, their slow members, and handles: in memory, and over sockets with several loop threads.

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "app/dispatcher.h"
#include "outrider/outrider.h"
#include "server/engine.h"
#include "testing/app_harness.h"
#include "testing/blocking_client.h"
#include "testing/websocket_words.h"

namespace outrider::app {
namespace {

using namespace std::chrono_literals;
using Served = testing::AppHarness<server::Engine, Dispatcher, Site>;
using testing::BlockingClient;
using testing::close_frame;
using testing::frames_in;
using testing::MemoryClient;
using testing::text_frame;
using testing::websocket_request;

App member_app(WebSocketGroup group) {
  App app;
  app.websocket("/", [group](WebSocket& socket) -> Task<void> {
    group.join(socket);
    while (const auto message = co_await socket.receive()) group.send_text(message->data);
  });
  return app;
}

std::vector<MemoryClient*> open_members(Served& served, int count) {
  std::vector<MemoryClient*> clients;
  for (int i = 0; i < count; ++i) {
    clients.push_back(&served.connect());
    clients.back()->send(websocket_request("/"));
  }
  served.settle();
  return clients;
}

TEST_CASE("a group sends to all its members, in one order") {
  WebSocketGroup group;
  Served served(member_app(group));
  const std::vector<MemoryClient*> clients = open_members(served, 5);
  CHECK(group.size() == 5);
  CHECK(group.send_text("one"));
  clients[2]->send(text_frame("two"));
  served.settle();
  const WebSocketGroup copy = group;
  CHECK(copy.send_binary("three"));
  served.settle();
  for (const MemoryClient* client : clients) CHECK(frames_in(client->received()) == "text one|text two|binary 5|");
}

TEST_CASE("a message to a group is there once, however many wait for it") {
  WebSocketGroup group;
  Served served(member_app(group));
  const std::vector<MemoryClient*> clients = open_members(served, 200);
  for (MemoryClient* client : clients) client->stop_taking();
  for (const std::size_t size : {std::size_t{600}, std::size_t{64 * 1024}}) {
    const std::string payload(size, 'x');
    CHECK(group.send_binary(payload));
    served.settle();
    const char* place = nullptr;
    for (MemoryClient* client : clients) {
      std::string_view largest;
      for (const std::string_view piece : client->being_written()) {
        if (piece.size() > largest.size()) largest = piece;
      }
      CHECK(largest.ends_with(payload));
      if (place == nullptr) place = largest.data();
      CHECK(largest.data() == place);
      CHECK(largest.data() != payload.data());
    }
    for (MemoryClient* client : clients) client->go_on_taking();
    served.settle();
    for (MemoryClient* client : clients) client->stop_taking();
  }
  for (MemoryClient* client : clients) CHECK(frames_in(client->received()) == "binary 600|binary 65536|");
}

TEST_CASE("a socket is a member until it leaves or ends, and never twice") {
  App app;
  WebSocketGroup group;
  app.websocket("/", [&](WebSocket& socket) -> Task<void> {
    group.join(socket);
    group.join(socket);
    while (const auto message = co_await socket.receive()) {
      if (message->data == "leave") group.leave(socket);
      if (message->data == "join") group.join(socket);
    }
    group.join(socket);  // too late
    CHECK(group.size() == 1);
  });
  Served served(app);
  const std::vector<MemoryClient*> clients = open_members(served, 2);
  CHECK(group.size() == 2);
  clients[0]->send(text_frame("leave"));
  served.settle();
  CHECK(group.size() == 1);
  group.send_text("a");
  served.settle();
  CHECK(frames_in(clients[0]->received()).empty());
  CHECK(frames_in(clients[1]->received()) == "text a|");
  clients[0]->send(text_frame("join"));
  served.settle();
  group.send_text("b");
  served.settle();
  CHECK(frames_in(clients[0]->received()) == "text b|");
  clients[1]->send(close_frame(1000));
  served.settle();
  CHECK(group.size() == 1);
  clients[0]->reset();
}

TEST_CASE("a member that takes too little is closed with 1013, the others go on") {
  WebSocketGroup group({.waiting_bytes_max = 20'000});
  Limits limits;
  limits.write_buffer_bytes_max = 10'000;
  Served served(member_app(group), limits);
  const std::vector<MemoryClient*> clients = open_members(served, 3);
  clients[1]->stop_taking();
  const std::string payload(1000, 'x');
  for (int i = 0; i < 20; ++i) {
    CHECK(group.send_text(payload));
    served.settle();
  }
  CHECK(group.size() == 3);  // what waits is within the bounds
  for (int i = 0; i < 30; ++i) {
    CHECK(group.send_text(payload));
    served.settle();
  }
  clients[1]->go_on_taking();
  served.settle();
  CHECK(frames_in(clients[1]->received()).ends_with("|close 1013 too slow|"));
  clients[1]->send(close_frame(1013));
  served.settle();
  CHECK(group.size() == 2);
  for (const int other : {0, 2}) {
    const std::string words = frames_in(clients[static_cast<std::size_t>(other)]->received());
    CHECK(std::count(words.begin(), words.end(), '|') == 50);
  }
}

TEST_CASE("what waits for a member comes when it takes more, in order") {
  WebSocketGroup group;
  Limits limits;
  limits.write_buffer_bytes_max = 5000;
  Served served(member_app(group), limits);
  MemoryClient& client = *open_members(served, 1)[0];
  client.stop_taking();
  std::string expected;
  for (int i = 0; i < 30; ++i) {
    const std::string text = std::to_string(i) + std::string(1000, 'x');
    CHECK(group.send_text(text));
    served.settle();
    expected += "text " + text + "|";
  }
  group.close(4000, "that is all");
  client.go_on_taking();
  served.settle();
  CHECK(frames_in(client.received()) == expected + "close 4000 that is all|");
}

TEST_CASE("a group of measurements drops the oldest for who takes too little") {
  WebSocketGroup group({.slow = SlowMember::DropOldest, .waiting_bytes_max = 5000});
  Limits limits;
  limits.write_buffer_bytes_max = 5000;
  Served served(member_app(group), limits);
  MemoryClient& client = *open_members(served, 1)[0];
  client.stop_taking();
  for (int i = 0; i < 100; ++i) {
    CHECK(group.send_text(std::to_string(i) + std::string(1000, ' ')));
    served.settle();
  }
  client.go_on_taking();
  served.settle();
  const std::string words = frames_in(client.received());
  CHECK(std::count(words.begin(), words.end(), '|') < 20);
  CHECK(words.starts_with("text 0 "));
  CHECK(words.find("text 50 ") == std::string::npos);
  CHECK(words.find("text 99 ") != std::string::npos);
  CHECK(group.size() == 1);
}

TEST_CASE("a close frame that waits isn't dropped for what is sent behind it") {
  WebSocketGroup group({.slow = SlowMember::DropOldest, .waiting_bytes_max = 5000});
  Limits limits;
  limits.write_buffer_bytes_max = 5000;
  Served served(member_app(group), limits);
  MemoryClient& client = *open_members(served, 1)[0];
  client.stop_taking();
  const auto send_many = [&](int count, char what) {
    for (int i = 0; i < count; ++i) {
      CHECK(group.send_text(std::string(1000, what)));
      served.settle();
    }
  };
  send_many(20, 'a');
  group.close(4000, "that is all");
  send_many(20, 'b');
  client.go_on_taking();
  served.settle();
  const std::string words = frames_in(client.received());
  CHECK(words.ends_with("|close 4000 that is all|"));
  CHECK(words.find('b') == std::string::npos);
}

TEST_CASE("a burst that is larger than all buffers closes nobody who takes it") {
  WebSocketGroup group({.waiting_bytes_max = 0});
  Served served(member_app(group));
  const std::vector<MemoryClient*> clients = open_members(served, 3);
  const std::string payload(1000, 'x');
  for (int i = 0; i < 3000; ++i) CHECK(group.send_binary(payload));
  served.settle();
  for (const MemoryClient* client : clients) {
    const std::string words = frames_in(client->received());
    CHECK(std::count(words.begin(), words.end(), '|') == 3000);
    CHECK(words.find("close") == std::string::npos);
  }
}

TEST_CASE("sending fails when too much waits for a loop, and works again later") {
  WebSocketGroup group({.queue_bytes_max = 10'000});
  Served served(member_app(group));
  MemoryClient& client = *open_members(served, 1)[0];
  CHECK(group.send_binary(std::string(50'000, 'x')));  // the first may always wait
  CHECK(!group.send_text("x"));
  served.settle();
  CHECK(group.send_text("y"));
  served.settle();
  CHECK(frames_in(client.received()) == "binary 50000|text y|");
  CHECK_THROWS_AS(group.send_text("\xff"), std::invalid_argument);
  CHECK_THROWS_AS(group.close(1006), std::invalid_argument);
}

TEST_CASE("a handle sends and closes, and does no harm when all is over") {
  WebSocketHandle handle;
  CHECK(handle.is_closed());
  CHECK(!handle.send_text("x"));
  handle.close();
  {
    App app;
    app.websocket("/", [&](WebSocket& socket) -> Task<void> {
      handle = socket.handle();
      CHECK(!socket.handle().is_closed());
      while (co_await socket.receive()) {
      }
    });
    Served served(app);
    MemoryClient& client = *open_members(served, 1)[0];
    CHECK(handle.send_text("a"));
    CHECK(handle.send_binary("bc"));
    CHECK_THROWS_AS(handle.send_text("\xff"), std::invalid_argument);
    handle.close(4000, "enough");
    CHECK(handle.send_text("behind the close"));
    served.settle();
    CHECK(frames_in(client.received()) == "text a|binary 2|close 4000 enough|");
    client.send(close_frame(4000));
    served.settle();
    CHECK(handle.is_closed());
    CHECK(!handle.send_text("x"));
    open_members(served, 1);
    CHECK(!handle.is_closed());
  }
  CHECK(handle.is_closed());
  CHECK(!handle.send_binary("x"));
  handle.close();
}

// --- over sockets --------------------------------------------------------------------------------------------------

std::vector<BlockingClient> connect_members(const Server& server, int count) {
  std::vector<BlockingClient> clients;
  for (int i = 0; i < count; ++i) {
    clients.emplace_back(static_cast<uint16_t>(server.port()));
    clients.back().send(websocket_request("/"));
    REQUIRE(clients.back().read_until("\r\n\r\n"));
  }
  return clients;
}

TEST_CASE("[threads] a group sends to 200 sockets on two loops, from any thread") {
  WebSocketGroup group;
  Server server = serve(member_app(group), {.threads = 2});
  std::vector<BlockingClient> clients = connect_members(server, 200);
  CHECK(group.size() == 200);
  std::thread sender([&] {
    for (int i = 0; i < 50; ++i) CHECK(group.send_text("from a thread " + std::to_string(i)));
  });
  for (std::size_t i = 0; i < 10; ++i) clients[i].send(text_frame("from member " + std::to_string(i)));
  sender.join();
  std::string all;
  for (BlockingClient& client : clients) {
    std::string words;
    while (std::count(words.begin(), words.end(), '|') < 60) {
      const std::size_t before = client.received().size();
      REQUIRE(client.read_more());
      REQUIRE(client.received().size() > before);
      words = frames_in(client.received());
    }
    if (all.empty()) all = words;
    CHECK(words == all);  // the same order for everybody
  }
  CHECK(all.find("text from a thread 49|") != std::string::npos);
  group.close(1001, "the end");
  for (BlockingClient& client : clients) {
    CHECK(client.read_until("the end"));
    client.send(close_frame(1001));
    CHECK(client.read_to_end());
  }
  server.stop();
  CHECK(group.size() == 0);
}

TEST_CASE("[threads] sockets come and go while a group is sent to") {
  WebSocketGroup group;
  Server server = serve(member_app(group), {.threads = 2});
  std::atomic<bool> is_over{false};
  std::thread sender([&] {
    while (!is_over) group.send_text("x");
  });
  for (int i = 0; i < 50; ++i) {
    BlockingClient client(static_cast<uint16_t>(server.port()));
    client.send(websocket_request("/"));
    CHECK(client.read_until("\x81\x01x"));
    if (i % 2 == 0) client.send(close_frame(1000));
  }
  std::vector<BlockingClient> clients = connect_members(server, 5);
  server.stop(StopPolicy::immediate());
  is_over = true;
  sender.join();
  CHECK(group.size() == 0);
  CHECK(group.send_text("to nobody"));
}

TEST_CASE("[threads] a handle is used while its WebSocket ends") {
  std::mutex mutex;
  WebSocketHandle latest;
  App app;
  app.websocket("/", [&](WebSocket& socket) -> Task<void> {
    {
      const std::lock_guard lock(mutex);
      latest = socket.handle();
    }
    co_await socket.receive();
  });
  Server server = serve(app, {.threads = 2});
  std::atomic<bool> is_over{false};
  std::thread sender([&] {
    while (!is_over) {
      WebSocketHandle handle;
      {
        const std::lock_guard lock(mutex);
        handle = latest;
      }
      handle.send_text("tick");
    }
  });
  for (int i = 0; i < 50; ++i) {
    BlockingClient client(static_cast<uint16_t>(server.port()));
    client.send(websocket_request("/"));
    CHECK(client.read_until("tick"));
    client.send(text_frame("enough"));
    CHECK(client.read_until("\x03\xe8"));
    client.send(close_frame(1000));
    CHECK(client.read_to_end());
  }
  is_over = true;
  sender.join();
  server.stop();
  CHECK(latest.is_closed());
}

constexpr int kMany = 300;

TEST_CASE("[threads] a stop closes hundreds of WebSockets with 1012, and all their handlers end") {
  WebSocketGroup group;
  Server server = serve(member_app(group), {.threads = 2});
  std::vector<BlockingClient> clients = connect_members(server, kMany);
  StopReport report;
  std::thread stopper(
      [&] { report = server.stop({.grace = 0ms, .disconnect = 60s, .cancel = 60s, .streams_have_grace = false}); });
  for (BlockingClient& client : clients) {
    CHECK(client.read_until("\x03\xf4"));
    CHECK(frames_in(client.received()).starts_with("close 1012"));
    client.send(close_frame(1012));
    CHECK(client.read_to_end());
  }
  stopper.join();
  CHECK(report.disconnected == kMany);
  CHECK(report.cancelled + report.aborted == 0);
  CHECK(group.size() == 0);
}

TEST_CASE("[threads] a stop waits no longer than its policy for hundreds who don't answer the close") {
  WebSocketGroup group;
  Server server = serve(member_app(group), {.threads = 2});
  std::vector<BlockingClient> clients = connect_members(server, kMany);
  const StopReport report =
      server.stop({.grace = 0ms, .disconnect = 100ms, .cancel = 100ms, .streams_have_grace = false});
  CHECK(report.elapsed < 10s);  // and not the close's own 10 s on top of that
  for (BlockingClient& client : clients) {
    CHECK(client.read_until("\x03\xf4"));
    CHECK(frames_in(client.received()).starts_with("close 1012"));
  }
  CHECK(report.disconnected + report.cancelled + report.aborted == kMany);
}

}  // namespace
}  // namespace outrider::app
