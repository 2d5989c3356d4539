// SPDX-License-Identifier: MIT

// Server::swap(): another application behind the same connections.

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "outrider/outrider.h"
#include "testing/blocking_client.h"
#include "testing/hello_app.h"

namespace outrider {
namespace {

using namespace std::chrono_literals;
using testing::answers;
using testing::BlockingClient;
using testing::Flag;
using testing::hello_app;

TEST_CASE("[threads] swap puts another application behind the same connections") {
  Server server = serve(hello_app("one"), {.threads = 2});
  BlockingClient client(server.port());
  client.get("/");
  CHECK(client.read_until("one"));
  const StopReport report = server.swap(hello_app("two"));
  CHECK(report.completed + report.disconnected + report.cancelled + report.aborted == 0);
  client.get("/");
  CHECK(client.read_until("two"));
  CHECK(client.received().find("connection: close") == std::string::npos);
  CHECK(answers(server.port(), "/", "two"));
  server.swap(hello_app("three"));
  client.get("/");
  CHECK(client.read_until("three"));
}

TEST_CASE("[threads] a request that runs stays with its application, which is gone when swap returns") {
  Flag has_begun;
  Flag may_end;
  const auto owned = std::make_shared<int>(1);
  Server server = [&] {
    App app;
    app.get("/slow", [&, owned](Request& request) -> Task<std::string> {
      has_begun.set();
      while (!may_end.is_set()) co_await request.sleep(1ms);
      co_return "slow " + std::to_string(*owned);
    });
    return serve(app);
  }();
  BlockingClient slow(server.port());
  slow.get("/slow");
  has_begun.wait();
  std::atomic<bool> has_swapped = false;
  StopReport report;
  std::thread thread([&] {
    report = server.swap(hello_app(), {.grace = 1h});
    has_swapped = true;
  });
  while (!answers(server.port())) {  // the next ones have the new application already
  }
  CHECK(!has_swapped);
  may_end.set();
  thread.join();
  CHECK(slow.read_until("slow 1"));
  CHECK(report.completed == 1);
  CHECK(owned.use_count() == 1);
  slow.get("/");
  CHECK(slow.read_until("hello"));
}

TEST_CASE("[threads] swap tells streams at once, cancels and cuts off what doesn't end") {
  Flag has_begun;
  App app;
  app.get("/stream", [] {
    return Response::stream([](ResponseWriter& out) -> Task<void> {
      while (true) {
        co_await out.write("tick\n");
        co_await out.request().sleep(1ms);
      }
    });
  });
  app.get("/waiting", [&](Request& request) -> Task<void> {
    has_begun.set();
    co_await request.sleep(1h);
  });
  app.get("/stubborn", [&](Request& request) -> Task<void> {
    has_begun.set();
    for (int i = 0; i < 1'000'000; ++i) {
      try {
        co_await request.sleep(1h);
      } catch (const Cancelled&) {
      }
    }
  });
  Server server = serve(app);
  BlockingClient client(server.port());
  StopReport report;
  SUBCASE("a stream") {
    client.get("/stream");
    CHECK(client.read_until("tick"));
    report = server.swap(hello_app(), {.grace = 1h, .disconnect = 1h});
    CHECK(report.disconnected == 1);
  }
  SUBCASE("one that waits") {
    client.get("/waiting");
    has_begun.wait();
    report = server.swap(hello_app(), {.grace = 1ms, .disconnect = 1h});
    CHECK(report.disconnected == 1);
    REQUIRE(report.held_up.size() == 1);
    CHECK(report.held_up[0].starts_with("GET /waiting ("));
    CHECK(client.read_until("503"));
  }
  SUBCASE("one that doesn't listen") {
    client.get("/stubborn");
    has_begun.wait();
    report = server.swap(hello_app(), {1ms, 1ms, 1ms});
    CHECK(report.aborted == 1);
    CHECK(!client.read_to_end());
  }
  CHECK(answers(server.port()));
}

TEST_CASE("[threads] swap under load loses nothing") {
  Server server = serve(hello_app("round 0\n"), {.threads = 2});
  std::atomic<bool> is_over = false;
  std::atomic<int> lost = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back([&] {
      BlockingClient client(server.port());
      while (!is_over) {
        client.forget();
        client.get("/");
        if (!client.read_until("round ")) ++lost;
        if (!answers(server.port(), "/", "round ")) ++lost;
      }
    });
  }
  for (int round = 1; round <= 100; ++round) {
    const std::string text = "round " + std::to_string(round) + "\n";
    server.swap(hello_app(text), {.grace = 1h});
    CHECK(answers(server.port(), "/", text));
  }
  is_over = true;
  for (std::thread& client : clients) client.join();
  CHECK(lost == 0);
}

TEST_CASE("[threads] who swaps while the server stops is told, and so is a handler") {
  Flag has_begun;
  std::optional<Server> server;
  Flag is_set;  // that the handle was stored before a request came is nothing a thread can rely on
  App app = hello_app();
  app.get("/slow", [&](Request& request) -> Task<void> {
    has_begun.set();
    co_await request.sleep(1h);
  });
  app.get("/swap", [&]() -> std::string {
    is_set.wait();
    try {
      server->swap(hello_app());
    } catch (const Error& error) {
      return error.what();
    }
    return "swapped";
  });
  server = serve(app);
  is_set.set();
  CHECK(answers(server->port(), "/swap", "own thread"));
  BlockingClient slow(server->port());
  slow.get("/slow");
  has_begun.wait();
  std::atomic<bool> was_told = false;
  std::thread thread([&] {
    try {
      server->swap(hello_app("new"), {.grace = 1h});
    } catch (const Error& error) {
      was_told = error.kind() == ErrorKind::State;
    }
  });
  while (!answers(server->port(), "/", "new")) {
  }
  const StopReport report = server->stop({1ms, 1h, 1h});
  thread.join();
  CHECK(report.disconnected == 1);
  CHECK_THROWS_AS(server->swap(hello_app()), Error);
}

}  // namespace
}  // namespace outrider
