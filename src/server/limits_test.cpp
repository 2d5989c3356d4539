// SPDX-License-Identifier: MIT

// What a whole server takes on at once, whichever of its loop threads it comes to; and what every response has.

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "outrider/outrider.h"
#include "testing/blocking_client.h"
#include "testing/hello_app.h"

namespace outrider {
namespace {

using testing::BlockingClient;
using testing::hello_app;

TEST_CASE("[threads] connections are limited over all loop threads") {
  Config config{.threads = 3};
  config.limits.connections_max = 4;
  const Server server = serve(hello_app(), config);
  std::vector<std::unique_ptr<BlockingClient>> clients;
  int answered = 0;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(std::make_unique<BlockingClient>(server.port()));
    clients.back()->get("/");
    if (clients.back()->read_until("hello")) ++answered;
  }
  CHECK(answered == 4);
}

TEST_CASE("[threads] connections from one address are limited over all loop threads") {
  Config config{.threads = 3};
  config.limits.connections_per_address_max = 2;
  const Server server = serve(hello_app(), config);
  std::vector<std::unique_ptr<BlockingClient>> clients;
  int answered = 0;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(std::make_unique<BlockingClient>(server.port()));
    clients.back()->get("/");
    if (clients.back()->read_until("hello")) ++answered;
  }
  CHECK(answered == 2);
}

TEST_CASE("[threads] requests at the same time are limited over all loop threads") {
  Config config{.threads = 3};
  config.limits.exchanges_max = 2;
  App app = hello_app();
  std::atomic<int> begun = 0;
  app.get("/waits", [&begun](Request& request) -> Task<std::string> {
    begun.fetch_add(1);
    begun.notify_all();
    co_await request.sleep(std::chrono::hours(1));
    co_return "";
  });
  Server server = serve(app, config);
  std::vector<std::unique_ptr<BlockingClient>> clients;
  int refused = 0;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(std::make_unique<BlockingClient>(server.port()));
    clients.back()->get("/waits");
    if (i < 2) {
      begun.wait(i);  // so that they are the first
    } else if (clients.back()->read_until("retry-after: 1")) {
      ++refused;
    }
  }
  CHECK(refused == 4);
  server.stop(StopPolicy::immediate());
}

TEST_CASE("every response has the default headers, errors and what the handler said otherwise included") {
  Config config;
  config.headers = {{"x-frame-options", "DENY"}, {"Server", "mine"}};
  App app = hello_app();
  app.get("/framed", [] { return Response("x").add_header("X-Frame-Options", "SAMEORIGIN"); });
  const Server server = serve(app, config);
  BlockingClient client(server.port());
  client.get("/");
  CHECK(client.read_until("hello"));
  CHECK(client.received().find("x-frame-options: DENY\r\nServer: mine\r\n") != std::string::npos);
  CHECK(client.received().find("outrider") == std::string::npos);
  BlockingClient other(server.port());
  other.get("/framed");
  CHECK(other.read_until("\r\n\r\nx"));
  CHECK(other.received().find("DENY") == std::string::npos);
  BlockingClient wrong(server.port());
  wrong.send("nonsense\r\n\r\n");
  CHECK(wrong.read_to_end());
  CHECK(wrong.received().find("x-frame-options: DENY\r\n") != std::string::npos);
}

TEST_CASE("default headers that no response could have are refused, by name") {
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"a b", ""}, {"x", "a\nb"}, {"Content-Length", "5"}, {"connection", "close"}}) {
    Config config;
    config.headers = {{name, value}};
    CHECK_THROWS_WITH_AS(serve(hello_app(), config), doctest::Contains(("'" + name + "'").c_str()), Error);
  }
}

}  // namespace
}  // namespace outrider
