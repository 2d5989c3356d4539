// SPDX-License-Identifier: MIT
#include "net/tls_stream.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <chrono>

#include "loop/host_lock.h"
#include "net/tls_authority.h"
#include "testing/fragmenter.h"
#include "testing/tls_test_server.h"

namespace outrider::net {
namespace {

using testing::throw_away_config;
using testing::TlsClientOptions;
using testing::TlsTestConnection;
using testing::TlsTestServer;

const std::string kHello = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

TlsClientOptions with_version(int version) { return {.least_version = version, .most_version = version}; }

TEST_CASE("a handshake is done, and bytes go both ways, whole and byte by byte, with TLS 1.2 and 1.3") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const std::size_t fragment : {0U, 1U, 3U, 100U}) {
      TlsTestServer server;
      TlsClientOptions options = with_version(version);
      options.ca_pem = throw_away_config().ca_pem;
      TlsTestConnection connection(server, options);
      connection.owner.echoes = true;
      connection.turn(fragment);
      CHECK(connection.client.error() == "");
      REQUIRE(connection.client.is_connected());
      CHECK(connection.owner.data == "");
      connection.client.write(kHello);
      connection.turn(fragment);
      CHECK(connection.owner.data == kHello);
      CHECK(connection.client.received() == kHello);
      REQUIRE(connection.stream->tls() != nullptr);
      CHECK(connection.stream->tls()->version == version);
      connection.client.close();
      connection.turn(fragment);
      CHECK(connection.owner.is_ended);
      connection.stream.reset();
      connection.turn();
      CHECK(connection.client.is_ended());
      CHECK(connection.memory.is_closed());
      CHECK(server.refused.empty());
    }
  }
}

TEST_CASE("a client's handshake and request can be cut anywhere") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    // What the client says depends on what it hears, so each cut has a handshake of its own; the cut falls into its
    // first flight, its second, or its request.
    for (std::size_t cut = 1; cut < 1200; cut += 1 + cut / 100) {
      TlsTestServer server;
      TlsTestConnection connection(server, with_version(version));
      std::size_t sent = 0;
      const auto turn = [&] {
        const std::string output = connection.client.take_output();
        const std::size_t at = cut > sent && cut < sent + output.size() ? cut - sent : output.size();
        sent += output.size();
        connection.memory.send(output.substr(0, at));
        server.settle();
        connection.memory.send(output.substr(at));
        server.settle();
        connection.client.receive(connection.memory.received());
        connection.memory.forget();
      };
      for (int i = 0; i < 3; ++i) turn();
      connection.client.write(kHello);
      turn();
      REQUIRE(connection.owner.data == kHello);
    }
  }
}

TEST_CASE(
    "garbage in the place of each of the client's flights ends the connection, and its owner gets nothing of it") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (int flight = 0; flight < 3; ++flight) {
      for (const std::string& garbage :
           {std::string("\x16\x03\x01\x00\x05hello"), std::string(300, '\0'),
            std::string("\x17\x03\x03\x00\x20") + std::string(32, 'x'),
            std::string("\x15\x03\x03\x00\x02\x02\x28", 7), std::string(70000, '\xff')}) {
        TlsTestServer server;
        TlsTestConnection connection(server, with_version(version));
        for (int i = 0; i < flight; ++i) {
          connection.memory.send(connection.client.take_output());
          server.settle();
          connection.client.receive(connection.memory.received());
          connection.memory.forget();
        }
        connection.memory.send(garbage);
        server.settle();
        connection.memory.end();
        server.settle();
        CHECK(connection.owner.data == "");
        CHECK((connection.owner.error != 0 || connection.owner.is_ended));
        connection.stream.reset();
        server.settle();
        CHECK(connection.memory.is_closed());
      }
    }
  }
}

TEST_CASE("a record that was changed on the way breaks the connection, and its owner gets none of it") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsTestServer server;
    TlsTestConnection connection(server, with_version(version));
    connection.turn();
    connection.client.write(kHello);
    std::string record = connection.client.take_output();
    record[record.size() / 2] = static_cast<char>(record[record.size() / 2] ^ 1);
    connection.memory.send(record);
    server.settle();
    CHECK(connection.owner.data == "");
    CHECK(connection.owner.error == EPROTO);
    CHECK(!connection.memory.is_being_read());
    CHECK(!connection.memory.received().empty());  // the alert
  }
}

