// SPDX-License-Identifier: MIT
#include "cases.h"

#include <doctest/doctest.h>

#include "routes.h"
#include "server/tls.h"
#include "testing/fragmenter.h"
#include "testing/tls_client.h"

namespace outrider::testing {
namespace {

struct CaseServer : Server {
  explicit CaseServer(Transport transport) : Server(Limits(), transport) { add_routes(application()); }
};

void converse(CaseServer& server, Client& client, const Case& row, const Fragments& fragments) {
  const std::size_t handled = server.application().count();
  for (const std::string_view fragment : fragments) client.send(fragment);
  if (row.client_half_closes) client.end();
  const bool is_answered = server.run_until(
      [&] { return client.received().size() >= row.received.size() && client.is_ended() >= row.server_closes; });
  server.settle();
  CHECK(is_answered);
  CHECK(compared(row, client.received()) == row.received);
  CHECK(client.is_ended() == row.server_closes);
  CHECK(!client.was_reset());
  if (row.handled.has_value()) CHECK(server.application().count() - handled == *row.handled);
}

// A client that goes must leave nothing behind.
void expect_gone(CaseServer& server, Client& client) {
  client.end();
  CHECK(server.run_until([&] { return server.engine().connection_count() == 0; }));
  CHECK(server.engine().exchange_count() == 0);
}

TEST_CASE("every conversation goes the same however its bytes are cut") {
  for (const Case& row : cases()) {
    INFO(row.name);
    CaseServer server(Transport::Memory);
    for_each_fragmentation(row.sent, [&](const Fragments& fragments) {
      MemoryClient& client = server.connect_memory();
      converse(server, client, row, row.sent.empty() ? Fragments{} : fragments);
      expect_gone(server, client);
      server.forget_clients();
    });
  }
}

TEST_CASE("every conversation goes the same while other connections have theirs") {
  CaseServer server(Transport::Memory);
  std::vector<MemoryClient*> clients;
  for (const Case& row : cases()) {
    clients.push_back(&server.connect_memory());
    clients.back()->send_cut(row.sent, 7);
    if (row.client_half_closes) clients.back()->end();
  }
  server.settle();
  for (std::size_t i = 0; i < clients.size(); ++i) {
    INFO(cases()[i].name);
    CHECK(compared(cases()[i], clients[i]->received()) == cases()[i].received);
    CHECK(clients[i]->is_ended() == cases()[i].server_closes);
  }
}

TEST_CASE("every conversation goes the same when the client takes a few bytes at a time") {
  for (const Case& row : cases()) {
    INFO(row.name);
    CaseServer server(Transport::Memory);
    MemoryClient& client = server.connect_memory();
    client.stop_taking();
    client.send(row.sent);
    if (row.client_half_closes) client.end();
    const std::size_t step = row.received.size() / 100 + 1;
    for (std::size_t taken = 0; taken < row.received.size(); taken += step) {
      server.settle();
      client.allow(step);
    }
    server.settle();
    CHECK(compared(row, client.received()) == row.received);
    CHECK(client.is_ended() == row.server_closes);
  }
}

TEST_CASE("every conversation goes the same over TCP") {
  CaseServer server(Transport::Tcp);
  for (const Case& row : cases()) {
    INFO(row.name);
    Client& client = server.connect();
    converse(server, client, row, {row.sent});
    expect_gone(server, client);
  }
}

TEST_CASE("every conversation goes the same over TLS") {
  const server::Tls tls(TlsConfig::throw_away(), {});
  CaseServer server(Transport::Memory);
  server.engine().secure(tls);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const Case& row : cases()) {
      INFO(row.name);
      auto made = std::make_unique<TlsClient>(server.loop(),
                                              TlsClientOptions{.least_version = version, .most_version = version});
      server.engine().serve(made->memory().take_stream());
      Client& client = server.add(std::move(made));
      converse(server, client, row, {row.sent});
      expect_gone(server, client);
    }
  }
}

TEST_CASE("every conversation goes the same over a Unix socket") {
  CaseServer server(Transport::Unix);
  for (const Case& row : cases()) {
    INFO(row.name);
    Client& client = server.connect();
    converse(server, client, row, {row.sent});
    expect_gone(server, client);
  }
}

}  // namespace
}  // namespace outrider::testing
