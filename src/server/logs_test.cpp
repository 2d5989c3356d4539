// SPDX-License-Identifier: MIT

// The logs of whole servers: their options, their threads, requests' ids on the C++ face. Cases whose name begins
// with
// "[threads]" are run under the thread sanitizer as well.

#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "outrider/outrider.h"
#include "testing/blocking_client.h"
#include "testing/file_text.h"
#include "testing/temporary_folder.h"

namespace outrider {
namespace {

using testing::BlockingClient;
using testing::read_file;
using testing::TemporaryFolder;

// What several threads say.
class Lines {
 public:
  void add(std::string_view line) {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(line);
  }
  std::vector<std::string> all() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

App app_with_ids() {
  App app;
  app.get("/id", [](Request& request) { return "id=" + std::string(request.id()) + "."; });
  app.get("/later", [](Request& request) -> Task<std::string> {
    co_await request.sleep(std::chrono::milliseconds(1));
    co_return "id=" + std::string(request.id()) + ".";
  });
  app.get("/throws", []() -> std::string { throw std::runtime_error("out of oats"); });
  return app;
}

// The whole response to a request on a connection of its own.
std::string get(uint16_t port, const std::string& path, const std::string& fields = {}) {
  BlockingClient client(port);
  client.send("GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + fields + "\r\n");
  client.read_to_end();
  return client.received();
}

std::string between(const std::string& text, const std::string& before, const std::string& after) {
  const std::size_t begin = text.find(before);
  if (begin == std::string::npos) return "nothing";
  const std::size_t from = begin + before.size();
  return text.substr(from, text.find(after, from) - from);
}

std::string message_of(Config config) {
  try {
    const Server server = serve(App(), std::move(config));
  } catch (const Error& error) {
    CHECK(error.kind() != ErrorKind::Bind);
    return error.what();
  }
  return "no error";
}

TEST_CASE("the access log goes to a file, in the format combined unless told otherwise") {
  TemporaryFolder folder;
  const std::string path = folder.path_of("log");
  {
    const Server server = serve(app_with_ids(), {.access_log = {.path = path}});
    get(server.port(), "/id", "User-Agent: test\r\n");
  }
  CHECK(read_file(path).find("127.0.0.1 - - [") == 0);
  CHECK(read_file(path).find("] \"GET /id HTTP/1.1\" 200 4 \"-\" \"test\"\n") != std::string::npos);
  {
    const Server server = serve(app_with_ids(), {.access_log = {.format = "%U", .path = path}});
    get(server.port(), "/none");
  }
  CHECK(read_file(path).find("\"test\"\n/none\n") != std::string::npos);
}

TEST_CASE("the access log goes to a function, and what that throws is ignored") {
  Lines lines;
  const auto write = [&](std::string_view line) {
    lines.add(line);
    throw std::runtime_error("mine");
  };
  Server server = serve(app_with_ids(), {.access_log = {.format = "json", .write = write}});
  get(server.port(), "/id");
  get(server.port(), "/none");
  server.stop();
  REQUIRE(lines.all().size() == 2);
  CHECK(lines.all()[0].find("\"target\":\"/id\"") != std::string::npos);
  CHECK(lines.all()[0].find("\"duration_us\":0,") == std::string::npos);  // the time is taken
  CHECK(lines.all()[1].find("\"status\":404,") != std::string::npos);
}

TEST_CASE("[threads] several threads append whole lines to one file, which is rotated meanwhile") {
  TemporaryFolder folder;
  const std::string path = folder.path_of("log");
  const std::string rotated = folder.path_of("log.1");
  constexpr int kClients = 4;
  constexpr int kRequests = 50;
  {
    Server server = serve(app_with_ids(), {.threads = 3, .access_log = {.format = "%U %s", .path = path}});
    std::vector<std::thread> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.emplace_back([&server] {
        for (int j = 0; j < kRequests; ++j) get(server.port(), "/id");
      });
    }
    get(server.port(), "/id");
    REQUIRE(std::rename(path.c_str(), rotated.c_str()) == 0);
    server.reopen_access_log();
    for (std::thread& client : clients) client.join();
    get(server.port(), "/id");
  }
  const std::string text = read_file(rotated) + read_file(path);
  CHECK(!read_file(path).empty());
  std::istringstream stream(text);
  int count = 0;
  for (std::string line; std::getline(stream, line); ++count) CHECK(line == "/id 200");
  CHECK(count == kClients * kRequests + 2);
}

TEST_CASE("a log that isn't a file can't be opened again") {
  const auto message = [](Server server) -> std::string {
    try {
      server.reopen_access_log();
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::State);
      return error.what();
    }
    return "no error";
  };
  CHECK(message(serve(App())) == "the server writes no access log to a file");
  CHECK(message(serve(App(), {.access_log = {.fd = STDERR_FILENO}})).find("it has no path") != std::string::npos);
}

TEST_CASE("mistakes in the options of the logs are named") {
  const auto write = [](std::string_view) {};
  CHECK(message_of({.access_log = {.format = "combined"}}) ==
        "Config::access_log has a format, but no path, fd or write to log to");
  CHECK(message_of({.access_log = {.path = "x", .write = write}}) ==
        "Config::access_log names several of path, fd and write: choose one");
  CHECK(message_of({.access_log = {.format = "%y", .write = write}}).find("the directive '%y'") != std::string::npos);
  CHECK(message_of({.access_log = {.path = "/no/such/folder/log"}}) ==
        "can't open the access log /no/such/folder/log: No such file or directory");
  CHECK(message_of({.request_id = "x y"}).find("'x y'") != std::string::npos);
  CHECK(message_of({.trust_request_id = true}).find("Config::trust_request_id") == 0);
}

TEST_CASE("a request's id is the handler's, the response's and the error's") {
  Lines errors;
  const Config config{.request_id = "X-Request-ID",
                      .on_error = [&](const HandlerError& error) { errors.add(error.message()); }};
  Server server = serve(app_with_ids(), config);
  for (const char* path : {"/id", "/later"}) {
    const std::string response = get(server.port(), path, "x-request-id: forged\r\n");
    const std::string id = between(response, "x-request-id: ", "\r\n");
    CHECK(id.size() == 36);
    CHECK(between(response, "id=", ".") == id);
  }
  const std::string id = between(get(server.port(), "/throws"), "x-request-id: ", "\r\n");
  server.stop();
  CHECK(errors.all() == std::vector<std::string>{"GET /throws (request id " + id + "): out of oats"});
}

TEST_CASE("without the option a handler sees no id") {
  const Server server = serve(app_with_ids());
  CHECK(between(get(server.port(), "/id", "x-request-id: theirs\r\n"), "id=", ".").empty());
}

TEST_CASE("a trusted id is kept") {
  const Server server = serve(app_with_ids(), {.request_id = "x-request-id", .trust_request_id = true});
  const std::string response = get(server.port(), "/id", "X-Request-Id: from-the-proxy\r\n");
  CHECK(between(response, "id=", ".") == "from-the-proxy");
  CHECK(between(response, "x-request-id: ", "\r\n") == "from-the-proxy");
}

TEST_CASE("the log has what is at or above its level") {
  const std::pair<LogLevel, std::set<LogLevel>> cases[] = {
      {LogLevel::Debug, {LogLevel::Debug, LogLevel::Info, LogLevel::Error}},
      {LogLevel::Info, {LogLevel::Info, LogLevel::Error}},
      {LogLevel::Warning, {LogLevel::Error}},
      {LogLevel::Error, {LogLevel::Error}},
  };
  for (const auto& [least, expected] : cases) {
    std::mutex mutex;
    std::set<LogLevel> seen;
    std::string refusal;
    const auto log = [&](LogLevel level, std::string_view message) {
      const std::lock_guard lock(mutex);
      seen.insert(level);
      if (level == LogLevel::Debug) refusal = message;
    };
    Server server = serve(app_with_ids(), {.log = log, .log_level = least});
    get(server.port(), "/throws");
    get(server.port(), "no-path");
    server.stop();
    CHECK(seen == expected);
    if (least != LogLevel::Debug) continue;
    CHECK(refusal.find("refused a request of 127.0.0.1:") == 0);
    CHECK(refusal.find(" with 400: ") != std::string::npos);
  }
}

}  // namespace
}  // namespace outrider