// Each step of a connection's life, for one of the two sides to leave at it.
template <class Leave>
void leave_at_each_step(Leave leave) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (int step = 0; step < 8; ++step) {
      TlsTestServer server;
      TlsTestConnection connection(server, with_version(version));
      connection.owner.echoes = true;
      for (int i = 0; i < step; ++i) {
        if (i == 4) connection.client.write(kHello);
        if (i == 6) connection.client.close();
        connection.memory.send(connection.client.take_output());
        server.settle();
        connection.client.receive(connection.memory.received());
        connection.memory.forget();
      }
      leave(server, connection);
      server.settle();
      connection.stream.reset();
      server.settle();
      CHECK(connection.memory.is_closed());
    }
  }
}

TEST_CASE("a client may leave at every step, with a word, without one, and by a reset") {
  leave_at_each_step([](TlsTestServer& server, TlsTestConnection& connection) {
    connection.memory.end();
    server.settle();
    CHECK(connection.owner.is_ended);
    CHECK(connection.owner.error == 0);
  });
  leave_at_each_step([](TlsTestServer& server, TlsTestConnection& connection) {
    connection.memory.reset();
    server.settle();
    CHECK((connection.owner.error == ECONNRESET || connection.owner.is_ended));
  });
  leave_at_each_step([](TlsTestServer& server, TlsTestConnection& connection) {
    connection.client.close();
    connection.turn();
    connection.memory.end();
    server.settle();
    CHECK(connection.owner.is_ended);
  });
}

TEST_CASE("the server may leave at every step, at once, by a reset, and with the end of its bytes first") {
  leave_at_each_step([](TlsTestServer&, TlsTestConnection& connection) { connection.stream.reset(); });
  leave_at_each_step([](TlsTestServer&, TlsTestConnection& connection) {
    connection.stream->reset_on_close();
    connection.stream.reset();
    CHECK(connection.memory.was_reset());
  });
  leave_at_each_step([](TlsTestServer&, TlsTestConnection& connection) {
    const bool was_secured = connection.stream->is_secured();
    connection.stream->shut_write();
    connection.stream->shut_write();  // once is enough
    connection.turn();
    CHECK(connection.memory.is_ended());
    if (was_secured) CHECK(connection.client.is_ended());
  });
}

TEST_CASE("a stream that is destroyed in the middle of a write doesn't say that its bytes have ended") {
  for (const bool is_written : {true, false}) {
    TlsTestServer server;
    TlsTestConnection connection(server);
    connection.turn();
    const std::string much(3'000'000, 'x');
    const std::string_view piece = much;
    connection.stream->write({&piece, 1});
    if (is_written) {
      connection.turn();
    } else {
      server.loop.pass();  // the peer takes all, but others have their turn before the rest
    }
    CHECK((connection.stream->unwritten() == 0) == is_written);
    connection.stream.reset();
    connection.turn();
    CHECK((connection.client.received().size() == much.size()) == is_written);
    CHECK(connection.client.is_ended() == is_written);
  }
}

TEST_CASE("a stream may be destroyed inside each of its callbacks") {
  for (int callback = 0; callback < 4; ++callback) {
    TlsTestServer server;
    TlsTestConnection connection(server);
    const auto destroy = [&] { connection.stream.reset(); };
    if (callback == 0) connection.owner.on_data_do = destroy;
    if (callback == 1) connection.owner.on_end_do = destroy;
    if (callback >= 2) connection.owner.on_error_do = destroy;
    connection.turn();
    if (callback == 2) {
      connection.memory.reset();
    } else {
      connection.client.write(kHello);
      if (callback == 1) connection.client.close();
      std::string output = connection.client.take_output();
      if (callback == 3) output.back() = static_cast<char>(output.back() ^ 1);
      connection.memory.send(output + output);
    }
    server.settle();
    CHECK(connection.stream == nullptr);
    CHECK(connection.memory.is_closed());
  }
}

TEST_CASE("after the end of our bytes the peer's are still read") {
  TlsTestServer server;
  TlsTestConnection connection(server);
  connection.turn();
  connection.stream->shut_write();
  connection.turn();
  REQUIRE(connection.client.is_ended());
  connection.client.write(kHello);
  connection.turn();
  CHECK(connection.owner.data == kHello);
}

