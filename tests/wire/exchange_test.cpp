// SPDX-License-Identifier: MIT
// One exchange after the other on a connection: what the table of cases can't say, because it depends on when
// things happen.
#include <doctest/doctest.h>

#include <string>

#include "cases.h"
#include "routes.h"

namespace outrider::testing {
namespace {

using http::More;

const std::string kHello = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n\r\nhello\n";
const std::string kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string get(const std::string& target) { return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"; }

std::string expecting(const std::string& target, std::size_t length) {
  return "POST " + target +
         " HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

struct RoutedServer : Server {
  explicit RoutedServer(const Limits& limits = {}) : Server(limits) { add_routes(application()); }
};

TEST_CASE("the application sees the request as it was sent") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, "PUT /a%20b?c=d HTTP/1.1\r\nHost: example.com\r\nX-A: 1\r\nx-a: 2\r\n\r\n");
  REQUIRE(server.application().count() == 1);
  const Recorded& seen = server.application().exchange(0);
  CHECK(seen.method == "PUT");
  CHECK(seen.target == "/a%20b?c=d");
  CHECK(seen.path == "/a%20b");
  CHECK(seen.query == "c=d");
  CHECK(seen.authority == "example.com");
  CHECK(seen.fields == Fields{{"host", "example.com"}, {"x-a", "1"}, {"x-a", "2"}});
}

TEST_CASE("responses to pipelined requests leave in one write") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/hello") + get("/hello") + get("/hello"));
  CHECK(client.received() == kHello + kHello + kHello);
  CHECK(client.write_calls() == 1);
}

TEST_CASE("a pipelined request waits until the one before is answered") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/first") + get("/hello"));
  CHECK(server.application().count() == 1);
  CHECK(client.received().empty());
  server.application().exchange(0).respond(200, "first");
  server.settle();
  CHECK(server.application().count() == 2);
  CHECK(client.received() == "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst" + kHello);
}

TEST_CASE("many pipelined requests are answered in order, whatever comes meanwhile") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  std::string requests;
  std::string responses;
  for (int i = 0; i < 3000; ++i) {
    const std::string target = "/about?" + std::to_string(i);
    const std::string text = "GET " + target + " 1.1 ";
    requests += get(target);
    responses += "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
  }
  client.send_cut(requests, 1000);
  CHECK(server.run_until([&] { return client.received().size() >= responses.size(); }));
  CHECK(client.received() == responses);
}

TEST_CASE("bytes that come before a waiting request is taken up don't overtake it") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/first") + "GET /about?1 HTTP/1.1\r\nHo");
  // Answered outside of a pass: the next one reads before it steps.
  client.send("st: a\r\n\r\n" + get("/about?2"));
  server.application().exchange(0).respond(204, "");
  server.settle();
  REQUIRE(server.application().count() == 3);
  CHECK(server.application().exchange(1).target == "/about?1");
  CHECK(server.application().exchange(2).target == "/about?2");
}

TEST_CASE("a client that expects 100 (Continue) is sent it when the application asks for the body") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, expecting("/later", 2));
  CHECK(client.received().empty());
  Recorded& exchange = server.application().last();
  exchange.read();
  server.settle();
  CHECK(client.received() == kContinue);
  exchange.on_complete = [](Recorded& done) { done.respond(200, done.body); };
  server.exchange(client, "hi");
  CHECK(client.received() == kContinue + "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
  server.exchange(client, get("/hello"));
  CHECK(client.received().ends_with(kHello));
}

TEST_CASE("a client that doesn't wait for 100 (Continue) isn't sent it") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, expecting("/echo", 2) + "hi");
  CHECK(client.received() == "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
}

TEST_CASE("an answer instead of 100 (Continue) closes the connection, as the body may come or not") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, expecting("/hello", 2));
  CHECK(client.received() ==
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\nconnection: close\r\n\r\nhello\n");
  CHECK(client.is_ended());
  server.exchange(client, get("/hello"));
  CHECK(server.application().count() == 1);
}

