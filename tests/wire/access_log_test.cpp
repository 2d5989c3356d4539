// SPDX-License-Identifier: MIT
// What the logs say of an exchange, whichever way it ended; and the request's id on its way.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "routes.h"
#include "server/access_log.h"

namespace outrider::testing {
namespace {

using http::More;

struct LoggingServer : Server {
  std::vector<std::string> lines;
  std::vector<std::string> refusals;

  explicit LoggingServer(const char* format = "%r %s %B %X", const Limits& limits = {}) : Server(limits) {
    add_routes(application());
    const auto write = [this](std::string_view line) { lines.emplace_back(line); };
    engine().set_access_log(std::make_unique<server::AccessLog>(loop(), server::AccessFormat(format), write));
    engine().on_refused([this](const auto& describe) { refusals.push_back(describe()); });
  }
  /// Sends on a new connection, and returns the line.
  std::string line_of(const std::string& bytes) {
    lines.clear();
    exchange(connect_memory(), bytes);
    REQUIRE(lines.size() == 1);
    return lines[0];
  }
};

std::string get(const std::string& target, const std::string& fields = {}) {
  return "GET " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

TEST_CASE("the bytes of a response are those of its content on the wire") {
  LoggingServer server;
  CHECK(server.line_of(get("/hello")) == "GET /hello HTTP/1.1 200 6 +");
  CHECK(server.line_of("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n") == "HEAD /hello HTTP/1.1 200 0 +");
  CHECK(server.line_of(get("/pieces")) == "GET /pieces HTTP/1.1 200 9 +");  // without the lines of the chunks
  CHECK(server.line_of(get("/trailers")) == "GET /trailers HTTP/1.1 200 3 +");
  CHECK(server.line_of("GET /pieces HTTP/1.0\r\n\r\n") == "GET /pieces HTTP/1.0 200 9 -");
  CHECK(server.line_of(get("/hello", "Connection: close\r\n")) == "GET /hello HTTP/1.1 200 6 -");
}

TEST_CASE("a client that goes before the response leaves no status") {
  LoggingServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/open"));
  CHECK(server.lines.empty());
  client.reset();
  server.settle();
  REQUIRE(server.lines.size() == 1);
  CHECK(server.lines[0] == "GET /open HTTP/1.1 - 0 X");
  CHECK(server.refusals.empty());
}

TEST_CASE("a response that is cut short shows how far it came") {
  LoggingServer server;
  server.exchange(server.connect_memory(), get("/open"));
  server.application().last().begin(200);
  server.application().last().write("12345", More::Yes);
  server.application().last().abort();
  REQUIRE(server.lines.size() == 1);
  CHECK(server.lines[0] == "GET /open HTTP/1.1 200 5 X");
}

TEST_CASE("a response that breaks its own length isn't counted beyond it") {
  LoggingServer server;
  server.exchange(server.connect_memory(), get("/open"));
  Recorded& exchange = server.application().last();
  exchange.begin(200, {{"content-length", "4"}});
  exchange.write("123", More::Yes);
  CHECK(exchange.exchange().write({"456"}, More::Yes) == http::ResponseFault::BodyTooLong);
  exchange.abort();
  REQUIRE(server.lines.size() == 1);
  CHECK(server.lines[0] == "GET /open HTTP/1.1 200 3 X");
}

TEST_CASE("a response that takes another's place is the one that is logged") {
  LoggingServer server("%s %B %{x-a}o %{content-length}o");
  server.exchange(server.connect_memory(), get("/open"));
  Recorded& exchange = server.application().last();
  exchange.begin(200, {{"X-A", "first"}});
  exchange.exchange().drop_head();
  exchange.respond(500, "oops", {{"X-A", "second"}});
  REQUIRE(server.lines.size() == 1);
  CHECK(server.lines[0] == "500 4 second 4");
}

TEST_CASE("fields of the response can be logged, also those that the server adds") {
  LoggingServer server("%{content-type}o %{Content-Length}o %{transfer-encoding}o %{x}o");
  CHECK(server.line_of(get("/hello")) == "text/plain 6 - -");
  CHECK(server.line_of(get("/pieces")) == "- - chunked -");
}

TEST_CASE("a request that is refused before it is one has no line, and is told with its reason") {
  LoggingServer server;
  server.exchange(server.connect_memory(), "GET /hello HTTP/1.1\r\n\r\n");
  CHECK(server.lines.empty());
  REQUIRE(server.refusals.size() == 1);
  CHECK(server.refusals[0].find("refused a request of - with 400: ") == 0);
  CHECK(server.refusals[0].find("Host") != std::string::npos);
}

TEST_CASE("a mistake in a request's body is logged with the answer's status") {
  LoggingServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, "POST /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  server.exchange(client, "xyz\r\n");
  REQUIRE(server.lines.size() == 1);
  CHECK(server.lines[0] == "POST /open HTTP/1.1 400 0 -");
  REQUIRE(server.refusals.size() == 1);
  CHECK(server.refusals[0].find("with 400: ") != std::string::npos);
}

TEST_CASE("a mistake behind the beginning of a response cuts that") {
  LoggingServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, "POST /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  server.application().last().begin(200);
  server.application().last().write("12", More::Yes);
  server.exchange(client, "xyz\r\n");
  REQUIRE(server.lines.size() == 1);
  CHECK(server.lines[0] == "POST /open HTTP/1.1 200 2 X");
  REQUIRE(server.refusals.size() == 1);
  CHECK(server.refusals[0].find("cut a response to -: ") == 0);
}

TEST_CASE("the client's address is logged, of a connection over TCP") {
  Server server({}, Transport::Tcp);
  add_routes(server.application());
  std::vector<std::string> lines;
  const auto write = [&](std::string_view line) { lines.emplace_back(line); };
  server.engine().set_access_log(
      std::make_unique<server::AccessLog>(server.loop(), server::AccessFormat("%h %{remote}p %p %A"), write));
  Client& client = server.connect();
  client.send(get("/hello") + get("/hello"));
  REQUIRE(server.run_until([&] { return lines.size() == 2; }));
  CHECK(lines[0] == lines[1]);
  CHECK(lines[0].find("127.0.0.1 ") == 0);
  CHECK(lines[0].find(" " + std::to_string(server.address().port()) + " 127.0.0.1") != std::string::npos);
}

TEST_CASE("a request's id is in its head, in the response's, and in the log") {
  LoggingServer server("%L %{x-request-id}i %{x-request-id}o");
  server.engine().service().request_ids.emplace("X-Request-ID", false);
  server.engine().log().keep(4);
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/hello", "x-request-id: forged\r\n"));
  const Recorded& seen = server.application().last();
  REQUIRE(seen.fields.back().first == "x-request-id");
  const std::string id = seen.fields.back().second;
  CHECK(id.size() == 36);
  CHECK(client.received().find("\r\nx-request-id: " + id + "\r\n") != std::string::npos);
  REQUIRE(server.lines.size() == 1);
  CHECK(server.lines[0] == id + " " + id + " " + id);
  CHECK(server.engine().log().entries()[0].request_id == id);
  // The next one has another.
  server.exchange(client, get("/hello"));
  CHECK(server.application().last().fields.back().second != id);
}

TEST_CASE("a response that has the id's field already keeps it") {
  LoggingServer server;
  server.engine().service().request_ids.emplace("x-request-id", false);
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/open"));
  server.application().last().respond(200, "", {{"X-Request-Id", "the application's"}});
  CHECK(client.received().find("X-Request-Id: the application's\r\n") != std::string::npos);
  CHECK(client.received().find("x-request-id: ") == std::string::npos);
}

TEST_CASE("without the option, requests and responses have no id") {
  LoggingServer server("%L");
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/hello", "X-Request-ID: theirs\r\n"));
  CHECK(server.lines[0] == "-");
  CHECK(server.application().last().fields.back().second == "theirs");
  CHECK(client.received().find("request-id") == std::string::npos);
}

}  // namespace
}  // namespace outrider::testing