TEST_CASE("what comes while nobody reads is kept, and given when somebody reads again, the end behind it") {
  TlsTestServer server;
  TlsTestConnection connection(server);
  connection.turn();
  // Every record stops the reading; several came at once.
  connection.owner.on_data_do = [&] { connection.stream->stop_reading(); };
  std::string sent;
  for (int i = 0; i < 12; ++i) {
    const std::string piece(16000, static_cast<char>('a' + i));
    connection.client.write(piece);
    sent += piece;
  }
  connection.memory.send(connection.client.take_output());
  connection.memory.end();
  server.settle();
  for (int i = 0; i < 200 && !connection.owner.is_ended; ++i) {
    const std::size_t before = connection.owner.data.size();
    connection.stream->start_reading();
    CHECK(connection.owner.data.size() == before);  // not from within the call
    server.settle();
  }
  CHECK(connection.owner.is_ended);
  CHECK(connection.owner.data == sent);
}

TEST_CASE("much is written as fast as the peer takes it, and the owner is told when all has left") {
  for (const std::size_t step : {1U, 1000U, 100'000U}) {
    TlsTestServer server;
    TlsTestConnection connection(server);
    connection.turn();
    connection.memory.allow(0);
    const std::string large = [] {
      std::string text;
      for (int i = 0; i < 40000; ++i) text += std::to_string(i) + " ";
      return text;
    }();
    const std::size_t size = step == 1 ? 3000 : large.size();
    connection.owner.write(std::string_view(large).substr(0, size));
    CHECK(connection.owner.queue.is_in_flight());
    CHECK(connection.owner.writes_done == 0);
    std::size_t left = connection.stream->unwritten();
    CHECK(left > 0);
    for (int i = 0; i < 10000 && connection.owner.queue.is_in_flight(); ++i) {
      connection.memory.allow(step);
      server.settle();
      CHECK(connection.stream->unwritten() <= left + 200);  // records have heads
      left = connection.stream->unwritten();
    }
    CHECK(connection.owner.writes_done == 1);
    CHECK(connection.owner.write_code == 0);
    CHECK(connection.stream->unwritten() == 0);
    connection.memory.allow(testing::MemoryClient::kEverything);
    connection.turn();
    CHECK(connection.client.received() == large.substr(0, size));
    connection.owner.write("and on it goes");
    connection.turn();
    CHECK(connection.client.received() == large.substr(0, size) + "and on it goes");
  }
}

TEST_CASE("small pieces leave as one record") {
  TlsTestServer server;
  TlsTestConnection connection(server, with_version(TLS1_3_VERSION));
  connection.turn();
  const std::vector<std::string_view> pieces{"head", "", "and", "content"};
  CHECK(connection.stream->try_write(pieces) == 14);
  CHECK(connection.memory.received().size() == 14 + 5 + 1 + 16);  // RFC 8446 §5.2: header, kind, tag
  connection.turn();
  CHECK(connection.client.received() == "headandcontent");
}

TEST_CASE("what is written before the handshake is done leaves behind it") {
  TlsTestServer server;
  TlsTestConnection connection(server);
  const std::string_view piece = "early";
  CHECK(connection.stream->try_write({&piece, 1}) == 0);
  connection.stream->write({&piece, 1});
  CHECK(connection.owner.writes_done == 0);
  connection.turn();
  CHECK(connection.owner.writes_done == 1);
  CHECK(connection.client.received() == "early");
}

TEST_CASE("a peer that breaks off while it is written to is told by the write") {
  TlsTestServer server;
  TlsTestConnection connection(server);
  connection.turn();
  connection.memory.allow(10);
  connection.owner.write(std::string(300'000, 'x'));
  REQUIRE(connection.owner.queue.is_in_flight());
  connection.memory.break_writing();
  server.settle();
  CHECK(connection.owner.write_code == EPIPE);
  CHECK(connection.owner.writes_done == 1);
}

TEST_CASE("versions before TLS 1.2 are refused") {
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    TlsTestServer server;
    TlsTestConnection connection(server, with_version(version));
    connection.turn();
    CHECK(!connection.client.is_connected());
    CHECK(connection.client.error() == "tlsv1 alert protocol version");
    CHECK(server.refused == std::vector<std::string>{"the TLS handshake failed: unsupported protocol"});
    CHECK(connection.memory.is_ended());
    connection.memory.end();
    server.settle();
    CHECK(connection.owner.error == EPROTO);
  }
  TlsConfig config = throw_away_config();
  config.minimum_version = TlsVersion::Tls13;
  TlsTestServer server(config);
  TlsTestConnection connection(server, with_version(TLS1_2_VERSION));
  connection.turn();
  CHECK(connection.client.error() == "tlsv1 alert protocol version");
}

TEST_CASE("ciphers without forward secrecy or authenticated encryption are refused") {
  TlsAuthority authority;
  TlsConfig config;  // with RSA, which the older ones are for
  config.certificate = authority.issue({.name = "rsa", .rsa_bits = 2048});
  for (const char* cipher : {"AES128-GCM-SHA256", "AES256-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA384",
                             "DHE-RSA-AES128-GCM-SHA256", "AECDH-AES128-SHA"}) {
    TlsTestServer server(config);
    TlsClientOptions options = with_version(TLS1_2_VERSION);
    options.ciphers = cipher;
    TlsTestConnection connection(server, options);
    connection.turn();
    CHECK(!connection.client.is_connected());
    CHECK(server.refused == std::vector<std::string>{"the TLS handshake failed: no shared cipher"});
  }
  TlsTestServer server(config);
  TlsTestConnection connection(server, with_version(TLS1_2_VERSION));
  connection.turn();
  CHECK(connection.stream->tls()->cipher_name == "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
  CHECK(connection.stream->tls()->cipher_suite == 0xc02f);
}

TEST_CASE("a client that asks for a new handshake in the middle gets none") {
  TlsTestServer server;
  TlsTestConnection connection(server, with_version(TLS1_2_VERSION));
  connection.turn();
  SSL_renegotiate(connection.client.ssl());
  SSL_do_handshake(connection.client.ssl());
  connection.turn();
  CHECK(connection.client.error() == "no renegotiation");
}

TEST_CASE("there is no compression") {
  TlsTestServer server;
  TlsTestConnection connection(server, with_version(TLS1_2_VERSION));
  SSL_clear_options(connection.client.ssl(), SSL_OP_NO_COMPRESSION);
  connection.turn();
  CHECK(SSL_get_current_compression(connection.client.ssl()) == nullptr);
}

TEST_CASE("a client that makes us answer without reading the answers is cut off") {
  TlsTestServer server;
  TlsTestConnection connection(server, with_version(TLS1_3_VERSION));
  connection.turn();
  connection.memory.allow(0);
  for (int i = 0; i < 20000 && connection.owner.error == 0; ++i) {
    SSL_key_update(connection.client.ssl(), SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(connection.client.ssl());
    connection.memory.send(connection.client.take_output());
    server.loop.pass();
  }
  CHECK(connection.owner.error == EPROTO);
}

TEST_CASE("ALPN: http/1.1 is chosen, and who names only others is refused") {
  const auto connect = [](const std::vector<std::string>& protocols, auto look) {
    TlsTestServer server;
    TlsTestConnection connection(server, {.protocols = protocols});
    connection.turn();
    look(server, connection);
  };
  const auto expect = [&](const std::vector<std::string>& protocols, const std::string& chosen) {
    connect(protocols, [&](TlsTestServer&, TlsTestConnection& connection) {
      REQUIRE(connection.client.is_connected());
      CHECK(connection.stream->tls()->alpn == chosen);
    });
  };
  expect({}, "");
  expect({"h2", "http/1.1"}, "http/1.1");
  expect({"http/1.0", "http/1.1"}, "http/1.1");
  expect({"http/1.0"}, "http/1.0");
  connect({"h2", "spdy/3"}, [](TlsTestServer& server, TlsTestConnection& connection) {
    CHECK(connection.client.error() == "tlsv1 alert no application protocol");
    CHECK(server.refused == std::vector<std::string>{"the TLS handshake failed: no application protocol"});
  });
}

TEST_CASE("a request in plain http is told that the port speaks https") {
  for (const std::size_t fragment : {0U, 1U}) {
    TlsTestServer server;
    TlsTestConnection connection(server);
    connection.memory.send_cut(kHello, fragment == 0 ? kHello.size() : fragment);
    server.settle();
    CHECK(connection.memory.received().find("HTTP/1.1 400 Bad Request\r\n") == 0);
    CHECK(connection.memory.received().ends_with(
        "\r\n\r\nthis port speaks https, and the request came as plain http\n"));
    CHECK(server.refused == std::vector<std::string>{"it speaks http, and this port https"});
    CHECK(connection.memory.is_ended());
    CHECK(connection.owner.data == "");
    // A client that never goes isn't waited for for ever.
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (connection.owner.error == 0 && std::chrono::steady_clock::now() < end) server.loop.pass();
    CHECK(connection.owner.error == EPROTO);
  }
}

TEST_CASE("a handshake that doesn't come to its end in time is broken off, whatever the client sends meanwhile") {
  TlsTestServer server(throw_away_config(), 0, 20);
  TlsTestConnection silent(server), slow(server), done(server);
  done.turn();
  slow.memory.send(slow.client.take_output().substr(0, 20));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while ((silent.owner.error == 0 || slow.owner.error == 0) && std::chrono::steady_clock::now() < end) {
    server.loop.pass();
  }
  CHECK(silent.owner.error == ETIMEDOUT);
  CHECK(slow.owner.error == ETIMEDOUT);
  CHECK(server.refused == std::vector<std::string>(2, "the TLS handshake took too long"));
  CHECK(done.owner.error == 0);
}

TEST_CASE("handshakes are limited below, at and above; those above wait, in order") {
  TlsTestServer server(throw_away_config(), 2);
  TlsTestConnection first(server), second(server), third(server), fourth(server);
  const auto begin = [&](TlsTestConnection& connection) {
    connection.memory.send(connection.client.take_output());
    server.settle();
  };
  begin(first);
  begin(second);
  begin(third);
  begin(fourth);
  CHECK(!first.memory.received().empty());
  CHECK(!second.memory.received().empty());
  CHECK(third.memory.received().empty());
  CHECK(!third.memory.is_being_read());
  TlsTestConnection silent(server);  // holds no place
  second.turn();
  REQUIRE(second.client.is_connected());
  CHECK(!third.memory.received().empty());
  CHECK(fourth.memory.received().empty());
  third.stream.reset();  // in the middle of its handshake
  server.settle();
  CHECK(!fourth.memory.received().empty());
  fourth.turn();
  CHECK(fourth.client.is_connected());
  first.turn();
  CHECK(first.client.is_connected());
  silent.turn();
  CHECK(silent.client.is_connected());
}

TEST_CASE("one that waits for its handshake may go, and its place goes to the next") {
  TlsTestServer server(throw_away_config(), 1);
  TlsTestConnection first(server), second(server), third(server);
  for (TlsTestConnection* each : {&first, &second, &third}) {
    each->memory.send(each->client.take_output());
    server.settle();
  }
  second.stream.reset();
  first.stream.reset();
  server.settle();
  third.turn();
  CHECK(third.client.is_connected());
}

TEST_CASE("the host's lock is released for handshakes and large chunks, and held whenever the owner is called") {
  struct Lock final : loop::HostLock {
    void release() override {
      CHECK(is_held);
      is_held = false;
      ++releases;
    }
    void acquire() override { is_held = true; }
    bool is_held = true;
    int releases = 0;
  };
  Lock lock;
  TlsTestServer server;
  server.loop.set_host_lock(&lock);
  TlsTestConnection connection(server);
  connection.owner.on_data_do = [&] { CHECK(lock.is_held); };
  connection.owner.on_end_do = [&] { CHECK(lock.is_held); };
  connection.turn();
  CHECK(lock.releases >= 2);  // a handshake's two steps
  const int before = lock.releases;
  connection.owner.write(std::string(1000, 'x'));
  connection.client.write(kHello);
  connection.turn();
  CHECK(lock.releases == before);  // small
  connection.owner.write(std::string(200'000, 'x'));
  CHECK(lock.releases == before + 3);
  connection.client.write(std::string(200'000, 'x'));
  connection.client.close();
  connection.turn();
  CHECK(lock.releases > before + 3);
  CHECK(connection.owner.data.size() == kHello.size() + 200'000);
  CHECK(connection.owner.is_ended);
  CHECK(lock.is_held);
}

}  // namespace
}  // namespace outrider::net
