// SPDX-License-Identifier: MIT

// WebSockets as handlers see them: routing, opening, messages and every way of ending.

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "app/dispatcher.h"
#include "outrider/outrider.h"
#include "server/engine.h"
#include "testing/app_harness.h"
#include "testing/websocket_words.h"

namespace outrider::app {
namespace {

using namespace std::chrono_literals;
using Served = testing::AppHarness<server::Engine, Dispatcher, Site>;
using testing::binary_frame;
using testing::close_frame;
using testing::frames_in;
using testing::MemoryClient;
using testing::text_frame;
using testing::websocket_request;

Task<void> echo_socket(WebSocket& socket) {
  while (const auto message = co_await socket.receive()) {
    if (message->is_text) {
      co_await socket.send_text(message->data);
    } else {
      co_await socket.send_binary(message->data);
    }
  }
}

MemoryClient& open_socket(Served& served, const std::string& path, const std::string& fields = {}) {
  MemoryClient& client = served.connect();
  client.send(websocket_request(path, fields));
  served.settle();
  return client;
}

std::string frames_after(Served& served, MemoryClient& client, std::string_view bytes) {
  client.send(bytes);
  served.settle();
  return frames_in(client.received());
}

std::string closure_of(const WebSocket& socket) {
  return std::to_string(socket.close_code()) + " " + std::string(socket.close_reason());
}

// --- routing -------------------------------------------------------------------------------------------------------

TEST_CASE("a WebSocket's handler answers the handshake, and echoes") {
  App app;
  app.websocket("/echo", echo_socket);
  Served served(app);
  MemoryClient& client = open_socket(served, "/echo");
  CHECK(client.received().starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
  CHECK(client.received().find(testing::kWebSocketAccept) != std::string::npos);
  CHECK(frames_after(served, client, text_frame("hello") + binary_frame("abc")) == "text hello|binary 3|");
  CHECK(frames_after(served, client, close_frame(1000)) == "text hello|binary 3|close 1000|");
  CHECK(client.is_ended());
  CHECK(served.dispatcher().run_count() == 0);
  CHECK(served.errors().empty());
}

TEST_CASE("a WebSocket's handler takes what the pattern stands for, and the request") {
  App app;
  std::string seen;
  app.websocket(
      "/rooms/{room}/{seat}",
      [&](Request& request, WebSocket& socket, std::string_view room, int seat) -> Task<void> {
        co_await socket.send_text("welcome");
        while (co_await socket.receive()) {
        }
        // All of it is readable to the end.
        seen = std::string(room) + " " + std::to_string(seat) + " " + std::string(request.parameter("room")) + " " +
               std::string(request.header("x-name").value_or("")) + " " + std::string(socket.request().target());
      });
  Served served(app);
  MemoryClient& client = open_socket(served, "/rooms/blue%20one/7?a=b", "x-name: Ada\r\n");
  CHECK(frames_after(served, client, close_frame(1000)) == "text welcome|close 1000|");
  CHECK(seen == "blue one 7 blue one Ada /rooms/blue%20one/7?a=b");
  CHECK(open_socket(served, "/rooms/blue/x").received().starts_with("HTTP/1.1 404 "));
}

TEST_CASE("a GET that asks for no WebSocket is answered with 426 where there is one") {
  App app;
  app.websocket("/echo", echo_socket);
  Served served(app);
  const std::string answer = served.get("/echo");
  CHECK(answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
  CHECK(answer.find("\r\nupgrade: websocket\r\n") != std::string::npos);
  CHECK(answer.find("\r\nconnection: upgrade\r\n") != std::string::npos);
  CHECK(served.exchange(Served::request("HEAD", "/echo")).starts_with("HTTP/1.1 426 "));
  const std::string posted = served.exchange(Served::request("POST", "/echo"));
  CHECK(posted.starts_with("HTTP/1.1 405 "));
  CHECK(posted.find("\r\nallow: GET, HEAD, OPTIONS\r\n") != std::string::npos);
  // Another protocol is none that it asks for here.
  CHECK(served.exchange(Served::request("GET", "/echo", "connection: upgrade\r\nupgrade: h2c\r\n"))
            .starts_with("HTTP/1.1 426 "));
}

TEST_CASE("a path may have a WebSocket's handler beside the others") {
  App app;
  app.get("/echo", [] { return "a page"; }).websocket("/echo", echo_socket).get("/page", [] { return "page"; });
  app.post("/posts", [] { return "posted"; });
  Served served(app);
  CHECK(served.get("/echo").ends_with("a page"));
  CHECK(frames_after(served, open_socket(served, "/echo"), text_frame("x")) == "text x|");
  // Where there is none, a request for one is a request like others.
  CHECK(open_socket(served, "/page").received().ends_with("page"));
  CHECK(open_socket(served, "/posts").received().starts_with("HTTP/1.1 405 "));
  CHECK(open_socket(served, "/nothing").received().starts_with("HTTP/1.1 404 "));
  CHECK(open_socket(served, "/%zz").received().starts_with("HTTP/1.1 400 "));
}

TEST_CASE("a faulty handshake is refused before the handler is called") {
  App app;
  int calls = 0;
  app.websocket("/echo", [&](WebSocket&) -> Task<void> {
    ++calls;
    co_return;
  });
  Served served(app);
  const std::string upgrade = "connection: upgrade\r\nupgrade: websocket\r\n";
  const std::string old = served.exchange(Served::request(
      "GET", "/echo", upgrade + "sec-websocket-version: 8\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
  CHECK(old.starts_with("HTTP/1.1 426 "));
  CHECK(old.find("\r\nsec-websocket-version: 13\r\n") != std::string::npos);
  CHECK(served.exchange(Served::request("GET", "/echo", upgrade + "sec-websocket-version: 13\r\n"))
            .starts_with("HTTP/1.1 400 "));
  MemoryClient& with_content = served.connect();
  std::string request = websocket_request("/echo", "content-length: 2\r\n") + "ab";
  with_content.send(request);
  served.settle();
  CHECK(with_content.received().starts_with("HTTP/1.1 400 "));
  CHECK(calls == 0);
  CHECK(served.dispatcher().run_count() == 0);
}

TEST_CASE("mistakes in a WebSocket's route are found when it is added") {
  App app;
  app.websocket("/a", echo_socket);
  CHECK_THROWS_AS(app.websocket("/a", echo_socket), std::invalid_argument);
  CHECK_THROWS_AS(app.websocket("b", echo_socket), std::invalid_argument);
  CHECK_THROWS_AS(app.websocket("/b", echo_socket, {.subprotocols = {"a b"}}), std::invalid_argument);
  CHECK_THROWS_AS(app.websocket("/b", [](WebSocket&, int) -> Task<void> { co_return; }), std::invalid_argument);
  CHECK_THROWS_AS(app.route("<websocket>", "/c", [] {}), std::invalid_argument);
}

// --- opening -------------------------------------------------------------------------------------------------------

TEST_CASE("the subprotocol is the first of the server's that the client offers") {
  App app;
  app.websocket(
      "/chat",
      [](WebSocket& socket) -> Task<void> {
        CHECK(socket.subprotocol().empty());
        const std::size_t offered = socket.offered_subprotocols().size();
        co_await socket.send_text(std::to_string(offered) + " offered, '" + std::string(socket.subprotocol()) + "'");
        co_await socket.send_text("'" + std::string(socket.subprotocol()) + "'");
      },
      {.subprotocols = {"chat.v2", "chat"}});
  Served served(app);
  MemoryClient& both = open_socket(served, "/chat", "sec-websocket-protocol: soap, chat, chat.v2\r\n");
  CHECK(both.received().find("\r\nsec-websocket-protocol: chat.v2\r\n") != std::string::npos);
  CHECK(frames_in(both.received()) == "text 3 offered, ''|text 'chat.v2'|close 1000|");
  MemoryClient& none = open_socket(served, "/chat", "sec-websocket-protocol: soap\r\n");
  CHECK(none.received().find("sec-websocket-protocol") == std::string::npos);
  CHECK(frames_in(none.received()) == "text 1 offered, ''|text ''|close 1000|");
}

TEST_CASE("accept() chooses a subprotocol and adds fields") {
  App app;
  app.websocket("/chat",
                [](WebSocket& socket) -> Task<void> {
                  CHECK_THROWS_AS(socket.accept("other"), std::invalid_argument);
                  CHECK_THROWS_AS(socket.accept("", {{"x", "a\nb"}}), ResponseError);
                  CHECK_THROWS_AS(socket.accept("", {{"sec-websocket-accept", "a"}}), ResponseError);
                  socket.accept("chat", {{"x-a", "1"}, {"x-b", "2"}});
                  CHECK_THROWS_AS(socket.accept(), std::logic_error);
                  CHECK_THROWS_AS(socket.reject(Response::empty(403)), std::logic_error);
                  co_await socket.send_text(socket.subprotocol());
                },
                {.subprotocols = {"chat.v2"}});
  Served served(app);
  MemoryClient& client = open_socket(served, "/chat", "sec-websocket-protocol: chat.v2, chat\r\n");
  CHECK(client.received().find("\r\nx-a: 1\r\nx-b: 2\r\n") != std::string::npos);
  CHECK(client.received().find("\r\nsec-websocket-protocol: chat\r\n") != std::string::npos);
  CHECK(client.received().find("x: a") == std::string::npos);
  CHECK(frames_in(client.received()) == "text chat|close 1000|");
}

TEST_CASE("a handler may answer the handshake otherwise") {
  App app;
  std::vector<std::string> seen;
  const auto look = [&](WebSocket& socket) -> Task<void> {
    const bool has_come = (co_await socket.receive()).has_value();
    seen.push_back(std::to_string(has_come) + std::to_string(socket.close_code()));
    CHECK_THROWS_AS(co_await socket.send_text("x"), Cancelled);
    co_await socket.close();
    CHECK_THROWS_AS(socket.accept(), std::logic_error);
  };
  app.websocket("/rejected", [&](WebSocket& socket) -> Task<void> {
    CHECK_THROWS_AS(socket.reject(Response::stream([](ResponseWriter&) -> Task<void> { co_return; })), ResponseError);
    CHECK_THROWS_AS(socket.reject(Response("x").add_header("a b", "c")), ResponseError);
    socket.reject(Response("who are you?").set_status(401).add_header("www-authenticate", "Basic"));
    co_await look(socket);
  });
  app.websocket("/thrown", [](WebSocket&) -> Task<void> {
    throw HttpError(403, "not you");
    co_return;
  });
  app.websocket("/failed", [](WebSocket&) -> Task<void> {
    throw std::runtime_error("oh");
    co_return;
  });
  Served served(app);
  const std::string rejected = open_socket(served, "/rejected").received();
  CHECK(rejected.starts_with("HTTP/1.1 401 "));
  CHECK(rejected.find("\r\nwww-authenticate: Basic\r\n") != std::string::npos);
  CHECK(rejected.ends_with("who are you?"));
  CHECK(seen == std::vector<std::string>{"01006"});
  const std::string thrown = open_socket(served, "/thrown").received();
  CHECK(thrown.starts_with("HTTP/1.1 403 "));
  CHECK(thrown.ends_with("not you\n"));
  CHECK(served.errors().empty());
  CHECK(open_socket(served, "/failed").received().starts_with("HTTP/1.1 500 "));
  CHECK(served.errors() == std::vector<std::string>{"GET /failed: oh"});
  CHECK(served.dispatcher().run_count() == 0);
}

TEST_CASE("a handler that returns at once opens the WebSocket and closes it") {
  App app;
  app.websocket("/", [](WebSocket&) -> Task<void> { co_return; });
  Served served(app);
  CHECK(frames_in(open_socket(served, "/").received()) == "close 1000|");
}

TEST_CASE("a peer that goes before the handshake is accepted is the end") {
  App app;
  std::string seen;
  app.websocket("/", [&](WebSocket& socket) -> Task<void> {
    try {
      co_await socket.request().sleep(1h);
    } catch (const Cancelled&) {
      seen = "told";
    }
    CHECK(socket.is_closed());
    CHECK(!co_await socket.receive());
    CHECK_THROWS_AS(socket.accept(), Cancelled);
    seen += " " + std::to_string(socket.close_code()) + " " + std::string(socket.request().target());
  });
  Served served(app);
  MemoryClient& client = open_socket(served, "/?x");
  client.reset();
  served.settle();
  CHECK(seen == "told 1006 /?x");
  CHECK(served.dispatcher().run_count() == 0);
  CHECK(served.errors().empty());
}

// --- messages ------------------------------------------------------------------------------------------------------

TEST_CASE("what comes together is received one by one, whatever it is cut into") {
  App app;
  std::vector<std::string> messages;
  app.websocket("/", [&](WebSocket& socket) -> Task<void> {
    while (const auto message = co_await socket.receive()) {
      messages.push_back((message->is_text ? "text " : "binary ") + std::string(message->data));
    }
  });
  const std::string bytes =
      websocket_request("/") + text_frame("one") + text_frame("") + binary_frame("two") + close_frame(4001, "bye");
  for (const std::size_t fragment : {std::size_t{1}, std::size_t{7}, bytes.size()}) {
    messages.clear();
    Served served(app);
    MemoryClient& client = served.connect();
    client.send_cut(bytes, fragment);
    served.settle();
    CHECK(messages == std::vector<std::string>{"text one", "text ", "binary two"});
    CHECK(frames_in(client.received()) == "close 4001|");
  }
}

TEST_CASE("receive() with a time gives nothing when that has passed, and goes on") {
  App app;
  app.websocket("/", [](WebSocket& socket) -> Task<void> {
    CHECK(!co_await socket.receive(0ms));
    CHECK(!co_await socket.receive(5ms));
    CHECK(!socket.is_closed());
    CHECK(socket.close_code() == 0);
    co_await socket.send_text("nothing came");
    const auto message = co_await socket.receive(1h);
    CHECK(message);
    co_await socket.send_text(message ? message->data : "");
    CHECK(!co_await socket.receive(1h));
    CHECK(socket.is_closed());
    CHECK(socket.close_code() == 1005);
  });
  Served served(app);
  MemoryClient& client = open_socket(served, "/");
  CHECK(served.run_until([&] { return frames_in(client.received()) == "text nothing came|"; }));
  CHECK(frames_after(served, client, text_frame("x")) == "text nothing came|text x|");
  frames_after(served, client, testing::ClientFrame{8}.bytes());
  CHECK(served.dispatcher().run_count() == 0);
}

TEST_CASE("a handler that sends more than its peer takes waits for room") {
  App app;
  int sent = 0;
  app.websocket("/", [&](WebSocket& socket) -> Task<void> {
    const std::string piece(1000, 'x');
    for (; sent < 100; ++sent) co_await socket.send_binary(piece);
  });
  Limits limits;
  limits.write_buffer_bytes_max = 10'000;
  Served served(app, limits);
  MemoryClient& client = served.connect();
  client.stop_taking();
  client.send(websocket_request("/"));
  served.settle();
  CHECK(sent < 20);
  client.go_on_taking();
  served.settle();
  CHECK(sent == 100);
  CHECK(frames_in(client.received()).ends_with("binary 1000|close 1000|"));
}

TEST_CASE("messages that nobody receives stay with the peer") {
  App app;
  std::size_t received = 0;
  app.websocket("/", [&](WebSocket& socket) -> Task<void> {
    socket.accept();
    co_await socket.request().sleep(20ms);
    while (co_await socket.receive()) ++received;
  });
  Limits limits;
  limits.websocket_queue_max = 4;
  Served served(app, limits);
  MemoryClient& client = open_socket(served, "/");
  for (int i = 0; i < 100; ++i) client.send(text_frame("message"));
  client.send(close_frame(1000));
  served.settle();
  CHECK(!client.is_being_read());
  CHECK(received == 0);
  CHECK(served.run_until([&] { return client.is_ended(); }));
  CHECK(received == 100);
}

TEST_CASE("text that isn't UTF-8 is the handler's mistake, and isn't sent") {
  App app;
  app.websocket("/", [](WebSocket& socket) -> Task<void> {
    CHECK_THROWS_AS(static_cast<void>(socket.send_text("\xff")), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(socket.close(1005)), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(socket.close(1000, std::string(124, 'x'))), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(socket.close(1000, "\xff")), std::invalid_argument);
    co_await socket.send_text("fine");
  });
  Served served(app);
  CHECK(frames_in(open_socket(served, "/").received()) == "text fine|close 1000|");
}

// --- ending --------------------------------------------------------------------------------------------------------

TEST_CASE("close() waits for the peer's answer") {
  App app;
  std::string seen;
  app.websocket("/", [&](WebSocket& socket) -> Task<void> {
    co_await socket.close(4000, "enough");
    seen = closure_of(socket);
    co_await socket.close();  // nothing is left to be closed
  });
  Served served(app);
  MemoryClient& client = open_socket(served, "/");
  CHECK(frames_in(client.received()) == "close 4000 enough|");
  CHECK(seen.empty());
  frames_after(served, client, text_frame("dropped") + close_frame(4000, "fine"));
  CHECK(!seen.empty());
  CHECK(client.is_ended());
  CHECK(frames_in(client.received()) == "close 4000 enough|");
}

TEST_CASE("the peer's close is the end of receive(), with its code and reason") {
  App app;
  std::string seen;
  app.websocket("/", [&](WebSocket& socket) -> Task<void> {
    while (co_await socket.receive()) {
    }
    seen = closure_of(socket);
    CHECK(socket.is_closed());
    CHECK(socket.request().is_disconnected());
    CHECK_THROWS_AS(co_await socket.send_text("x"), Cancelled);
    CHECK_THROWS_AS(co_await socket.request().sleep(1h), Cancelled);
    CHECK(!co_await socket.receive());
  });
  Served served(app);
  frames_after(served, open_socket(served, "/"), text_frame("x") + close_frame(4001, "going"));
  CHECK(seen == "4001 going");
  MemoryClient& broken = open_socket(served, "/");
  broken.reset();
  served.settle();
  CHECK(seen == "1006 ");
  CHECK(served.dispatcher().run_count() == 0);
  CHECK(served.errors().empty());
}

TEST_CASE("a peer's mistake closes, and is the end of receive()") {
  App app;
  int code = 0;
  app.websocket("/", [&](WebSocket& socket) -> Task<void> {
    while (co_await socket.receive()) {
    }
    code = socket.close_code();
  });
  Served served(app);
  CHECK(frames_after(served, open_socket(served, "/"), text_frame("\xff")).starts_with("close 1007"));
  CHECK(code == 1007);
}

TEST_CASE("an exception behind the handshake closes with 1011 and is reported, Cancelled isn't") {
  App app;
  app.websocket("/failed", [](WebSocket& socket) -> Task<void> {
    co_await socket.receive();
    throw std::runtime_error("oh");
  });
  app.websocket("/http", [](WebSocket& socket) -> Task<void> {
    co_await socket.receive();
    throw HttpError(403, "too late");
  });
  app.websocket("/cancelled", [](WebSocket& socket) -> Task<void> {
    co_await socket.receive();
    throw Cancelled();
  });
  Served served(app);
  CHECK(frames_after(served, open_socket(served, "/failed"), text_frame("x")) == "close 1011|");
  CHECK(frames_after(served, open_socket(served, "/http"), text_frame("x")) == "close 1011|");
  CHECK(served.errors() == std::vector<std::string>{"GET /failed: oh", "GET /http: too late"});
  CHECK(frames_after(served, open_socket(served, "/cancelled"), text_frame("x")) == "close 1011|");
  CHECK(served.errors().size() == 2);
  CHECK(served.dispatcher().run_count() == 0);
}

TEST_CASE("a handler that gives its WebSocket up cuts it without a close frame, before it is accepted and after") {
  App app;
  app.websocket("/before", [](WebSocket&) -> Task<void> {
    throw Abort();
    co_return;
  });
  app.websocket("/after", [](WebSocket& socket) -> Task<void> {
    co_await socket.send_text("soon");
    co_await socket.receive();
    throw Abort();
  });
  Served served(app);
  MemoryClient& before = open_socket(served, "/before");
  CHECK(before.received() == "");
  CHECK((before.is_ended() || before.was_reset()));
  MemoryClient& after = open_socket(served, "/after");
  CHECK(frames_after(served, after, text_frame("go")) == "text soon|");
  CHECK((after.is_ended() || after.was_reset()));
  CHECK(served.dispatcher().run_count() == 0);
  CHECK(served.errors().empty());
}

TEST_CASE("a handler that goes on receiving and sending when all is over holds nobody up") {
  App app;
  int laps = 0;
  app.websocket("/", [&](WebSocket& socket) -> Task<void> {
    while (true) {
      static_cast<void>(co_await socket.receive());
      ++laps;
      try {
        co_await socket.send_text("x");
      } catch (const Cancelled&) {  // NOLINT: what a handler shouldn't do
      }
      co_await socket.close();
    }
  });
  app.get("/", [] { return "others"; });
  Served served(app);
  MemoryClient& client = open_socket(served, "/");
  client.send(close_frame(1000));
  CHECK(served.run_until([&] { return laps > 100; }));
  MemoryClient& other = served.connect();
  other.send(Served::request("GET", "/"));
  CHECK(served.run_until([&] { return other.received().ends_with("others"); }));
  CHECK(served.stop());
  CHECK(served.dispatcher().run_count() == 0);
}

TEST_CASE("a stop closes with 1012, and is the end of receive()") {
  App app;
  int code = 0;
  app.websocket("/", [&](WebSocket& socket) -> Task<void> {
    while (co_await socket.receive()) {
    }
    code = socket.close_code();
  });
  Served served(app);
  MemoryClient& client = open_socket(served, "/");
  served.begin_stop({.grace = 0ms, .disconnect = 10s, .cancel = 10s, .streams_have_grace = false});
  served.settle();
  CHECK(frames_in(client.received()).starts_with("close 1012"));
  CHECK(code == 1012);
  client.send(close_frame(1012));
  CHECK(served.finish_stop());
  CHECK(served.report().disconnected == 1);
  CHECK(served.report().aborted == 0);
  CHECK(served.dispatcher().run_count() == 0);
}

TEST_CASE("a handshake that isn't accepted when the server stops is answered with 503") {
  App app;
  app.websocket("/", [](WebSocket& socket) -> Task<void> {
    try {
      co_await socket.request().sleep(1h);
    } catch (const Cancelled&) {
    }
    CHECK(!co_await socket.receive());
  });
  Served served(app);
  MemoryClient& client = open_socket(served, "/");
  served.begin_stop({.grace = 0ms, .disconnect = 10s, .cancel = 10s, .streams_have_grace = false});
  CHECK(served.finish_stop());
  CHECK(client.received().starts_with("HTTP/1.1 503 "));
  CHECK(served.errors().empty());
}

TEST_CASE("a handler that doesn't end at a stop is destroyed where it waits") {
  App app;
  struct Guard {
    bool& is_gone;
    ~Guard() { is_gone = true; }
  };
  bool is_gone = false;
  app.websocket("/", [&](WebSocket& socket) -> Task<void> {
    const Guard guard{is_gone};
    while (true) static_cast<void>(co_await socket.receive());
  });
  Served served(app);
  MemoryClient& client = open_socket(served, "/");
  CHECK(served.stop());
  CHECK(is_gone);
  CHECK(frames_in(client.received()).find("close 1000") == std::string::npos);
}

}  // namespace
}  // namespace outrider::app
