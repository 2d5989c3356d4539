// SPDX-License-Identifier: MIT

// A server and the process around it: run() and its signals, callbacks, SIGPIPE, fork.

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "outrider/outrider.h"
#include "testing/blocking_client.h"
#include "testing/hello_app.h"

namespace outrider {
namespace {

using namespace std::chrono_literals;
using testing::answers;
using testing::BlockingClient;
using testing::hello_app;

TEST_CASE("in a forked child a server is a stopped one, and the parent's goes on") {
  std::optional<Server> server = serve(hello_app(), {.threads = 2});
  const uint16_t port = server->port();
  BlockingClient idle(port);
  idle.get("/");
  CHECK(idle.read_until("hello"));
  int to_child[2];
  REQUIRE(::pipe(to_child) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(to_child[1]);
    bool is_stopped = !server->is_running() && server->stop().aborted == 0;
    try {
      server->quiesce();
      is_stopped = false;
    } catch (const Error&) {
    }
    server.reset();
    char until_the_parent_says_so;
    [[maybe_unused]] const auto count = ::read(to_child[0], &until_the_parent_says_so, 1);
    ::_exit(is_stopped ? 7 : 1);
  }
  CHECK(answers(port));
  server->stop();
  CHECK(idle.read_to_end());  // the child's copy doesn't keep the connection
  CHECK_NOTHROW(serve(hello_app(), {.port = port}).stop());
  ::close(to_child[0]);
  ::close(to_child[1]);
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 7));
}

TEST_CASE("a peer that hangs up in the middle of a response doesn't end the process") {
  struct sigaction before {};
  struct sigaction deadly {};
  deadly.sa_handler = SIG_DFL;
  ::sigaction(SIGPIPE, &deadly, &before);
  App app = hello_app();
  app.get("/large", [] { return std::string(10'000'000, 'x'); });
  {
    const Server server = serve(app);
    for (int i = 0; i < 20; ++i) {
      BlockingClient client(server.port());
      client.get("/large");
      client.get("/large");
      client.read_until("xxx");
    }
    CHECK(answers(server.port()));
  }
  struct sigaction after {};
  ::sigaction(SIGPIPE, &before, &after);
  CHECK((after.sa_handler == SIG_DFL));  // the server blocked it in its own threads, and left the process alone
}

TEST_CASE("run() serves until a signal and restores what it handled") {
  struct sigaction before {};
  ::sigaction(SIGTERM, nullptr, &before);
  for (const int signal : {SIGTERM, SIGINT}) {
    const auto on_ready = [&](Server& server) {
      CHECK(answers(server.port()));
      ::kill(::getpid(), signal);
    };
    const StopReport report = run(hello_app(), {.on_ready = on_ready});
    CHECK(report.aborted == 0);
  }
  struct sigaction after {};
  ::sigaction(SIGTERM, nullptr, &after);
  CHECK((after.sa_handler == before.sa_handler));
}

TEST_CASE("[threads] on_ready and on_stop are called once each, and what they throw hurts nobody") {
  std::vector<std::string> calls;
  Config config;
  config.threads = 3;
  config.on_ready = [&](Server& server) { calls.push_back(answers(server.port()) ? "ready" : "deaf"); };
  config.on_stop = [&](const StopReport& report) {
    calls.push_back(report.to_string().substr(0, 7));
    throw std::runtime_error("nobody hears this");
  };
  serve(hello_app(), config).stop();
  CHECK(calls == std::vector<std::string>{"ready", "stopped"});

  uint16_t port = 0;
  config.on_ready = [&](Server& server) {
    port = server.port();
    throw std::runtime_error("not today");
  };
  CHECK_THROWS_WITH(serve(hello_app(), config), "not today");
  CHECK(!answers(port));
  CHECK(calls.size() == 3);
}

TEST_CASE("a second signal doesn't wait for what the first one waits for") {
  App app;
  app.get("/", [](Request& request) -> Task<std::string> {
    ::kill(::getpid(), SIGTERM);
    co_await request.sleep(30ms);
    ::kill(::getpid(), SIGTERM);
    co_await request.sleep(1h);
    co_return "";
  });
  std::optional<BlockingClient> client;
  const auto on_ready = [&](Server& server) { client.emplace(server.port()).get("/"); };
  const StopReport report = run(app, {.on_ready = on_ready});
  CHECK(report.elapsed < 10s);
  CHECK(report.completed == 0);
}

TEST_CASE("run() ends when a handler stops the server, and only one at a time handles signals") {
  App app;
  std::string refused;
  app.get("/", [&](Request& request) {
    try {
      run(hello_app());
    } catch (const Error& error) {
      refused = error.what();
    }
    request.stop_server(StopPolicy::immediate());
    return "stopping";
  });
  run(app, {.on_ready = [](Server& server) { CHECK(answers(server.port(), "/", "stopping")); }});
  CHECK(refused == "run() is under way in another thread; use serve() for further servers");
}

}  // namespace
}  // namespace outrider
