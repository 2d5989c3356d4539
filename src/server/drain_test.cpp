// SPDX-License-Identifier: MIT
#include "server/drain.h"

#include <doctest/doctest.h>

#include <string>

#include "server/engine.h"
#include "testing/harness.h"

namespace outrider::server {
namespace {

using http::Disconnect;
using http::More;
using testing::MemoryClient;
using testing::Recorded;
using namespace std::chrono_literals;

using Server = testing::Harness<Engine>;

constexpr auto kLong = 1h;
constexpr StopPolicy kPatient{kLong, kLong, kLong, true};

std::string get(const std::string& target) { return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"; }

// A client with an exchange that the test goes on with.
Recorded& begin_exchange(Server& server, MemoryClient& client, const std::string& target = "/later") {
  server.exchange(client, get(target));
  return server.application().last();
}

struct Counts {
  uint64_t completed = 0, disconnected = 0, cancelled = 0, aborted = 0;
};

void expect_report(const Server& server, const Counts& counts) {
  REQUIRE(server.reports().size() == 1);
  const StopReport& report = server.reports()[0];
  CHECK(report.completed == counts.completed);
  CHECK(report.disconnected == counts.disconnected);
  CHECK(report.cancelled == counts.cancelled);
  CHECK(report.aborted == counts.aborted);
}

bool run_until_drained(Server& server) {
  return server.run_until([&] { return !server.reports().empty(); });
}

TEST_CASE("a drain without connections is over at once") {
  Server server;
  server.drain(kPatient);
  CHECK(run_until_drained(server));
  expect_report(server, {});
  CHECK(server.reports()[0].elapsed < 10s);
}

TEST_CASE("idle connections are closed at once, and what hasn't become a request is dropped") {
  Server server;
  MemoryClient& fresh = server.connect_memory();
  MemoryClient& used = server.connect_memory();
  MemoryClient& partial = server.connect_memory();
  begin_exchange(server, used).respond(200, "x");
  server.exchange(partial, "GET / HTTP/1.1\r\nHo");
  server.drain(kPatient);
  CHECK(run_until_drained(server));
  expect_report(server, {});
  for (const MemoryClient* client : {&fresh, &used, &partial}) {
    CHECK(client->is_closed());
    CHECK(!client->was_reset());
  }
  CHECK(server.engine().connection_count() == 0);
}

TEST_CASE("a running exchange completes, and says that the connection closes") {
  Server server;
  MemoryClient& client = server.connect_memory();
  Recorded& exchange = begin_exchange(server, client);
  server.drain(kPatient);
  server.settle();
  CHECK(server.reports().empty());
  exchange.respond(200, "done");
  CHECK(run_until_drained(server));
  expect_report(server, {.completed = 1});
  CHECK(client.received() == "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\ndone");
  CHECK(client.is_closed());
  CHECK(!client.was_reset());
  CHECK(exchange.told_stop == 0);
}

TEST_CASE("a response whose head was sent before the stop is completed, and then the connection closes") {
  Server server;
  MemoryClient& client = server.connect_memory();
  Recorded& exchange = begin_exchange(server, client);
  exchange.begin(200, {{"content-length", "2"}});
  exchange.write("a", More::Yes);
  server.drain(kPatient);
  exchange.write("b", More::No);
  CHECK(run_until_drained(server));
  expect_report(server, {.completed = 1});
  CHECK(client.received().ends_with("\r\n\r\nab"));
  CHECK(!client.was_reset());
}

TEST_CASE("requests that came before the stop are answered, later ones aren't") {
  Server server;
  server.application().route("/quick", [](Recorded& exchange) { exchange.respond(200, ""); });
  MemoryClient& client = server.connect_memory();
  client.send(get("/quick"));
  server.drain(kPatient);
  MemoryClient& late = server.connect_memory();
  CHECK(late.is_closed());
  CHECK(run_until_drained(server));
  CHECK(server.reports()[0].completed <= 1);
  CHECK(client.is_closed());
}

TEST_CASE("an exchange is told after the grace, and counted as disconnected when it ends then") {
  Server server;
  MemoryClient& client = server.connect_memory();
  Recorded& exchange = begin_exchange(server, client);
  exchange.on_stop_do = [](Recorded& told) { told.respond(503, ""); };
  server.drain({1ms, kLong, kLong, true});
  CHECK(run_until_drained(server));
  CHECK(exchange.told_stop == 1);
  CHECK(exchange.told_cancel == 0);
  expect_report(server, {.disconnected = 1});
  CHECK(client.received().starts_with("HTTP/1.1 503 "));
}

TEST_CASE("an exchange that doesn't end when told is cancelled") {
  Server server;
  MemoryClient& client = server.connect_memory();
  Recorded& exchange = begin_exchange(server, client);
  exchange.on_cancel_do = [](Recorded& cancelled) { cancelled.respond(500, ""); };
  server.drain({1ms, 1ms, kLong, true});
  CHECK(run_until_drained(server));
  CHECK(exchange.told_stop == 1);
  CHECK(exchange.told_cancel == 1);
  expect_report(server, {.cancelled = 1});
}

TEST_CASE("who holds a stop up is named, by the report and after a while") {
  Server server;
  MemoryClient& client = server.connect_memory();
  Recorded& exchange = begin_exchange(server, client);
  std::vector<std::string> told;
  server.engine().on_held_up(1ms, [&](const std::vector<std::string>& running) { told = running; });
  exchange.on_stop_do = [](Recorded& stopped) { stopped.respond(503, ""); };
  server.drain({20ms, kLong, kLong, true});
  CHECK(run_until_drained(server));
  REQUIRE(told.size() == 1);
  CHECK(told[0].starts_with("GET /later (0."));
  REQUIRE(server.reports()[0].held_up.size() == 1);
  CHECK(server.reports()[0].held_up[0].starts_with("GET /later (0."));
}

TEST_CASE("an exchange that doesn't end when cancelled is cut off") {
  Server server;
  MemoryClient& client = server.connect_memory();
  Recorded& exchange = begin_exchange(server, client);
  server.drain({1ms, 1ms, 1ms, true});
  CHECK(run_until_drained(server));
  CHECK(exchange.told_stop == 1);
  CHECK(exchange.told_cancel == 1);
  CHECK(exchange.disconnects == 1);
  CHECK(exchange.reason == Disconnect::Aborted);
  CHECK(client.was_reset());
  expect_report(server, {.aborted = 1});
  CHECK(server.engine().exchange_count() == 0);
}

TEST_CASE("an immediate stop cuts everything off") {
  Server server;
  MemoryClient& running = server.connect_memory();
  MemoryClient& idle = server.connect_memory();
  begin_exchange(server, running);
  server.drain(StopPolicy::immediate());
  CHECK(run_until_drained(server));
  expect_report(server, {.aborted = 1});
  CHECK(running.was_reset());
  CHECK(idle.is_closed());
  CHECK(!idle.was_reset());
}

TEST_CASE("a stream is told at once, and counted when it ends right then") {
  Server server;
  MemoryClient& client = server.connect_memory();
  MemoryClient& other = server.connect_memory();
  Recorded& stream = begin_exchange(server, client);
  stream.begin(200);
  stream.write("event", More::Yes);
  stream.on_stop_do = [](Recorded& told) { told.write("", More::No); };
  Recorded& plain = begin_exchange(server, other);
  server.drain({kLong, kLong, kLong, false});
  CHECK(stream.told_stop == 1);
  CHECK(plain.told_stop == 0);
  plain.respond(200, "");
  CHECK(run_until_drained(server));
  expect_report(server, {.completed = 1, .disconnected = 1});
  CHECK(client.received().ends_with("0\r\n\r\n"));
}

TEST_CASE("a stream has the grace when the policy says so") {
  Server server;
  MemoryClient& client = server.connect_memory();
  Recorded& stream = begin_exchange(server, client);
  stream.begin(200);
  stream.write("event", More::Yes);
  server.drain(kPatient);
  server.settle();
  CHECK(stream.told_stop == 0);
  stream.write("", More::No);
  CHECK(run_until_drained(server));
  expect_report(server, {.completed = 1});
}

TEST_CASE("an exchange is told once, whatever stages it lives through") {
  Server server;
  MemoryClient& client = server.connect_memory();
  Recorded& stream = begin_exchange(server, client);
  stream.begin(200);
  stream.write("event", More::Yes);
  stream.on_cancel_do = [](Recorded& cancelled) { cancelled.abort(); };
  server.drain({1ms, 1ms, kLong, false});
  CHECK(run_until_drained(server));
  CHECK(stream.told_stop == 1);
  CHECK(stream.told_cancel == 1);
  expect_report(server, {.cancelled = 1});
}

TEST_CASE("exchanges that end in different stages are counted in each") {
  Server server;
  MemoryClient* clients[4];
  Recorded* exchanges[4];
  for (int i = 0; i < 4; ++i) {
    clients[i] = &server.connect_memory();
    exchanges[i] = &begin_exchange(server, *clients[i]);
  }
  exchanges[1]->on_stop_do = [](Recorded& told) { told.respond(200, ""); };
  exchanges[2]->on_cancel_do = [](Recorded& cancelled) { cancelled.respond(200, ""); };
  server.drain({1ms, 1ms, 1ms, true});
  exchanges[0]->respond(200, "");
  CHECK(run_until_drained(server));
  expect_report(server, {.completed = 1, .disconnected = 1, .cancelled = 1, .aborted = 1});
  CHECK(server.reports()[0].elapsed > 0us);
}

TEST_CASE("an exchange whose client goes is over by itself") {
  Server server;
  MemoryClient& client = server.connect_memory();
  begin_exchange(server, client);
  server.drain(kPatient);
  client.reset();
  CHECK(run_until_drained(server));
  expect_report(server, {.completed = 1});
}

TEST_CASE("a response that is complete but hasn't left is waited for") {
  Server server;
  MemoryClient& client = server.connect_memory();
  client.allow(100);
  Recorded& exchange = begin_exchange(server, client);
  exchange.respond(200, std::string(100'000, 'x'));
  server.settle();
  server.drain(kPatient);
  server.settle();
  CHECK(server.reports().empty());
  client.go_on_taking();
  CHECK(run_until_drained(server));
  expect_report(server, {});
  CHECK(client.received().ends_with(std::string(1000, 'x')));
  CHECK(client.received().size() > 100'000);
  CHECK(!client.was_reset());
}

TEST_CASE("a response that its client doesn't take has the grace, and is then cut off and named") {
  Server server;
  MemoryClient& client = server.connect_memory();
  client.allow(100);
  begin_exchange(server, client).respond(200, std::string(100'000, 'x'));
  server.settle();
  server.drain({1ms, kLong, kLong, true});
  CHECK(run_until_drained(server));
  expect_report(server, {.aborted = 1});
  const std::vector<std::string>& held_up = server.reports()[0].held_up;
  REQUIRE(held_up.size() == 1);
  CHECK(held_up[0].starts_with("a response that "));
  CHECK(held_up[0].ends_with(" doesn't take"));
  CHECK(client.was_reset());
}

TEST_CASE("a head that comes while the last response is on its way doesn't cost that response") {
  Server server;
  MemoryClient& client = server.connect_memory();
  client.allow(100);
  begin_exchange(server, client).respond(200, std::string(100'000, 'x'));
  server.exchange(client, "GET / HT");
  server.drain(kPatient);
  server.settle();
  CHECK(!client.is_closed());
  client.go_on_taking();
  CHECK(run_until_drained(server));
  CHECK(client.received().size() > 100'000);
}

TEST_CASE("a second drain only makes the first one hurry") {
  Server server;
  MemoryClient& client = server.connect_memory();
  Recorded& exchange = begin_exchange(server, client);
  server.drain(kPatient);
  server.settle();
  server.drain({2 * kLong, 2 * kLong, 2 * kLong, true});  // later: no effect
  server.settle();
  CHECK(exchange.told_stop == 0);
  server.drain({1ms, 1ms, 1ms, true});
  CHECK(server.run_until([&] { return server.reports().size() == 3; }));
  CHECK(exchange.disconnects == 1);
  for (const StopReport& report : server.reports()) CHECK(report.aborted == 1);
}

TEST_CASE("a patient second drain doesn't slow the first one down") {
  Server server;
  MemoryClient& client = server.connect_memory();
  begin_exchange(server, client);
  server.drain({50ms, 1ms, 1ms, true});
  server.drain(kPatient);
  CHECK(server.run_until([&] { return server.reports().size() == 2; }, 5s));
}

TEST_CASE("a drain after the end is told how the first one went") {
  Server server;
  MemoryClient& client = server.connect_memory();
  begin_exchange(server, client);
  server.drain(StopPolicy::immediate());
  CHECK(run_until_drained(server));
  server.drain(kPatient);
  CHECK(server.run_until([&] { return server.reports().size() == 2; }, 5s));
  CHECK(server.reports()[1].aborted == 1);
}

TEST_CASE("a drain that a handler asks for lets that handler finish") {
  Server server;
  server.application().route("/stop", [&server](Recorded& exchange) {
    server.drain(kPatient);
    exchange.respond(200, "stopping");
  });
  MemoryClient& client = server.connect_memory();
  client.send(get("/stop"));
  CHECK(run_until_drained(server));
  expect_report(server, {.completed = 1});
  CHECK(client.received().ends_with("connection: close\r\n\r\nstopping"));
}

TEST_CASE("a drain closes the listeners, and what arrives then is refused") {
  for (const testing::Transport transport : {testing::Transport::Tcp, testing::Transport::Unix}) {
    Server server(Limits(), transport);
    testing::Client& client = server.connect();
    server.exchange(client, get("/later"));
    CHECK(server.run_until([&] { return server.application().count() == 1; }));
    server.drain(kPatient);
    server.settle();
    const int fd = ::socket(server.address().family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(::connect(fd, server.address().raw(), server.address().length()) != 0);
    ::close(fd);
    server.application().last().respond(200, "last");
    CHECK(run_until_drained(server));
    CHECK(server.run_until([&] { return client.is_ended(); }));
    CHECK(client.received().ends_with("last"));
    CHECK(!client.was_reset());
  }
}

TEST_CASE("a report reads as a sentence") {
  StopReport report;
  report.completed = 3;
  report.disconnected = 1;
  report.elapsed = 2100us;
  CHECK(report.to_string() == "stopped in 2.1 ms: 3 completed, 1 disconnected, 0 cancelled, 0 aborted");
}

}  // namespace
}  // namespace outrider::server
