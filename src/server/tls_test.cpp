// SPDX-License-Identifier: MIT

// https as the C++ face has it: the URL, what a handler sees, reload, and the end.

#include "server/tls.h"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "outrider/outrider.h"
#include "testing/blocking_client.h"
#include "testing/hello_app.h"
#include "testing/secured_client.h"

namespace outrider {
namespace {

using testing::BlockingClient;
using testing::SecuredClient;
using testing::TlsClientOptions;
using testing::TlsTestClient;

App secured_app() {
  App app = testing::hello_app();
  app.get("/tls", [](Request& request) {
    const TlsInfo* info = request.tls();
    if (info == nullptr) return "no tls, " + std::string(request.scheme());
    return info->version_name + " for " + info->server_name + ", " + std::string(request.scheme());
  });
  app.get("/stream", [] {
    const auto stream = [](ResponseWriter& out) -> Task<void> {
      while (true) {
        co_await out.write("tick");
        co_await out.request().sleep(std::chrono::milliseconds(5));
      }
    };
    return Response::stream(stream);
  });
  return app;
}

const TlsConfig& throw_away() {
  static const TlsConfig config = TlsConfig::throw_away();
  return config;
}

TEST_CASE("a handler sees what the handshake came to, and an absolute https target is taken") {
  const Server server = serve(secured_app(), {.tls = throw_away()});
  CHECK(server.url() == "https://127.0.0.1:" + std::to_string(server.port()));
  CHECK(server.ca_pem() == throw_away().ca_pem);
  REQUIRE(server.chromium_arguments().size() == 1);
  CHECK(server.chromium_arguments()[0].find("--ignore-certificate-errors-spki-list=") == 0);
  SecuredClient client(server);
  CHECK(client.get("/tls", "TLSv1.3 for localhost, https"));
  CHECK(client.get("https://localhost/tls?", "\r\n\r\nTLSv1.3 for localhost, https"));
  const Server plain = serve(secured_app());
  BlockingClient other(plain.port());
  other.get("/tls");
  CHECK(other.read_until("no tls, http"));
  CHECK(plain.ca_pem() == "");
  CHECK(plain.chromium_arguments().empty());
}

TEST_CASE("TLS that can't be had fails the start, and takes no place for that time") {
  const Server other = serve(testing::hello_app());
  std::string message;
  try {
    // Were the port asked for first, the error would be about that.
    const Server server = serve(App(), {.port = other.port(), .tls = TlsConfig::files("/nowhere.pem")});
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Tls);
    message = error.what();
  }
  CHECK(message == "can't read the certificate '/nowhere.pem': No such file or directory");
}

TEST_CASE("[threads] a reload while connections come reaches all loops, and one that fails changes nothing") {
  Server server = serve(secured_app(), {.threads = 2, .tls = throw_away()});
  SecuredClient before(server);
  CHECK(before.get("/tls", "TLSv1.3"));
  CHECK_THROWS_AS(server.reload_tls(TlsConfig::files("/nowhere.pem")), Error);
  server.reload_tls();
  CHECK(server.ca_pem() == throw_away().ca_pem);
  server.reload_tls(TlsConfig::throw_away());
  CHECK(server.ca_pem() != throw_away().ca_pem);
  for (int i = 0; i < 8; ++i) {
    SecuredClient after(server);
    CHECK(after.get("/tls", "TLSv1.3"));
  }
  CHECK(before.get("/stream", "tick"));
  Server plain = serve(App());
  CHECK_THROWS_AS(plain.reload_tls(), Error);
}

TEST_CASE("[threads] handshakes are limited over all loop threads, and all get their turn") {
  Config config{.threads = 3, .tls = throw_away()};
  config.limits.tls_handshakes_max = 2;
  const Server server = serve(secured_app(), config);
  std::vector<std::unique_ptr<SecuredClient>> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(std::make_unique<SecuredClient>(server));
    clients.back()->socket.send(clients.back()->tls.take_output());
  }
  // In another order than that in which they came: who has a place mustn't wait for who hasn't.
  std::vector<bool> is_done(clients.size());
  for (std::size_t i = 0; i < clients.size(); ++i) is_done[i] = clients[i]->get("/tls", "TLSv1.3");
  CHECK(is_done == std::vector<bool>(clients.size(), true));
}

TEST_CASE("[threads] a stop with https connections that are idle, streaming and in their handshake is on time") {
  Config config{.threads = 2, .tls = throw_away()};
  config.limits.keep_alive_timeout = std::chrono::hours(1);
  config.limits.tls_handshake_timeout = std::chrono::hours(1);
  Server server = serve(secured_app(), config);
  std::vector<std::unique_ptr<SecuredClient>> clients;
  std::vector<std::unique_ptr<BlockingClient>> halves;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<SecuredClient>(server));
    REQUIRE(clients.back()->get(i % 2 == 0 ? "/tls" : "/stream", i % 2 == 0 ? "TLSv1.3" : "tick"));
    halves.push_back(std::make_unique<BlockingClient>(server.port()));
    halves.back()->send(i % 2 == 0 ? "" : "\x16\x03\x01");
  }
  const StopReport report = server.stop();
  CHECK(report.disconnected + report.cancelled == 10);
  CHECK(report.aborted == 0);
  CHECK(report.elapsed < std::chrono::seconds(10));
  // Who was idle is told in order.
  CHECK(!clients[0]->read_until("more"));
  CHECK(clients[0]->tls.is_ended());
}

}  // namespace
}  // namespace outrider