TEST_CASE("100 (Continue) comes before a head that was begun, and not after it was sent") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, expecting("/later", 2));
  Recorded& exchange = server.application().last();
  exchange.begin(200);
  SUBCASE("begun") {
    exchange.read();
    server.exchange(client, "hi");
    exchange.write("x", More::No);
    server.settle();
    CHECK(client.received() == kContinue + "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx");
    CHECK(!client.is_ended());
  }
  SUBCASE("sent") {
    exchange.write("x", More::Yes);
    exchange.read();
    exchange.write("", More::No);
    server.settle();
    CHECK(client.received() == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
    CHECK(client.is_ended());
  }
}

TEST_CASE("a head that was begun doesn't leave before its content") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  // The first response is flushed while the second one's head is open.
  server.application().route("/first", [](Recorded& exchange) { exchange.respond(200, "1"); });
  server.application().route("/second", [](Recorded& exchange) { exchange.begin(200, {{"x", "y"}}); });
  server.exchange(client, get("/first") + get("/second"));
  const std::string first = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1";
  CHECK(client.received() == first);
  Recorded& second = server.application().exchange(1);
  REQUIRE(second.exchange().has_begun_head());
  SUBCASE("and can then go on") {
    second.write("2", More::No);
    server.settle();
    CHECK(client.received() == first + "HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 1\r\n\r\n2");
  }
  SUBCASE("and can still be dropped") {
    second.exchange().drop_head();
    second.respond(500, "no");
    server.settle();
    CHECK(client.received() == first + "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\n\r\nno");
  }
  SUBCASE("and never leaves when the client goes") {
    client.reset();
    server.settle();
    CHECK(second.disconnects == 1);
    CHECK(client.received() == first);
  }
}

TEST_CASE("a head that was begun waits while the response before it is still on its way") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  client.allow(10);
  server.application().route("/second", [](Recorded& exchange) { exchange.begin(200, {{"x", "y"}}); });
  server.exchange(client, get("/large") + get("/second"));
  client.go_on_taking();
  server.settle();
  const std::string head = "HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n";
  CHECK(client.received().size() == head.size() + 200'000);
  Recorded& second = server.application().exchange(1);
  second.exchange().drop_head();
  second.respond(404, "");
  server.settle();
  CHECK(client.received().ends_with("LLLHTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"));
}

TEST_CASE("what the application writes outside of a pass leaves at once") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/later"));
  server.application().last().respond(200, "x");
  CHECK(client.received() == "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx");
}

TEST_CASE("a closing response that is written outside of a pass, or at once for its size, still closes") {
  for (const std::size_t size : {1U, 200'000U}) {
    CAPTURE(size);
    RoutedServer server;
    MemoryClient& client = server.connect_memory();
    server.exchange(client, "GET /later HTTP/1.0\r\n\r\n");
    server.application().last().respond(200, std::string(size, 'x'));
    server.settle();
    CHECK(client.received().size() > size);
    CHECK(client.is_ended());
    client.end();
    server.settle();
    CHECK(server.engine().connection_count() == 0);
  }
}

TEST_CASE("a response that was refused can be replaced") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/later"));
  Recorded& exchange = server.application().last();
  exchange.begin(200, {{"content-length", "5"}});
  CHECK(exchange.write("too long", More::No) == http::ResponseFault::BodyTooLong);
  CHECK(!exchange.exchange().has_sent_head());
  exchange.exchange().drop_head();
  exchange.respond(500, "");
  server.settle();
  CHECK(client.received() == "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n");
  server.exchange(client, get("/hello"));
  CHECK(client.received().ends_with(kHello));
}

