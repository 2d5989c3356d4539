// SPDX-License-Identifier: MIT

// Handlers of every shape, and what is answered without one.

#include "outrider/handler.h"

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "app/dispatcher.h"
#include "outrider/outrider.h"
#include "server/engine.h"
#include "testing/app_harness.h"

namespace outrider::app {
namespace {

using Served = testing::AppHarness<server::Engine, Dispatcher, Site>;

std::string text_response(int status, const std::string& reason, const std::string& text) {
  return "HTTP/1.1 " + std::to_string(status) + " " + reason + "\r\ncontent-type: text/plain; charset=utf-8\r\n" +
         "content-length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
}
std::string ok(const std::string& text) { return text_response(200, "OK", text); }

std::string free_function() { return "free"; }
const char* with_request(Request& request) { return request.path() == "/with_request" ? "seen" : "other"; }
Task<std::string> free_coroutine(int number) { co_return std::to_string(number + 1); }
struct Functor {
  std::string name;
  std::string operator()(std::string_view other) const { return name + " and " + std::string(other); }
};

TEST_CASE("a handler may be any kind of function and return any kind of text") {
  App app;
  app.get("/literal", [] { return "literal"; });
  app.get("/string", [] { return std::string(100, 's'); });
  app.get("/large", [] { return std::string(100'000, 'l'); });
  app.get("/view", []() -> std::string_view { return "view"; });
  app.get("/nothing", [] {});
  app.get("/free", free_function);
  app.get("/with_request", &with_request);
  app.get("/coroutine/{n}", free_coroutine);
  app.get("/functor/{x}", Functor{"one"});
  app.get("/noexcept", []() noexcept { return "noexcept"; });
  app.get("/mutable", [count = 0]() mutable { return std::to_string(++count); });
  app.get("/moved", [text = std::make_unique<std::string>("moved")] { return *text; });
  Served served(app);
  CHECK(served.get("/literal") == ok("literal"));
  CHECK(served.get("/string") == ok(std::string(100, 's')));
  CHECK(served.get("/large") == ok(std::string(100'000, 'l')));
  CHECK(served.get("/view") == ok("view"));
  CHECK(served.get("/nothing") == "HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(served.get("/free") == ok("free"));
  CHECK(served.get("/with_request") == ok("seen"));
  CHECK(served.get("/coroutine/41") == ok("42"));
  CHECK(served.get("/functor/two") == ok("one and two"));
  CHECK(served.get("/noexcept") == ok("noexcept"));
  CHECK(served.get("/mutable") == ok("1"));
  CHECK(served.get("/mutable") == ok("2"));
  CHECK(served.get("/moved") == ok("moved"));
  CHECK(served.dispatcher().run_count() == 0);
}

TEST_CASE("a task may return what a function may") {
  App app;
  app.get("/string", []() -> Task<std::string> { co_return "string"; });
  app.get("/literal", []() -> Task<const char*> { co_return "literal"; });
  app.get("/response", []() -> Task<Response> { co_return Response::html("<p>"); });
  app.get("/text", []() -> Task<Response> { co_return "text"; });
  app.get("/nothing", []() -> Task<void> { co_return; });
  Served served(app);
  CHECK(served.get("/string") == ok("string"));
  CHECK(served.get("/literal") == ok("literal"));
  CHECK(served.get("/response").ends_with("content-type: text/html; charset=utf-8\r\ncontent-length: 3\r\n\r\n<p>"));
  CHECK(served.get("/text") == ok("text"));
  CHECK(served.get("/nothing") == "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST_CASE("path parameters are converted by position, with the request at any place") {
  App app;
  app.get("/int/{n}", [](int n) { return std::to_string(n); });
  app.get("/unsigned/{n}", [](uint8_t n) { return std::to_string(n); });
  app.get("/long/{n}", [](long n) { return std::to_string(n); });
  app.get("/double/{x}", [](double x) { return std::to_string(x); });
  app.get("/text/{x}", [](const std::string& x) { return x; });
  app.get("/view/{x}", [](std::string_view x) { return std::string(x); });
  app.get("/rest/{x...}", [](std::string x) { return x; });
  app.get("/two/{a}/{b}", [](int a, std::string b) { return b + std::to_string(a); });
  app.get("/first/{a}", [](Request& request, int a) { return std::string(request.method()) + std::to_string(a); });
  app.get("/last/{a}",
          [](int a, Request& request) { return std::string(request.parameter("a")) + std::to_string(a); });
  app.get("/named/{a}/{b}",
          [](Request& request) { return std::string(request.parameter("b")) + std::string(request.parameter("a")); });
  Served served(app);
  CHECK(served.get("/int/-7") == ok("-7"));
  CHECK(served.get("/unsigned/255") == ok("255"));
  CHECK(served.get("/long/1234567890123") == ok("1234567890123"));
  CHECK(served.get("/double/-2.5e1") == ok("-25.000000"));
  CHECK(served.get("/text/a%20b%2Fc") == ok("a b/c"));
  CHECK(served.get("/view/%C3%A9+") == ok("\xc3\xa9+"));
  CHECK(served.get("/rest/a/b%20c/") == ok("a/b c/"));
  CHECK(served.get("/two/1/%78") == ok("x1"));
  CHECK(served.get("/first/5") == ok("GET5"));
  CHECK(served.get("/last/%35") == ok("55"));
  CHECK(served.get("/named/%31/2") == ok("21"));
}

TEST_CASE("a parameter that isn't what the handler takes is not found") {
  App app;
  bool was_called = false;
  app.get("/int/{n}", [&](int) { was_called = true; });
  app.get("/byte/{n}", [&](uint8_t) { was_called = true; });
  app.get("/double/{x}", [&](double) { was_called = true; });
  Served served(app);
  for (const char* path : {"/int/x", "/int/1x", "/int/%201", "/int/1.0", "/int/99999999999", "/byte/256", "/byte/-1",
                           "/double/1,5", "/double/x"}) {
    CAPTURE(path);
    CHECK(served.get(path) == text_response(404, "Not Found", "Not Found\n"));
  }
  CHECK(!was_called);
}

TEST_CASE("a path nobody answers is 404, one that isn't encoded 400") {
  App app;
  app.get("/{x}", [](std::string x) { return x; });
  Served served(app);
  CHECK(served.get("/a/b") == text_response(404, "Not Found", "Not Found\n"));
  CHECK(served.get("/100%") ==
        text_response(400, "Bad Request", "the path is not percent-encoded, or encodes a NUL\n"));
  CHECK(served.get("/a%00") ==
        text_response(400, "Bad Request", "the path is not percent-encoded, or encodes a NUL\n"));
}

TEST_CASE("another method is 405 with Allow, and OPTIONS is answered by itself") {
  App app;
  app.get("/x", [] { return "x"; });
  app.post("/x", [] { return "posted"; });
  app.options("/own", [] { return "own"; });
  app.route("LINK", "/linked", [] { return "linked"; });
  Served served(app);
  CHECK(served.exchange(Served::request("DELETE", "/x")) ==
        "HTTP/1.1 405 Method Not Allowed\r\ncontent-type: text/plain; charset=utf-8\r\n"
        "allow: GET, HEAD, POST, OPTIONS\r\ncontent-length: 19\r\n\r\nMethod Not Allowed\n");
  CHECK(served.exchange(Served::request("OPTIONS", "/x")) ==
        "HTTP/1.1 204 No Content\r\nallow: GET, HEAD, POST, OPTIONS\r\n\r\n");
  CHECK(served.exchange(Served::request("OPTIONS", "*")) ==
        "HTTP/1.1 204 No Content\r\nallow: GET, HEAD, POST, OPTIONS, LINK\r\n\r\n");
  CHECK(served.exchange(Served::request("OPTIONS", "/own")) == ok("own"));
  CHECK(served.exchange(Served::request("LINK", "/x")).starts_with("HTTP/1.1 405 "));
  CHECK(served.exchange(Served::request("BREW", "/x")) == text_response(501, "Not Implemented", "Not Implemented\n"));
  CHECK(served.exchange(Served::request("OPTIONS", "/y")) == text_response(404, "Not Found", "Not Found\n"));
}

TEST_CASE("the fallback answers what no route does, whatever the method, but not a path that isn't encoded") {
  App app;
  app.get("/", [] { return "route"; });
  app.websocket("/socket", [](WebSocket& socket) -> Task<void> { co_await socket.receive(); });
  app.fallback([](Request& request) -> Task<Response> {
    co_return Response(std::string(request.method()) + " " + std::string(request.path())).set_status(299);
  });
  Served served(app);
  CHECK(served.get("/") == ok("route"));
  CHECK(served.get("/a/b%20c").ends_with("\r\n\r\nGET /a/b%20c"));
  for (const std::string method : {"POST", "OPTIONS", "BREW"}) {
    CHECK(served.exchange(Served::request(method, "/")).ends_with("\r\n\r\n" + method + " /"));
  }
  CHECK(served.get("/socket").ends_with("\r\n\r\nGET /socket"));
  CHECK(served.exchange(Served::request("OPTIONS", "*")).ends_with("\r\n\r\nOPTIONS *"));
  CHECK(served.exchange(Served::request("HEAD", "/a")).starts_with("HTTP/1.1 299 "));
  CHECK(served.get("/%zz").starts_with("HTTP/1.1 400 "));
  CHECK(served.errors().empty());
}

TEST_CASE("a fallback has no parameters, and is alone") {
  App app;
  CHECK_THROWS_WITH(app.fallback([](std::string) { return ""; }),
                    "the fallback takes path parameters, but it has no pattern");
  app.fallback([](Request& request) { return std::string(request.parameter("name")); });
  CHECK_THROWS_WITH(app.fallback([] { return ""; }), "the fallback is there already");
  Served served(app);
  CHECK(served.get("/x").starts_with("HTTP/1.1 500 "));
  CHECK(served.errors() == std::vector<std::string>{"GET /x: the pattern of the fallback has no parameter 'name'"});
}

TEST_CASE("HEAD is answered by GET's handler, without its content") {
  App app;
  app.get("/x", [] { return "four"; });
  Served served(app);
  const std::string expected = ok("four");
  CHECK(served.exchange(Served::request("HEAD", "/x")) == expected.substr(0, expected.size() - 4));
}

TEST_CASE("all kinds of routes can be added, and chained") {
  App app;
  const auto echo = [](Request& request) { return std::string(request.method()); };
  app.get("/", echo).post("/", echo).put("/", echo).patch("/", echo).del("/", echo).route("PURGE", "/", echo);
  Served served(app);
  for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE", "PURGE"}) {
    CHECK(served.exchange(Served::request(method, "/")) == ok(method));
  }
}

TEST_CASE("an app that serves can be changed, and moved, and may die: the server has its own table") {
  auto app = std::make_unique<App>();
  auto count = std::make_shared<int>(0);
  app->get("/", [count] { return std::to_string(++*count); });
  Served first(*app);
  app->get("/later", [] { return "later"; });
  App moved = std::move(*app);
  app.reset();
  Served second(moved);
  const App elsewhere = std::move(moved);
  CHECK_THROWS_AS(moved.snapshot(), std::logic_error);
  moved.get("/", [] { return "anew"; });
  CHECK(Served(moved).get("/") == ok("anew"));
  CHECK(first.get("/later").starts_with("HTTP/1.1 404"));
  CHECK(second.get("/later") == ok("later"));
  CHECK(first.get("/") == ok("1"));
  CHECK(second.get("/") == ok("2"));
}

TEST_CASE("an exception of a handler is answered with 500 once and reported") {
  App app;
  app.get("/throws", []() -> std::string { throw std::runtime_error("no luck"); });
  app.get("/foreign", []() -> std::string { throw 3; });
  app.get("/later", []() -> Task<std::string> {
    throw std::runtime_error("later");
    co_return "";
  });
  app.get("/http", []() -> std::string { throw HttpError(418, "short and stout"); });
  app.get("/http/plain", []() -> Task<void> {
    throw HttpError(404);
    co_return;
  });
  app.get("/fine", [] { return "fine"; });
  Served served(app);
  testing::MemoryClient& client = served.connect();
  const std::string error = text_response(500, "Internal Server Error", "Internal Server Error\n");
  for (const char* path : {"/throws", "/foreign", "/later"}) {
    client.send(Served::request("GET", path));
    served.settle();
    CHECK(client.received() == error);
    client.forget();
  }
  CHECK(served.errors() == std::vector<std::string>{"GET /throws: no luck",
                                                    "GET /foreign: an exception that is no std::exception",
                                                    "GET /later: later"});
  client.send(Served::request("GET", "/fine"));
  served.settle();
  CHECK(client.received() == ok("fine"));

  CHECK(served.get("/http").ends_with("content-length: 16\r\n\r\nshort and stout\n"));
  CHECK(served.get("/http").starts_with("HTTP/1.1 418 "));
  CHECK(served.get("/http/plain") == text_response(404, "Not Found", "Not Found\n"));
  CHECK(served.errors().size() == 3);
}

TEST_CASE("an HttpError with a status that is none is the application's error") {
  App app;
  app.get("/{status}", [](int status) -> std::string { throw HttpError(status); });
  app.get("/later/{status}", [](int status) -> Task<std::string> {
    throw HttpError(status);
    co_return "";
  });
  Served served(app);
  std::size_t errors = 0;
  for (const std::string status : {"0", "-1", "42", "199", "1000"}) {
    for (const std::string& path : {"/" + status, "/later/" + status}) {
      CAPTURE(path);
      CHECK(served.get(path).starts_with("HTTP/1.1 500 "));
      REQUIRE(served.errors().size() == ++errors);
      CHECK(served.errors().back() ==
            "GET " + path + ": an HttpError has the status " + status + "; expected 200 to 999");
    }
  }
}

TEST_CASE("a null handler is refused when it is registered") {
  App app;
  std::string (*function)() = nullptr;
  CHECK_THROWS_AS(app.get("/", function), std::invalid_argument);
  CHECK_THROWS_AS(app.get("/", std::function<std::string()>()), std::invalid_argument);
}

TEST_CASE("a task without a coroutine is the application's error") {
  App app;
  app.get("/handler", [] { return Task<std::string>(); });
  app.get("/stream", [] { return Response::stream([](ResponseWriter&) { return Task<void>(); }); });
  Served served(app);
  CHECK(served.get("/handler").starts_with("HTTP/1.1 500 "));
  CHECK(served.get("/stream").starts_with("HTTP/1.1 500 "));
  CHECK(served.errors().size() == 2);
}

TEST_CASE("a response that can't be sent is the application's error") {
  App app;
  app.get("/status", [] { return Response::empty(99); });
  app.get("/informational", [] { return Response::empty(103); });
  app.get("/name", [] { return Response("x").add_header("a b", "c"); });
  app.get("/value", [] { return Response("x").add_header("a", "b\r"); });
  app.get("/feed", [] { return Response("x").add_header("a", "b\nset-cookie: c"); });
  app.get("/framing", [] { return Response("x").add_header("transfer-encoding", "gzip"); });
  app.get("/length", [] { return Response("x").set_content_length(2); });
  Served served(app);
  int errors = 0;
  for (const char* path : {"/status", "/informational", "/name", "/value", "/feed", "/framing", "/length"}) {
    CAPTURE(path);
    CHECK(served.get(path) == text_response(500, "Internal Server Error", "Internal Server Error\n"));
    CHECK(served.errors().size() == static_cast<std::size_t>(++errors));
  }
}

TEST_CASE("a response has what was put into it") {
  App app;
  app.get("/json", [] { return Response::json("{}").add_header("x-a", "1").add_header("x-a", "2").set_status(201); });
  app.get("/content", [] { return Response::content("a,b", "text/csv"); });
  app.get("/redirect", [] { return Response::redirect("/json", 303); });
  app.get("/replaced", [] { return Response("x").add_header("Content-Type", "a/b"); });
  app.get("/once", [] {
    return Response::content("x", "a/b").add_header("a", "1").add_header("content-type", "c/d").add_header("b", "2");
  });
  app.get("/close", [] { return Response("x").add_header("connection", "close"); });
  Served served(app);
  CHECK(served.get("/json") ==
        "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nx-a: 1\r\nx-a: 2\r\ncontent-length: 2\r\n\r\n{}");
  CHECK(served.get("/content") == "HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\ncontent-length: 3\r\n\r\na,b");
  CHECK(served.get("/redirect") == "HTTP/1.1 303 See Other\r\nlocation: /json\r\ncontent-length: 0\r\n\r\n");
  CHECK(served.get("/replaced") == "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\ncontent-length: 1\r\n\r\nx");
  CHECK(served.get("/once") == "HTTP/1.1 200 OK\r\na: 1\r\ncontent-type: c/d\r\nb: 2\r\ncontent-length: 1\r\n\r\nx");
  CHECK(served.get("/close").find("connection: close\r\n") != std::string::npos);
  Response response = Response::json("{}");
  response.add_header("X-A", "1");
  CHECK(response.header("x-a") == "1");
  CHECK(response.header("content-type") == "application/json");
  CHECK(response.header("x-b") == std::nullopt);
}

TEST_CASE("a request shows what came") {
  App app;
  std::vector<std::string> seen;
  app.get("/a/{x}", [&](Request& request) {
    seen = {std::string(request.method()), std::string(request.target()),
            std::string(request.path()),   std::string(request.query()),
            request.query("q").value(),    std::string(request.header("X-One").value()),
            request.peer_address()};
    CHECK(!request.query("z"));
    CHECK(!request.header("x-three"));
    CHECK(!request.is_disconnected());
    CHECK(!request.stop_token().stop_requested());
    CHECK_THROWS_AS(request.parameter("y"), std::out_of_range);
    for (const Header field : request.headers()) {
      seen.push_back(std::string(field.name) + "=" + std::string(field.value));
    }
  });
  Served served(app);
  served.exchange(Served::request("GET", "/a/%62?q=a+b%21&q=2", "X-One: 1\r\nX-Two: 2\r\n"));
  CHECK(seen == std::vector<std::string>{"GET", "/a/%62?q=a+b%21&q=2", "/a/%62", "q=a+b%21&q=2", "a b!", "1", "",
                                         "host=a", "x-one=1", "x-two=2"});
}

TEST_CASE("who the client was stays known when its connection has gone") {
  App app;
  std::string seen;
  app.get("/", [&](Request& request) -> Task<std::string> {
    try {
      co_await request.sleep(std::chrono::hours(1));
    } catch (const Cancelled&) {
      seen = request.client_address() + " " + std::string(request.scheme());
      throw;
    }
    co_return "";
  });
  Served served(app);
  served.engine().trust(
      {net::TrustedProxies::parse({"*"}), http::ForwardedFields::parse({"x-forwarded-for", "x-forwarded-proto"})},
      server::Engine::ProxyHeader::None);
  testing::MemoryClient& client = served.connect();
  client.send(Served::request("GET", "/", "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n"));
  served.settle();
  client.reset();
  served.settle();
  CHECK(seen == "203.0.113.7 https");
}

}  // namespace
}  // namespace outrider::app
