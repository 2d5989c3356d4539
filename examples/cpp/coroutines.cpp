// SPDX-License-Identifier: MIT
// Handlers that wait: for a body, for time, for a thread, and not for peers that have gone.

#include <outrider/outrider.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "client.h"

using client::expect;
using outrider::App;
using outrider::Cancelled;
using outrider::Request;
using outrider::Response;
using outrider::Task;
using namespace std::chrono_literals;

namespace {

std::atomic<bool> is_waiting{false};
std::atomic<bool> has_cleaned_up{false};

// A coroutine of your own; awaiting it gives its value, or its exception.
Task<std::string> greeting(Request& request) {
  const std::string name = co_await request.body(1024);  // more than 1024 bytes: 413
  co_return "hello, " + name;
}

App make_app() {
  App app;
  app.get("/slow", [](Request& request) -> Task<Response> {
    co_await request.sleep(10ms);  // other requests are answered meanwhile
    co_return "done";
  });

  app.post("/greet", [](Request& request) -> Task<std::string> { co_return co_await greeting(request) + "!"; });

  app.post("/upload", [](Request& request) -> Task<std::string> {
    std::size_t size = 0;
    // Piece by piece, as it comes. While nobody reads, the peer can't send: memory stays bounded.
    for (auto piece = co_await request.read(); !piece.empty(); piece = co_await request.read()) size += piece.size();
    co_return std::to_string(size) + " bytes";
  });

  app.get("/sum/{count}", [](Request& request, int count) -> Task<std::string> {
    // What blocks or computes runs in the server's thread pool, not in the loop.
    const auto work = [count] {
      std::vector<long> numbers(static_cast<std::size_t>(count));
      std::iota(numbers.begin(), numbers.end(), 1);
      return std::accumulate(numbers.begin(), numbers.end(), 0L);
    };
    co_return std::to_string(co_await request.offload(work));
  });

  app.get("/patient", [](Request& request) -> Task<std::string> {
    is_waiting = true;
    try {
      co_await request.sleep(1h);
    } catch (const Cancelled&) {  // the peer has gone, or the server stops
      has_cleaned_up = true;
      throw;
    }
    co_return "an hour later";
  });

  app.get("/hints", [](Request& request) -> Task<Response> {
    request.inform(103, {{"link", "</style.css>; rel=preload"}});  // early hints
    co_await request.sleep(5ms);
    co_return Response::html("<link rel=stylesheet href=/style.css>");
  });
  return app;
}

}  // namespace

int main() {
  auto server = outrider::serve(make_app());
  const uint16_t port = server.port();
  expect(client::get(port, "/slow").body == "done", "a handler that sleeps");
  expect(client::ask(port, "POST", "/greet", "Ada").body == "hello, Ada!", "a body");
  expect(client::ask(port, "POST", "/greet", std::string(1025, 'x')).status == 413, "a limit");
  expect(client::ask(port, "POST", "/upload", std::string(3'000'000, 'x')).body == "3000000 bytes", "an upload");
  expect(client::get(port, "/sum/100000").body == "5000050000", "a thread's result");
  expect(client::get(port, "/hints").head.starts_with("HTTP/1.1 103 Early Hints"), "early hints");

  std::thread visitor([port] { expect(client::get(port, "/patient").status == 503, "the stop's answer"); });
  while (!is_waiting) std::this_thread::sleep_for(1ms);
  const outrider::StopReport report = server.stop({.grace = 20ms});
  visitor.join();
  expect(has_cleaned_up && report.disconnected == 1, "a handler that was told to end");
}
