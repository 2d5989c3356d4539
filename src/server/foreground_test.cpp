// SPDX-License-Identifier: MIT

// run(): a server as the program, until a signal.

#include <doctest/doctest.h>

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
