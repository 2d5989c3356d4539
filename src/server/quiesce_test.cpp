// SPDX-License-Identifier: MIT

// Server::quiesce(): what runs ends, what is idle closes, nothing new begins; then the server goes on.

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
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

TEST_CASE("[threads] quiesce waits for what runs, closes what is idle, and goes on") {
  Flag has_begun;
  std::atomic<bool> may_end = false;
  std::atomic<bool> has_ended = false;
  App app = hello_app();
  app.get("/slow", [&](Request& request) -> Task<std::string> {
    has_begun.set();
    while (!may_end) co_await request.sleep(1ms);
    has_ended = true;
    co_return "slow";
  });
  Server server = serve(app, {.threads = 2});
  CHECK(server.quiesce());
  std::vector<BlockingClient> idle;
  for (int i = 0; i < 8; ++i) {
    idle.emplace_back(server.port());
    idle.back().get("/");
    CHECK(idle.back().read_until("hello"));
  }
  BlockingClient busy(server.port());
  busy.get("/slow");
  has_begun.wait();
  CHECK(!server.quiesce(1ms));  // and it has gone on
  CHECK(answers(server.port()));
  for (BlockingClient& client : idle) CHECK(client.read_to_end());

  BlockingClient idle_again(server.port());
  idle_again.get("/");
  CHECK(idle_again.read_until("hello"));
  std::atomic<bool> was_quiet = false;
  std::thread thread([&] { was_quiet = server.quiesce(20s) && has_ended; });
  CHECK(idle_again.read_to_end());  // held from now on
  BlockingClient waiting(server.port());
  waiting.get("/");
  may_end = true;
  thread.join();
  CHECK(was_quiet);
  CHECK(waiting.read_until("hello"));
  CHECK(busy.read_until("slow"));
  CHECK(busy.received().find("connection: close\r\n") != std::string::npos);
  server.stop();
  CHECK_THROWS_AS(server.quiesce(), Error);
}

TEST_CASE("[threads] quiesce cuts no connection that has still to send its first request, or sends it") {
  Server server = serve(hello_app());
  CHECK(server.quiesce(0ms));
  BlockingClient fresh(server.port());
  BlockingClient begun(server.port());
  begun.send("GET / HT");
  CHECK(answers(server.port()));  // they have been accepted by now
  CHECK(server.quiesce(std::chrono::milliseconds::max()));
  fresh.get("/");
  begun.send("TP/1.1\r\nhost: a\r\n\r\n");
  CHECK(fresh.read_until("hello"));
  CHECK(begun.read_until("hello"));
  CHECK(fresh.received().find("connection: close") == std::string::npos);
}

TEST_CASE("[threads] quiesce with a policy ends what runs by its stages, and goes on with the same handlers") {
  std::atomic<int> begun = 0;
  std::atomic<int> ended = 0;
  App app = hello_app();
  app.get("/waits", [&](Request& request) -> Task<std::string> {
    ++begun;
    try {
      co_await request.sleep(1h);
    } catch (const Cancelled&) {
      ++ended;
    }
    co_return "told";
  });
  app.get("/ticks", [&] {
    return Response::stream([&](ResponseWriter& out) -> Task<void> {
      try {
        while (true) {
          co_await out.write("tick");
          co_await out.request().sleep(1ms);
        }
      } catch (const Cancelled&) {
        ++ended;
      }
      co_await out.write("the end");
    });
  });
  Server server = serve(app, {.threads = 2});
  CHECK(server.quiesce(StopPolicy()).disconnected == 0);
  for (int round = 1; round <= 2; ++round) {
    BlockingClient waiting(server.port());
    waiting.get("/waits");
    BlockingClient streaming(server.port());
    streaming.get("/ticks");
    CHECK(streaming.read_until("tick"));
    while (begun < round) std::this_thread::yield();
    const StopReport report = server.quiesce({1ms, 20s, 20s, false});
    CHECK(report.disconnected == 2);
    CHECK(ended == 2 * round);
    CHECK(waiting.read_until("told"));
    CHECK(streaming.read_until("the end"));
    CHECK(answers(server.port()));
  }
  server.stop();
  CHECK_THROWS_AS(server.quiesce(StopPolicy()), Error);
}

TEST_CASE("[threads] who quiesces a server that is stopped is told") {
  Flag has_begun;
  App app = hello_app();
  app.get("/slow", [&](Request& request) -> Task<void> {
    has_begun.set();
    co_await request.sleep(1h);
  });
  Server server = serve(app);
  BlockingClient busy(server.port());
  busy.get("/slow");
  has_begun.wait();
  BlockingClient idle(server.port());
  idle.get("/");
  CHECK(idle.read_until("hello"));
  std::atomic<bool> was_told = false;
  std::thread thread([&] {
    try {
      server.quiesce(20s);
    } catch (const Error& error) {
      was_told = error.kind() == ErrorKind::State;
    }
  });
  CHECK(idle.read_to_end());
  const StopReport report = server.stop({1ms, 1ms, 1ms, true});
  thread.join();
  CHECK(was_told);
  REQUIRE(report.held_up.size() == 1);
  CHECK(report.held_up[0].starts_with("GET /slow (0."));
}

}  // namespace
}  // namespace outrider
