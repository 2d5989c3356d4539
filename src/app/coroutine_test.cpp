// SPDX-License-Identifier: MIT

// What coroutine handlers wait for, and how their waits end.

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "app/dispatcher.h"
#include "outrider/outrider.h"
#include "server/engine.h"
#include "testing/app_harness.h"

namespace outrider::app {
namespace {

using namespace std::chrono_literals;
using Served = testing::AppHarness<server::Engine, Dispatcher, Site>;
using testing::MemoryClient;

std::string post(std::size_t length, const std::string& fields = {}) {
  return Served::request("POST", "/", fields + "content-length: " + std::to_string(length) + "\r\n");
}

bool ends_with(const MemoryClient& client, std::string_view text) { return client.received().ends_with(text); }

Task<std::string> echo(Request& request) { co_return co_await request.body(); }

TEST_CASE("body() completes with the whole body, however it comes") {
  App app;
  app.post("/", echo);
  Served served(app);
  CHECK(served.exchange(post(5) + "hello").ends_with("\r\n\r\nhello"));
  CHECK(served.exchange(post(0)).ends_with("content-length: 0\r\n\r\n"));
  CHECK(served.exchange(Served::request("POST", "/")).ends_with("content-length: 0\r\n\r\n"));
  CHECK(served
            .exchange(Served::request("POST", "/", "transfer-encoding: chunked\r\n") +
                      "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")
            .ends_with("\r\n\r\nhello"));
  const std::string large(1'000'000, 'x');
  MemoryClient& client = served.connect();
  client.send(post(large.size()));
  client.send_cut(large, 33'333);
  served.settle();
  CHECK(ends_with(client, large));
  CHECK(served.dispatcher().run_count() == 0);
}

TEST_CASE("body() asks a peer to go on that waits for it") {
  App app;
  app.post("/", echo);
  Served served(app);
  MemoryClient& client = served.connect();
  client.send(post(5, "expect: 100-continue\r\n"));
  served.settle();
  CHECK(client.received() == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hello");
  served.settle();
  CHECK(ends_with(client, "\r\n\r\nhello"));
}

TEST_CASE("a body above the handler's limit is refused with 413, at the limit it is taken") {
  App app;
  app.post("/", [](Request& request) -> Task<std::string> { co_return co_await request.body(10); });
  Served served(app);
  CHECK(served.exchange(post(10) + "0123456789").ends_with("0123456789"));
  // The length that is announced is enough.
  CHECK(served.exchange(post(11)).starts_with("HTTP/1.1 413 "));
  CHECK(served.exchange(post(11)).ends_with("the body has more than 10 bytes\n"));
  CHECK(served.exchange(Served::request("POST", "/", "transfer-encoding: chunked\r\n") + "b\r\n0123456789a\r\n")
            .starts_with("HTTP/1.1 413 "));
  CHECK(served.errors().empty());
}

TEST_CASE("read() gives the body's pieces as they come, then nothing") {
  App app;
  std::vector<std::string> pieces;
  app.post("/", [&](Request& request) -> Task<std::string> {
    for (std::string_view piece = co_await request.read(); !piece.empty(); piece = co_await request.read()) {
      pieces.emplace_back(piece);
    }
    CHECK((co_await request.read()).empty());
    co_return "done";
  });
  Served served(app);
  MemoryClient& client = served.connect();
  client.send(post(9) + "one");
  served.settle();
  client.send("two");
  served.settle();
  client.send("end");
  served.settle();
  CHECK(pieces == std::vector<std::string>{"one", "two", "end"});
  CHECK(ends_with(client, "done"));
}

TEST_CASE("a body that nobody reads stays with the peer") {
  App app;
  app.post("/", [](Request& request) -> Task<std::string> {
    co_await request.sleep(30ms);
    std::size_t size = 0;
    for (std::string_view piece = co_await request.read(); !piece.empty(); piece = co_await request.read()) {
      size += piece.size();
    }
    co_return std::to_string(size);
  });
  Limits limits;
  limits.body_buffer_bytes_max = 1000;
  Served served(app, limits);
  MemoryClient& client = served.connect();
  client.send(post(5000));
  client.send_cut(std::string(5000, 'b'), 500);
  served.settle();
  CHECK(!client.is_being_read());
  CHECK(served.run_until([&] { return ends_with(client, "\r\n\r\n5000"); }));
}

TEST_CASE("sleep() lasts as long as it was asked for, and several at once don't disturb each other") {
  App app;
  std::vector<std::string> order;
  app.get("/{ms}", [&](Request& request, int ms) -> Task<std::string> {
    const auto began = std::chrono::steady_clock::now();
    co_await request.sleep(std::chrono::milliseconds(ms));
    CHECK(std::chrono::steady_clock::now() - began >= std::chrono::milliseconds(ms));
    order.emplace_back(request.parameter("ms"));
    co_return "slept";
  });
  Served served(app);
  std::vector<MemoryClient*> clients;
  for (const char* path : {"/60", "/0", "/30", "/1"}) {
    clients.push_back(&served.connect());
    clients.back()->send(Served::request("GET", path));
  }
  for (MemoryClient* client : clients) CHECK(served.run_until([&] { return ends_with(*client, "slept"); }));
  CHECK(order == std::vector<std::string>{"0", "1", "30", "60"});
}

TEST_CASE("offload() runs a function elsewhere and comes back to the loop") {
  App app;
  const std::thread::id loop_thread = std::this_thread::get_id();
  app.get("/value", [&](Request& request) -> Task<std::string> {
    const auto work = [&] { return std::this_thread::get_id(); };
    const std::thread::id worker = co_await request.offload(work);
    CHECK(worker != loop_thread);
    CHECK(std::this_thread::get_id() == loop_thread);
    co_return "value";
  });
  app.get("/nothing", [](Request& request) -> Task<void> { co_await request.offload([] {}); });
  app.get("/throws", [](Request& request) -> Task<void> {
    co_await request.offload([] { throw std::runtime_error("from the pool"); });
  });
  Served served(app);
  for (const char* path : {"/value", "/nothing", "/throws"}) {
    MemoryClient& client = served.connect();
    client.send(Served::request("GET", path));
    CHECK(served.run_until([&] { return !client.received().empty(); }));
  }
  CHECK(served.errors() == std::vector<std::string>{"GET /throws: from the pool"});
}

// A handler that says how its wait ended.
template <class Wait>
auto waiting(std::string& outcome, Wait wait) {
  return [&outcome, wait](Request& request) -> Task<std::string> {
    const std::stop_token token = request.stop_token();
    outcome = "waiting";
    try {
      co_await wait(request);
      outcome = "completed";
    } catch (const Cancelled&) {
      outcome = "cancelled";
    }
    outcome += token.stop_requested() ? ", told" : ", not told";
    // The request can still be read, whatever happened to the exchange.
    outcome += ", " + std::string(request.path()) + (request.is_disconnected() ? ", disconnected" : "");
    co_return "end";
  };
}

TEST_CASE("a handler that waits is cancelled when its peer goes") {
  std::string outcome;
  App app;
  app.get("/sleep", waiting(outcome, [](Request& request) { return request.sleep(1h); }));
  app.post("/", waiting(outcome, [](Request& request) { return request.body(); }));
  app.post("/read", waiting(outcome, [](Request& request) { return request.read(); }));
  struct Case {
    std::string request;
    std::string outcome;
  };
  const Case cases[] = {
      {Served::request("GET", "/sleep"), "cancelled, told, /sleep, disconnected"},
      {post(5) + "he", "cancelled, told, /, disconnected"},
      {Served::request("POST", "/read", "content-length: 5\r\n"), "cancelled, told, /read, disconnected"},
  };
  for (const Case& test : cases) {
    for (const bool resets : {true, false}) {
      CAPTURE(test.request);
      CAPTURE(resets);
      Served served(app);
      MemoryClient& client = served.connect();
      client.send(test.request);
      served.settle();
      CHECK(outcome == "waiting");
      if (resets) {
        client.reset();
      } else {
        client.end();
      }
      served.settle();
      CHECK(outcome == test.outcome);
      CHECK(served.dispatcher().run_count() == 0);
      CHECK(served.errors().empty());
    }
  }
}

TEST_CASE("a handler that lets its cancellation pass is answered with 503 when somebody may still read") {
  App app;
  app.get("/", [](Request& request) -> Task<std::string> {
    co_await request.sleep(1h);
    co_return "";
  });
  Served served(app);
  MemoryClient& client = served.connect();
  client.send(Served::request("GET", "/"));
  client.end();
  served.settle();
  CHECK(client.received().starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
  CHECK(client.received().find("connection: close\r\n") != std::string::npos);
  CHECK(served.errors().empty());
}

TEST_CASE("a stop tells handlers, cancels those that go on, and reports both") {
  App app;
  int cancelled = 0;
  app.get("/told", [](Request& request) -> Task<std::string> {
    co_await request.sleep(1h);
    co_return "";
  });
  app.get("/stubborn", [&](Request& request) -> Task<Response> {
    while (true) {
      try {
        co_await request.sleep(1h);
      } catch (const Cancelled&) {
        if (++cancelled > 1) break;
      }
    }
    co_return Response::stream([&](ResponseWriter& out) -> Task<void> {
      while (true) co_await out.write("on and on\n");
    });
  });
  Served served(app);
  MemoryClient& told = served.connect();
  told.send(Served::request("GET", "/told"));
  MemoryClient& stubborn = served.connect();
  stubborn.send(Served::request("GET", "/stubborn"));
  stubborn.stop_taking();
  served.settle();
  CHECK(served.stop({10ms, 10ms, 10ms, false}));
  CHECK(told.received().starts_with("HTTP/1.1 503 "));
  CHECK(cancelled == 2);
  CHECK(served.report().disconnected == 1);
  CHECK(served.report().cancelled + served.report().aborted == 1);
  CHECK(served.dispatcher().run_count() == 0);
}

TEST_CASE("a handler that never lets go doesn't keep the others, nor the end, waiting") {
  App app;
  const auto witness = std::make_shared<int>(0);
  app.get("/", [&witness](Request& request) -> Task<std::string> {
    const auto held = witness;
    while (true) {
      try {
        co_await request.sleep(1h);
      } catch (const Cancelled&) {
      }
    }
    co_return "";
  });
  app.post("/", [&witness](Request& request) -> Task<std::string> {
    const auto held = witness;
    while (true) {
      try {
        co_await request.body();
      } catch (const Cancelled&) {
      }
    }
    co_return "";
  });
  app.get("/yields", [&witness](Request& request) -> Task<std::string> {
    const auto held = witness;
    while (true) co_await request.sleep(0ns);
    co_return "";
  });
  app.get("/other", [] { return "other"; });
  Served served(app);
  for (const std::string& request : {Served::request("GET", "/"), post(1), Served::request("GET", "/yields")}) {
    MemoryClient& client = served.connect();
    client.send(request);
    client.end();
  }
  MemoryClient& other = served.connect();
  other.send(Served::request("GET", "/other"));
  CHECK(served.run_until([&] { return ends_with(other, "other"); }));
  CHECK(served.stop({1ms, 1ms, 1ms, false}));
  CHECK(witness.use_count() == 1);
}

TEST_CASE("a handler that offloads again and again, whatever comes of it, doesn't hold the end up") {
  App app;
  int rounds = 0;
  app.get("/", [&](Request& request) -> Task<void> {
    const auto work = [] { std::this_thread::sleep_for(1ms); };
    while (true) {
      try {
        ++rounds;
        co_await request.offload(work);
      } catch (const std::exception&) {
      }
    }
  });
  Served served(app);
  MemoryClient& client = served.connect();
  client.send(Served::request("GET", "/"));
  CHECK(served.run_until([&] { return rounds > 3; }));
  CHECK(served.stop(StopPolicy::immediate()));
  CHECK(served.dispatcher().run_count() == 0);
}

TEST_CASE("an offloaded function isn't abandoned: its handler, and the end, wait for it") {
  App app;
  bool was_completed = false;
  std::atomic<bool> has_begun = false;
  app.get("/", [&](Request& request) -> Task<std::string> {
    const auto work = [&] {
      has_begun = true;
      std::this_thread::sleep_for(50ms);
      return 7;
    };
    was_completed = co_await request.offload(work) == 7;
    co_await request.sleep(1h);  // throws: the exchange has long gone
    co_return "";
  });
  Served served(app);
  MemoryClient& client = served.connect();
  client.send(Served::request("GET", "/"));
  CHECK(served.run_until([&] { return has_begun.load(); }));
  CHECK(served.stop());
  CHECK(was_completed);
  CHECK(served.report().aborted == 1);
}

TEST_CASE("an offloaded function that no thread has begun isn't run any more when its exchange is cancelled") {
  App app;
  std::atomic<int> begun = 0;
  std::binary_semaphore go(0);
  std::vector<std::string> outcomes;
  app.get("/", [&](Request& request) -> Task<std::string> {
    const auto work = [&] {
      ++begun;
      go.acquire();
    };
    try {
      co_await request.offload(work);
      outcomes.push_back("run");
    } catch (const Cancelled&) {
      outcomes.push_back("cancelled");
    }
    co_return "";
  });
  Served served(app, {}, 1);
  for (int i = 0; i < 3; ++i) {
    MemoryClient& client = served.connect();
    client.send(Served::request("GET", "/"));
    served.settle();
    CHECK(served.run_until([&] { return begun == 1; }));
  }
  served.begin_stop(StopPolicy::immediate());
  served.settle();
  CHECK(outcomes == std::vector<std::string>{"cancelled", "cancelled"});
  go.release();
  CHECK(served.finish_stop());
  CHECK(begun == 1);
}

TEST_CASE("what an offloaded function returned is given once") {
  App app;
  app.get("/", [](Request& request) -> Task<std::string> {
    const auto work = [] { return std::string("once"); };
    auto offload = request.offload(work);
    const std::string first = co_await offload;
    co_return first + co_await offload;
  });
  Served served(app);
  MemoryClient& client = served.connect();
  client.send(Served::request("GET", "/"));
  CHECK(served.run_until([&] { return client.received().starts_with("HTTP/1.1 500 "); }));
  CHECK(served.errors() == std::vector<std::string>{"GET /: an offload() was awaited twice: its result is taken"});
}

struct Forever {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<>) const {}
  void await_resume() const {}
};

TEST_CASE("a coroutine that waits for something of its own is destroyed at the end") {
  App app;
  const auto witness = std::make_shared<int>(0);
  app.get("/", [&witness](Request&) -> Task<std::string> {
    const auto held = witness;
    co_await Forever();
    co_return "";
  });
  Served served(app);
  served.get("/");
  CHECK(witness.use_count() == 2);
  CHECK(served.stop());
  CHECK(witness.use_count() == 1);
}

TEST_CASE("a handler's captures live as long as its coroutine, without the App") {
  std::string long_text(200, 'c');
  auto app = std::make_unique<App>();
  app->get("/", [long_text](Request& request) -> Task<std::string> {
    co_await request.sleep(5ms);
    co_return long_text;
  });
  Served served(*app);
  app.reset();
  MemoryClient& client = served.connect();
  client.send(Served::request("GET", "/"));
  CHECK(served.run_until([&] { return ends_with(client, long_text); }));
}

TEST_CASE("informational responses precede the response") {
  App app;
  app.get("/", [](Request& request) -> Task<std::string> {
    request.inform(103, {{"link", "</a.css>; rel=preload"}});
    co_await request.sleep(1ms);
    request.inform(103, {{"link", "</b.css>; rel=preload"}});
    co_return "page";
  });
  app.get("/bad", [](Request& request) { request.inform(200, {}); });
  app.get("/bad-field", [](Request& request) { request.inform(103, {{"a b", ""}}); });
  Served served(app);
  MemoryClient& client = served.connect();
  client.send(Served::request("GET", "/"));
  CHECK(served.run_until([&] { return ends_with(client, "page"); }));
  CHECK(
      client.received().starts_with("HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n"
                                    "HTTP/1.1 103 Early Hints\r\nlink: </b.css>; rel=preload\r\n\r\n"
                                    "HTTP/1.1 200 OK\r\n"));
  CHECK(served.get("/bad").starts_with("HTTP/1.1 500 "));
  CHECK(served.get("/bad-field").starts_with("HTTP/1.1 500 "));
  CHECK(served.errors().size() == 2);
}

TEST_CASE("a handler can ask for the stop of its server") {
  App app;
  app.post("/", [](Request& request) {
    request.stop_server();
    return "bye";
  });
  Served served(app);
  CHECK(served.exchange(post(0)).ends_with("bye"));
  CHECK(served.stops_requested() == 1);
}

}  // namespace
}  // namespace outrider::app
