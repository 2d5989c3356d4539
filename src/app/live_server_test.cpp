// SPDX-License-Identifier: MIT

// testing::LiveServer, as the fixture that it is for.

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "outrider/outrider.h"
#include "outrider/testing.h"
#include "testing/blocking_client.h"
#include "testing/hello_app.h"

namespace outrider {
namespace {

using namespace std::chrono_literals;
using testing::BlockingClient;
using testing::LiveServer;

App watched_app() {
  App app = testing::hello_app();
  app.get("/fails", []() -> std::string { throw std::runtime_error("out of tea"); });
  app.get("/ticks", [] {
    return Response::stream([](ResponseWriter& out) -> Task<void> {
      while (true) {
        co_await out.write("tick");
        co_await out.request().sleep(5ms);
      }
    });
  });
  return app;
}

struct Watched : LiveServer {
  Watched() : LiveServer(watched_app()) {}

  void ask(const std::string& path) {
    BlockingClient client(port());
    client.send("GET " + path + " HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    client.read_to_end();
    answer = client.received();
  }
  std::string answer;
};

TEST_CASE_FIXTURE(Watched, "a live server accepts once it is made, and tells what it was asked for") {
  CHECK(url() == "http://127.0.0.1:" + std::to_string(port()));
  ask("/");
  CHECK(answer.ends_with("\r\n\r\nhello"));
  ask("/nowhere?a=b");
  settle();
  CHECK(requests() == std::vector<std::string>{"GET / 200", "GET /nowhere?a=b 404"});
  CHECK(errors().empty());
  CHECK(end_test() == "");
  CHECK(requests().empty());
}

TEST_CASE_FIXTURE(Watched, "a live server's test ends with what handlers let out") {
  ask("/");
  ask("/fails");
  CHECK(answer.starts_with("HTTP/1.1 500 "));
  CHECK(errors() == std::vector<std::string>{"GET /fails: out of tea"});
  const std::string text = end_test();
  CHECK(text.find("GET / 200\nGET /fails 500\n") != std::string::npos);
  CHECK(text.ends_with("GET /fails: out of tea\n"));
  CHECK(errors().empty());
  CHECK(end_test() == "");
}

TEST_CASE_FIXTURE(Watched, "a live server that settles has ended what a test left behind, and goes on") {
  BlockingClient left_behind(port());
  left_behind.get("/ticks");
  CHECK(left_behind.read_until("tick"));
  settle();
  CHECK(requests() == std::vector<std::string>{"GET /ticks 200"});
  left_behind.read_to_end();
  ask("/");
  CHECK(answer.ends_with("\r\n\r\nhello"));
  server().stop();
  settle();  // there is nothing left
  CHECK(end_test() == "");
}

TEST_CASE("a live server calls the program's own log and on_error, and leaves its access log alone") {
  std::vector<std::string> lines, errors, access;
  Config config;
  config.log = [&](LogLevel, std::string_view line) { lines.emplace_back(line); };
  config.on_error = [&](const HandlerError& error) { errors.push_back(error.message()); };
  config.access_log = {.format = "%U", .write = [&](std::string_view line) { access.emplace_back(line); }};
  {
    LiveServer server(watched_app(), config);
    CHECK(testing::answers(server.port(), "/fails", "500"));
    server.settle();
    CHECK(server.requests().empty());
    CHECK(server.errors().size() == 1);
  }
  CHECK(errors == std::vector<std::string>{"GET /fails: out of tea"});
  CHECK(access == std::vector<std::string>{"/fails"});
  config.on_error = {};
  lines.clear();
  {
    LiveServer server(watched_app(), config);
    CHECK(testing::answers(server.port(), "/fails", "500"));
    server.settle();
    CHECK(server.errors().size() == 1);
  }
  CHECK(std::count(lines.begin(), lines.end(), "a handler failed: GET /fails: out of tea") == 1);
}

TEST_CASE("a live server keeps the last lines only") {
  LiveServer server(testing::hello_app());
  std::string pipelined;
  const std::size_t count = LiveServer::kKept + 3;
  for (std::size_t i = 0; i < count; ++i) pipelined += "GET /" + std::to_string(i) + " HTTP/1.1\r\nhost: a\r\n\r\n";
  BlockingClient client(server.port());
  client.send(pipelined + "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  client.read_to_end();
  server.settle();
  REQUIRE(server.requests().size() == LiveServer::kKept);
  CHECK(server.requests().front() == "GET /4 404");
  CHECK(server.requests().back() == "GET / 200");
}

TEST_CASE("a live server with a throw-away authority has https") {
  LiveServer server(testing::hello_app(), {.tls = TlsConfig::throw_away()});
  CHECK(server.url().starts_with("https://127.0.0.1:"));
  CHECK(server.ca_pem().starts_with("-----BEGIN CERTIFICATE-----"));
}

}  // namespace
}  // namespace outrider
