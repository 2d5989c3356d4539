// SPDX-License-Identifier: MIT
// Options, troubles and several servers at once.

#include <outrider/outrider.h>

#include <chrono>
#include <iostream>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "client.h"

using client::expect;
using outrider::App;
using outrider::Config;
using outrider::HandlerError;
using outrider::LogLevel;
using namespace std::chrono_literals;

namespace {

std::mutex lines_mutex;  // callbacks come from the server's threads
std::vector<std::string> lines;

void keep(std::string line) {
  const std::lock_guard lock(lines_mutex);
  lines.push_back(std::move(line));
}

Config make_config() {
  Config config;
  config.threads = 2;  // handlers then run at the same time
  config.limits.body_bytes_max = 1024 * 1024;
  config.limits.keep_alive_timeout = 20s;
  config.stop_policy = {.grace = 500ms, .disconnect = 100ms, .cancel = 100ms, .streams_have_grace = true};
  config.log = [](LogLevel level, std::string_view line) {
    keep(std::string(to_string(level)) + ": " + std::string(line));
  };
  config.on_error = [](const HandlerError& error) { keep(error.message()); };
  return config;
}

bool is_told_that_the_port_is_taken(const outrider::Server& server) {
  try {
    auto second = outrider::serve(App(), {.port = server.port()});
  } catch (const outrider::Error& error) {
    std::cout << error.what() << "\n";  // can't bind 127.0.0.1:41873 (another server has it; …)
    return error.kind() == outrider::ErrorKind::Bind && error.code() == EADDRINUSE;
  }
  return false;
}

}  // namespace

int main() {
  App app;
  app.get("/", [] { return "hello"; });
  app.get("/broken", []() -> std::string { throw std::runtime_error("out of oats"); });

  auto server = outrider::serve(app, make_config());
  expect(client::get(server.port(), "/broken").status == 500, "the error's answer");
  expect(is_told_that_the_port_is_taken(server), "a start that fails says why");

  auto another = outrider::serve(app, {.bind = {"127.0.0.1:0", "127.0.0.2:0"}});
  expect(another.addresses().size() == 2, "two places");
  expect(client::get(another.port(), "/").body == "hello", "a second server of the same app");

  server.stop();
  another.stop(outrider::StopPolicy::immediate());
  expect(lines.size() == 3, "a line for the start, one for the error, one for the stop");
  expect(lines[1] == "GET /broken: out of oats", "the error");
}
