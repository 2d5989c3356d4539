// SPDX-License-Identifier: MIT

// testing::Mock: what it answers, what it writes down, what it says.

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "outrider/outrider.h"
#include "outrider/testing.h"
#include "testing/blocking_client.h"
#include "testing/hello_app.h"
#include "testing/secured_client.h"

namespace outrider {
namespace {

using namespace std::chrono_literals;
using testing::Answer;
using testing::BlockingClient;
using testing::Flag;
using testing::Mock;
using testing::MockFailure;
using testing::MockRequest;
using testing::SecuredClient;

std::string request_text(const std::string& method, const std::string& target, const std::string& body = {},
                         const std::string& fields = {}) {
  return method + " " + target + " HTTP/1.1\r\nhost: a\r\nconnection: close\r\n" + fields +
         (body.empty() ? "" : "content-length: " + std::to_string(body.size()) + "\r\n") + "\r\n" + body;
}

// All that comes back on a connection of its own.
std::string ask(const Mock& mock, const std::string& method, const std::string& target, const std::string& body = {},
                const std::string& fields = {}) {
  BlockingClient client(mock.port());
  client.send(request_text(method, target, body, fields));
  client.read_to_end();
  return client.received();
}

int status_of(const std::string& response) { return response.empty() ? 0 : std::stoi(response.substr(9)); }
std::string body_of(const std::string& response) { return response.substr(response.find("\r\n\r\n") + 4); }

template <class F>
std::string message_of(F function) {
  try {
    function();
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

TEST_CASE("a mock answers with status, headers and body") {
  Mock mock;
  mock.get("/weather/{place}", Answer::json(R"({"degrees":21})"));
  mock.get("/plain", Answer{.status = 418, .headers = {{"x-kind", "pot"}}, .body = "short and stout"});
  mock.post("/empty");
  mock.put("/a", Answer::content("<p>", "text/html", 201))
      .patch("/a", Answer{.status = 202})
      .del("/a", Answer{.status = 204});
  mock.route("PURGE", "/cache/{rest...}", Answer{.status = 299});
  const std::string weather = ask(mock, "GET", "/weather/oslo");
  CHECK(status_of(weather) == 200);
  CHECK(weather.find("content-type: application/json\r\n") != std::string::npos);
  CHECK(body_of(weather) == R"({"degrees":21})");
  const std::string plain = ask(mock, "GET", "/plain");
  CHECK(status_of(plain) == 418);
  CHECK(plain.find("x-kind: pot\r\n") != std::string::npos);
  CHECK(plain.find("content-type: text/plain; charset=utf-8\r\n") != std::string::npos);
  const std::string empty = ask(mock, "POST", "/empty");
  CHECK(status_of(empty) == 200);
  CHECK(empty.find("content-type") == std::string::npos);
  CHECK(status_of(ask(mock, "PUT", "/a")) == 201);
  CHECK(status_of(ask(mock, "PATCH", "/a")) == 202);
  CHECK(status_of(ask(mock, "DELETE", "/a")) == 204);
  CHECK(status_of(ask(mock, "PURGE", "/cache/x/y")) == 299);
  CHECK(status_of(ask(mock, "HEAD", "/plain")) == 418);
  CHECK(mock.unexpected() == "");
}

TEST_CASE("a mock writes down what it was asked for") {
  Mock mock;
  mock.post("/orders/{id}", Answer{.status = 201});
  ask(mock, "POST", "/orders/a%20b?x=1+2&y=3", "the body", "X-Token: abc\r\n");
  const std::vector<MockRequest> requests = mock.requests();
  REQUIRE(requests.size() == 1);
  const MockRequest& request = requests[0];
  CHECK(request.method == "POST");
  CHECK(request.path == "/orders/a%20b");
  CHECK(request.query == "x=1+2&y=3");
  CHECK(request.body == "the body");
  CHECK(request.is_complete);
  CHECK(request.route == "/orders/{id}");
  CHECK(request.parameter("id") == "a b");
  CHECK_THROWS_AS(request.parameter("di"), std::out_of_range);
  CHECK(request.header("x-token") == "abc");
  CHECK(request.header("X-TOKEN") == "abc");
  CHECK(!request.header("x-other"));
  CHECK(request.query_value("x") == "1 2");
  CHECK(!request.query_value("z"));
  CHECK(request.to_string() == "POST /orders/a%20b?x=1+2&y=3 \"the body\"");
}

TEST_CASE("a mock counts by method and by any pattern, also one that no route has") {
  Mock mock;
  mock.get("/weather/{place}");
  ask(mock, "GET", "/weather/oslo");
  ask(mock, "GET", "/weather/rome?unit=c");
  ask(mock, "HEAD", "/weather/rome");
  CHECK(mock.count("GET", "/weather/{anything}") == 2);
  CHECK(mock.count("GET", "/weather/rome") == 1);
  CHECK(mock.count("HEAD", "/weather/rome") == 1);
  CHECK(mock.count("GET", "/{rest...}") == 2);
  CHECK(mock.was_called("GET", "/weather/oslo"));
  CHECK(!mock.was_called("POST", "/weather/oslo"));
  CHECK(!mock.was_called("GET", "/weather"));
  CHECK(mock.requests("GET", "/weather/rome").at(0).query == "unit=c");
  CHECK_THROWS_AS(mock.count("GET", "weather"), std::invalid_argument);
}

TEST_CASE("a mock's route for every method answers what no route for the method does") {
  Mock mock;
  mock.assert_not_called();
  mock.route("*", "/{rest...}", Answer{.status = 299}).get("/a");
  CHECK(status_of(ask(mock, "GET", "/a")) == 200);
  CHECK(status_of(ask(mock, "HEAD", "/a")) == 200);
  CHECK(status_of(ask(mock, "POST", "/a")) == 299);
  CHECK(status_of(ask(mock, "BREW", "/b/c")) == 299);
  CHECK(mock.count("*", "/a") == 3);
  CHECK_THROWS_AS(mock.assert_not_called(), MockFailure);
  mock.check();
}

TEST_CASE("a mock's answers come one after the other, and the last one stays") {
  Mock mock;
  mock.get("/flaky", Answer{.status = 503}, Answer{.status = 500}, Answer{});
  std::vector<int> statuses;
  for (int i = 0; i < 5; ++i) statuses.push_back(status_of(ask(mock, "GET", "/flaky")));
  CHECK(statuses == std::vector<int>{503, 500, 200, 200, 200});
  mock.get("/flaky", Answer{.status = 410});  // takes the place of all that
  CHECK(status_of(ask(mock, "GET", "/flaky")) == 410);
}

TEST_CASE("a mock's function makes the answer of the request, and may wait while others are answered") {
  Flag may_answer;
  Mock mock;
  mock.post("/orders", [&mock](const MockRequest& request) {
    return Answer{.status = 201, .body = request.body + " is number " + std::to_string(mock.requests().size())};
  });
  mock.get("/held", [&](const MockRequest&) {
    may_answer.wait();
    return Answer{};
  });
  BlockingClient held(mock.port());
  held.send(request_text("GET", "/held"));
  mock.wait_for("GET", "/held", 20s);
  CHECK(body_of(ask(mock, "POST", "/orders", "tea")) == "tea is number 2");
  may_answer.set();
  held.read_to_end();
  CHECK(status_of(held.received()) == 200);
}

TEST_CASE("a mock's function that throws, or answers what can't be, is a 500 and unexpected") {
  std::atomic<int> errors_told = 0;
  Mock mock({.on_error = [&](const HandlerError&) { ++errors_told; }});
  mock.get("/throws", [](const MockRequest&) -> Answer { throw std::runtime_error("no idea"); });
  mock.get("/status", [](const MockRequest&) { return Answer{.status = 99}; });
  mock.get("/header", Answer{.headers = {{"x y", "z"}}});
  for (const char* path : {"/throws", "/status", "/header"}) CHECK(status_of(ask(mock, "GET", path)) == 500);
  const std::string text = mock.unexpected();
  CHECK(text.find("GET /throws: no idea\n") != std::string::npos);
  CHECK(text.find("GET /status: an Answer has the status 99; expected 200 to 999\n") != std::string::npos);
  CHECK(text.find("GET /header: ") != std::string::npos);
  CHECK(errors_told == 3);
  mock.forget();
  CHECK(mock.unexpected() == "");
}

TEST_CASE("what no route of a mock answers is a 404 that lists the routes, and is unexpected") {
  Mock mock;
  CHECK(body_of(ask(mock, "GET", "/x")) == "this mock has no route for GET /x: it has none at all\n");
  mock.get("/weather/{place}").post("/orders");
  const std::string response = ask(mock, "DELETE", "/orders", "why");
  CHECK(status_of(response) == 404);
  CHECK(body_of(response) ==
        "this mock has no route for DELETE /orders; it has\n  GET /weather/{place}\n  POST /orders\n");
  CHECK(status_of(ask(mock, "OPTIONS", "*")) == 404);
  CHECK(message_of([&] { mock.check(); }).starts_with("the mock was asked for what it doesn't expect:\nGET /x (no"));
  CHECK(mock.unexpected() == "GET /x (no route)\nDELETE /orders \"why\" (no route)\nOPTIONS * (no route)\n");
  CHECK(mock.requests().at(1).route == "");
  CHECK(mock.count("DELETE", "/orders") == 1);
}

TEST_CASE("a mock drops a connection, cuts a response, and answers late") {
  Mock mock;
  mock.get("/gone", Answer{.drop = true});
  mock.get("/half", Answer{.status = 203, .body = "0123456789", .cut_after = 4});
  mock.get("/head_only", Answer{.headers = {{"content-type", "image/png"}}, .body = "0123456789", .cut_after = 0});
  mock.get("/late", Answer{.body = "late", .delay = 20ms});
  CHECK(ask(mock, "GET", "/gone") == "");
  const std::string half = ask(mock, "GET", "/half");
  CHECK(half.starts_with("HTTP/1.1 203 "));
  CHECK(half.find("content-length: 10\r\n") != std::string::npos);
  CHECK(body_of(half) == "0123");
  const std::string head = ask(mock, "GET", "/head_only");
  CHECK(head.find("content-type: image/png\r\n") != std::string::npos);
  CHECK(head.find("text/plain") == std::string::npos);
  CHECK(head.ends_with("\r\n\r\n"));
  const auto began = std::chrono::steady_clock::now();
  CHECK(body_of(ask(mock, "GET", "/late")) == "late");
  CHECK(std::chrono::steady_clock::now() - began >= 20ms);
  CHECK(mock.requests().size() == 4);
  CHECK(mock.unexpected() == "");  // all of it was meant
}

TEST_CASE("a mock's end doesn't wait for an answer's delay") {
  const auto began = std::chrono::steady_clock::now();
  {
    Mock mock;
    mock.get("/", Answer{.delay = 1h});
    BlockingClient client(mock.port());
    client.send(request_text("GET", "/"));
    mock.wait_for("GET", "/", 20s);
  }
  CHECK(std::chrono::steady_clock::now() - began < 1h);
}

TEST_CASE("an answer that a mock can't give is refused at once, with what is wrong") {
  Mock mock;
  CHECK(message_of([&] { mock.get("/", Answer{.status = 100}); }) ==
        "an Answer has the status 100; expected 200 to 999");
  CHECK(message_of([&] { mock.get("/", Answer{.delay = -1ms}); }) ==
        "an Answer has a delay of -1 ms; it can't be negative");
  CHECK(message_of([&] { mock.get("/", Answer{.body = "abc", .cut_after = 3}); }) ==
        "an Answer is to be cut after 3 bytes, but its body has only 3");
  CHECK(message_of([&] { mock.get("/", Mock::Function()); }) == "the function of GET / is null");
  CHECK_THROWS_AS(mock.get("nowhere"), std::invalid_argument);
  CHECK_THROWS_AS(mock.route("NOT A METHOD", "/"), std::invalid_argument);
  mock.get("/{a}");
  CHECK(message_of([&] { mock.get("/{b}"); }) == "the route GET /{b} is there already, as GET /{a}");
  CHECK(status_of(ask(mock, "GET", "/x")) == 200);
  CHECK(status_of(ask(mock, "GET", "/")) == 404);  // nothing of what was refused is left
}

TEST_CASE("a mock's failed expectation says what was asked for, the nearest first") {
  Mock mock;
  mock.get("/weather/{place}").post("/order");
  CHECK(message_of([&] { mock.assert_called("POST", "/orders"); }) ==
        "POST /orders wasn't asked for\nnothing was asked for\n");
  ask(mock, "GET", "/weather/oslo");
  ask(mock, "POST", "/order", R"({"item":1})");
  CHECK(message_of([&] { mock.assert_called("POST", "/orders"); }) ==
        "POST /orders wasn't asked for\nwhat was asked for:\n  POST /order \"{\"item\":1}\"\n  GET /weather/oslo\n");
  CHECK(mock.describe() == "what was asked for:\n  GET /weather/oslo\n  POST /order \"{\"item\":1}\"\n");
  CHECK(message_of([&] {
          mock.assert_called("GET", "/weather/oslo", 2);
        }).starts_with("GET /weather/oslo was asked for 1 time, expected 2\n"));
  CHECK(message_of([&] {
          mock.assert_not_called("POST", "/order");
        }).starts_with("POST /order was asked for 1 time, expected 0\n"));
  mock.assert_called("POST", "/order");
  mock.assert_called("POST", "/order", 1);
  mock.assert_not_called("POST", "/orders");
}

TEST_CASE("waiting for a mock's request ends with it, or with what came instead") {
  Mock mock;
  mock.post("/hook");
  std::thread client([&] {
    ask(mock, "POST", "/hook", "first");
    ask(mock, "POST", "/hook", "second");
  });
  CHECK(mock.wait_for("POST", "/hook", 20s, 2).body == "second");
  client.join();
  CHECK(mock.wait_for("POST", "/hook").body == "first");  // it came already
  CHECK_THROWS_AS(mock.wait_for("GET", "/hook", 1ms), MockFailure);
  CHECK(message_of([&] { mock.wait_for("POST", "/hook", 1ms, 3); }) ==
        "POST /hook was asked for 2 times, expected 3 within 1 ms\n"
        "what was asked for:\n  POST /hook \"first\"\n  POST /hook \"second\"\n");
  CHECK_THROWS_AS(mock.wait_for("POST", "/hook", 1ms, 0), std::invalid_argument);
}

TEST_CASE("a mock keeps the last requests, as many and as large as its limits say") {
  Mock mock({}, {.requests_max = 3, .body_bytes_max = 8});
  mock.post("/{n}");
  for (const char* path : {"/1", "/2", "/3", "/4", "/5"}) ask(mock, "POST", path);
  CHECK(mock.requests().size() == 3);
  CHECK(mock.requests().front().path == "/3");
  CHECK(mock.describe() == "what was asked for:\n  POST /3\n  POST /4\n  POST /5\nand before them 2, forgotten\n");
  CHECK(status_of(ask(mock, "POST", "/6", "12345678")) == 200);
  CHECK(status_of(ask(mock, "POST", "/7", "123456789")) == 413);
  CHECK(mock.requests().back().body == "12345678");
  CHECK(!mock.requests().back().is_complete);
  Mock small({}, {.bytes_max = 3000});
  small.post("/{n}");
  ask(small, "POST", "/1", std::string(1000, 'x'));
  ask(small, "POST", "/2", std::string(1000, 'x'));
  ask(small, "POST", "/3", std::string(100'000, 'x'));
  CHECK(small.requests().size() == 1);  // the last one is kept, whatever it has
  CHECK(small.requests().back().path == "/3");
}

TEST_CASE("a mock writes down a request whose client goes before all of it is sent") {
  Mock mock;
  mock.post("/upload", Answer{.status = 201}, Answer{.status = 202});
  {
    BlockingClient client(mock.port());
    client.send("POST /upload HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf");
  }
  const MockRequest request = mock.wait_for("POST", "/upload", 20s);
  CHECK(!request.is_complete);
  CHECK(request.route == "/upload");
  CHECK(request.to_string() == "POST /upload \"half\" (its body isn't complete)");
  CHECK(status_of(ask(mock, "POST", "/upload")) == 201);  // the first answer was still to be given
}

TEST_CASE("a mock that is reset has neither requests nor routes, one that forgets has its routes") {
  Mock mock;
  mock.get("/a");
  ask(mock, "GET", "/a");
  ask(mock, "GET", "/b");
  mock.forget();
  CHECK(mock.requests().empty());
  CHECK(mock.unexpected() == "");
  CHECK(status_of(ask(mock, "GET", "/a")) == 200);
  mock.reset();
  CHECK(mock.requests().empty());
  CHECK(status_of(ask(mock, "GET", "/a")) == 404);
}

TEST_CASE("a mock speaks https by a throw-away authority, and breaks off there as well") {
  Mock mock({.tls = TlsConfig::throw_away()});
  mock.get("/", Answer{.body = "secured"}).get("/gone", Answer{.drop = true});
  mock.get("/half", Answer{.body = "0123456789", .cut_after = 4});
  CHECK(mock.url().starts_with("https://127.0.0.1:"));
  SecuredClient client(mock);
  CHECK(client.get("/", "\r\n\r\nsecured"));
  CHECK(!client.get("/gone", "securedHTTP"));
  SecuredClient other(mock);
  CHECK(!other.get("/half", "012345"));
  CHECK(other.tls.received().ends_with("\r\n\r\n0123"));
  mock.assert_called("GET", "/{path}", 2);
}

TEST_CASE("a mock that is stopped is an API that is down") {
  Mock mock;
  mock.get("/");
  CHECK(status_of(ask(mock, "GET", "/")) == 200);
  mock.server().stop();
  CHECK(!BlockingClient(mock.port()).is_connected());
  mock.assert_called("GET", "/", 1);
}

TEST_CASE("[threads] a mock is asked, changed and looked at by many threads") {
  Mock mock({.threads = 2});
  mock.get("/{n}", [](const MockRequest& request) { return Answer{.body = request.parameter("n")}; });
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 10; ++n) {
        if (body_of(ask(mock, "GET", "/" + std::to_string(i))) == std::to_string(i)) ++answered;
        mock.post("/" + std::to_string(i), Answer{.status = 200 + n});
        mock.describe();
      }
    });
  }
  mock.wait_for("GET", "/{n}", 20s, 40);
  for (std::thread& thread : threads) thread.join();
  CHECK(answered == 40);
  CHECK(mock.count("GET", "/{n}") == 40);
}

}  // namespace
}  // namespace outrider