TEST_CASE("a response that can't be completed is cut off") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/later"));
  Recorded& exchange = server.application().last();
  exchange.begin(200, {{"content-length", "5"}});
  CHECK(exchange.write("abc", More::Yes) == http::ResponseFault::None);
  CHECK(exchange.write("", More::No) == http::ResponseFault::BodyTooShort);
  exchange.abort();
  server.settle();
  CHECK(client.received() == "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc");
  CHECK(client.is_ended());
  CHECK(!client.was_reset());  // its length shows that it is cut short
  CHECK(exchange.disconnects == 0);
  CHECK(server.engine().exchange_count() == 0);
}

TEST_CASE("a cut response takes none of the answers before it with it") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  client.stop_taking();
  server.exchange(client, get("/hello") + get("/later"));
  Recorded& exchange = server.application().last();
  exchange.begin(200);
  CHECK(exchange.write("some", More::Yes) == http::ResponseFault::None);
  exchange.abort();
  server.settle();
  client.go_on_taking();
  server.settle();
  CHECK(client.received() == kHello + "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nsome\r\n");
  CHECK(client.is_ended());
  CHECK(!client.was_reset());
}

TEST_CASE("a cut response that only the close would end is cut by a reset") {
  RoutedServer server;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, "GET /later HTTP/1.0\r\n\r\n");
  Recorded& exchange = server.application().last();
  exchange.begin(200);
  CHECK(exchange.write("some", More::Yes) == http::ResponseFault::None);
  exchange.abort();
  server.settle();
  CHECK(client.was_reset());
  CHECK(client.is_closed());
}

TEST_CASE("a connection is closed after so many exchanges") {
  Limits limits;
  limits.exchanges_per_connection_max = 2;
  RoutedServer server(limits);
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/hello"));
  CHECK(client.received() == kHello);
  CHECK(!client.is_ended());
  client.forget();
  server.exchange(client, get("/hello") + get("/hello"));
  CHECK(client.received() ==
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\nconnection: close\r\n\r\nhello\n");
  CHECK(client.is_ended());
  CHECK(server.application().count() == 2);
}

TEST_CASE("an application keeps something per connection, which is released with it") {
  RoutedServer server;
  int released = 0;
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/one"));
  http::Connection::Attachment& attachment = server.application().last().exchange().connection().attachment();
  attachment = {&released, [](void* object) { ++*static_cast<int*>(object); }};
  server.application().last().respond(200, "");
  server.exchange(client, get("/two"));
  CHECK(server.application().last().exchange().connection().attachment().object == &released);
  CHECK(released == 0);
  client.reset();
  server.settle();
  CHECK(released == 1);
}

TEST_CASE("pieces with an owner are kept without copying, and released once, sent or not") {
  RoutedServer server;
  const std::string content(100'000, 'o');
  int released = 0;
  const http::Piece piece{content, &released, [](void* owner) { ++*static_cast<int*>(owner); }};
  MemoryClient& client = server.connect_memory();
  client.stop_taking();
  server.exchange(client, get("/later"));
  Recorded& exchange = server.application().last();
  exchange.begin(200);
  REQUIRE(exchange.exchange().write(piece, More::Yes) == http::ResponseFault::None);
  server.settle();
  CHECK(released == 0);
  SUBCASE("sent") {
    client.go_on_taking();
    server.settle();
    CHECK(client.received().ends_with(content + "\r\n"));
  }
  SUBCASE("given up") {
    exchange.abort();
    CHECK(released == 0);  // what was written still leaves
    client.go_on_taking();
  }
  SUBCASE("broken off by the client") { client.reset(); }
  server.settle();
  CHECK(released == 1);
}

TEST_CASE("date and server are added, unless switched off") {
  RoutedServer server;
  server.engine().service().sends_date = true;
  server.engine().service().set_server("outrider");
  MemoryClient& client = server.connect_memory();
  server.exchange(client, get("/empty"));
  const std::string start = "HTTP/1.1 204 No Content\r\ndate: ";
  CHECK(client.received().starts_with(start));
  CHECK(client.received().substr(start.size() + 29) == "\r\nserver: outrider\r\n\r\n");
}

}  // namespace
}  // namespace outrider::testing
