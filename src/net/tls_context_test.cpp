// SPDX-License-Identifier: MIT
#include "net/tls_context.h"

#include <doctest/doctest.h>
#include <openssl/pem.h>

#include <cstdio>
#include <fstream>
#include <stdexcept>

#include "net/tls_authority.h"
#include "outrider/error.h"
#include "testing/temporary_folder.h"
#include "testing/tls_test_server.h"

namespace outrider::net {
namespace {

using testing::SessionPtr;
using testing::throw_away_config;
using testing::TlsClientOptions;
using testing::TlsTestConnection;
using testing::TlsTestServer;

std::string message_of(const TlsConfig& config) {
  try {
    const TlsContext context(config);
    return "";
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Tls);
    return error.what();
  }
}

TlsClientOptions naming(const std::string& server, int version = TLS1_3_VERSION) {
  return {.server_name = server, .least_version = version, .most_version = version};
}

// Who answers a client that names that server.
std::string shown_to(const TlsConfig& config, const std::string& server_name) {
  TlsTestServer server(config);
  TlsTestConnection connection(server, naming(server_name));
  connection.turn();
  return connection.client.error().empty() ? connection.client.server() : connection.client.error();
}

const TlsAuthority& authority() {
  static const TlsAuthority one;
  return one;
}

TlsConfig of_several() {
  TlsConfig config;
  config.certificate = authority().issue({.name = "default", .alternatives = "DNS:example.com"});
  config.more_certificates = {
      authority().issue({.name = "shop", .alternatives = "DNS:shop.example.com,DNS:SHOP.example.org"}),
      authority().issue({.name = "wild", .alternatives = "DNS:*.example.com"}),
  };
  return config;
}

TEST_CASE("a client that names a server is shown its certificate, and the default where there is none") {
  const TlsConfig config = of_several();
  CHECK(shown_to(config, "example.com") == "default");
  CHECK(shown_to(config, "shop.example.com") == "shop");
  CHECK(shown_to(config, "Shop.Example.ORG") == "shop");
  CHECK(shown_to(config, "other.example.com") == "wild");
  CHECK(shown_to(config, "a.b.example.com") == "default");
  CHECK(shown_to(config, ".example.com") == "default");
  CHECK(shown_to(config, "elsewhere.net") == "default");
  CHECK(shown_to(config, "") == "default");
}

TEST_CASE("of two certificates for a name, one with RSA, the client is shown the one that it can check") {
  TlsConfig config;
  config.certificate = authority().issue({.name = "ecdsa", .alternatives = "DNS:example.com"});
  config.more_certificates = {
      authority().issue({.name = "rsa", .alternatives = "DNS:example.com", .rsa_bits = 2048})};
  for (const char* name : {"example.com", ""}) {
    for (const bool is_rsa : {false, true}) {
      TlsTestServer server(config);
      TlsClientOptions options = naming(name, TLS1_2_VERSION);
      options.ciphers = is_rsa ? "ECDHE-RSA-AES128-GCM-SHA256" : "ECDHE-ECDSA-AES128-GCM-SHA256";
      TlsTestConnection connection(server, options);
      connection.turn();
      CHECK(connection.client.server() == (is_rsa ? "rsa" : "ecdsa"));
    }
  }
}

TEST_CASE("the program is asked for the certificate of a server that is named, and its answer remembered") {
  std::vector<std::string> asked;
  const TlsCertificate made = authority().issue({.name = "made"});
  TlsConfig config = of_several();
  config.certificate_for = [&](std::string_view name) -> std::optional<TlsCertificate> {
    asked.emplace_back(name);
    if (name == "broken.example.com") throw std::runtime_error("no");
    if (name == "empty.example.com") return TlsCertificate{};
    if (name == "made.example.com") return made;
    return std::nullopt;
  };
  CHECK(shown_to(config, "MADE.example.com") == "made");
  CHECK(shown_to(config, "shop.example.com") == "shop");
  CHECK(shown_to(config, "broken.example.com") == "tlsv1 alert internal error");
  CHECK(shown_to(config, "empty.example.com") == "tlsv1 alert internal error");
  CHECK(shown_to(config, "") == "default");
  CHECK(asked ==
        std::vector<std::string>{"made.example.com", "shop.example.com", "broken.example.com", "empty.example.com"});
}

TlsConfig that_asks(ClientCertificates how) {
  TlsConfig config = throw_away_config();
  config.client_certificates = how;
  config.client_ca = authority().pem();
  return config;
}

struct Shown {
  bool is_open;
  std::string name, error;
  std::size_t chain;
};

Shown shows(ClientCertificates how, const TlsCertificate& certificate, int version) {
  TlsTestServer server(that_asks(how));
  TlsClientOptions options = naming("localhost", version);
  options.certificate = certificate;
  TlsTestConnection connection(server, options);
  connection.turn();
  const TlsInfo* info = connection.stream->tls();
  if (info == nullptr) return {false, "", server.refused.at(0), 0};
  return {true, info->client_name, "", info->client_certificates.size()};
}

TEST_CASE("client certificates: a good one is shown to the application, one that isn't is refused, none as told") {
  const TlsAuthority unknown;
  const TlsCertificate none;
  const TlsCertificate good = authority().issue({.name = "ann, of \"A\"", .usage = "clientAuth"});
  const TlsCertificate expired = authority().issue({.name = "old", .usage = "clientAuth", .valid_for = -10});
  const TlsCertificate servers = authority().issue({.name = "server"});
  const TlsCertificate strangers = unknown.issue({.name = "eve", .usage = "clientAuth"});
  const std::string failed = "the TLS handshake failed: ";
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const auto how : {ClientCertificates::Optional, ClientCertificates::Required}) {
      const Shown shown = shows(how, good, version);
      CHECK(shown.is_open);
      CHECK(shown.name == R"(CN=ann\, of \"A\")");
      CHECK(shown.chain >= 1);
      CHECK(shows(how, expired, version).error == failed + "certificate verify failed (certificate has expired)");
      CHECK(shows(how, servers, version).error ==
            failed + "certificate verify failed (unsuitable certificate purpose)");
      CHECK(shows(how, strangers, version).error ==
            failed + "certificate verify failed (unable to get local issuer certificate)");
    }
    const Shown without = shows(ClientCertificates::Optional, none, version);
    CHECK(without.is_open);
    CHECK(without.name == "");
    CHECK(without.chain == 0);
    CHECK(shows(ClientCertificates::Required, none, version).error == failed + "peer did not return a certificate");
    TlsTestServer server;  // which doesn't ask
    TlsClientOptions options = naming("localhost", version);
    options.certificate = good;
    TlsTestConnection connection(server, options);
    connection.turn();
    CHECK(connection.stream->tls()->client_certificates.empty());
  }
}

// A connection that resumes the session, if there is one; returns its own.
SessionPtr connect(TlsTestServer& server, int version, SSL_SESSION* session, bool expected,
                   const TlsCertificate& certificate = {}) {
  TlsClientOptions options = naming("localhost", version);
  options.session = session;
  options.certificate = certificate;
  TlsTestConnection connection(server, options);
  connection.turn();
  REQUIRE(connection.client.is_connected());
  CHECK(connection.stream->tls()->is_resumed == expected);
  SessionPtr own(SSL_get1_session(connection.client.ssl()));
  REQUIRE(own != nullptr);
  connection.client.close();
  connection.turn();
  return own;
}

TEST_CASE("sessions are resumed, on another loop of the server, and after a reload") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto contexts = std::make_shared<TlsContexts>(throw_away_config());
    TlsTestServer one(contexts), other(contexts), stranger;
    const SessionPtr first = connect(one, version, nullptr, false);
    connect(one, version, first.get(), true);
    const SessionPtr second = connect(other, version, connect(one, version, nullptr, false).get(), true);
    connect(stranger, version, connect(one, version, nullptr, false).get(), false);
    const SessionPtr before = connect(one, version, nullptr, false);
    contexts->reload(throw_away_config());
    connect(one, version, before.get(), true);
  }
}

TEST_CASE("a session keeps the client's certificate, and isn't resumed by other rules of who is let in") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const TlsCertificate ann = authority().issue({.name = "ann", .usage = "clientAuth"});
    const auto contexts = std::make_shared<TlsContexts>(that_asks(ClientCertificates::Optional));
    TlsTestServer server(contexts);
    const SessionPtr session = connect(server, version, nullptr, false, ann);
    TlsClientOptions options = naming("localhost", version);
    options.session = session.get();
    TlsTestConnection connection(server, options);
    connection.turn();
    CHECK(connection.stream->tls()->is_resumed);
    CHECK(connection.stream->tls()->client_name == "CN=ann");
    const SessionPtr another = connect(server, version, nullptr, false, ann);
    const TlsAuthority others;
    TlsConfig changed = that_asks(ClientCertificates::Optional);
    changed.client_ca = others.pem();
    contexts->reload(changed);
    connect(server, version, another.get(), false);
  }
}

TEST_CASE("a reload is for new connections, and one that fails changes nothing") {
  const auto contexts = std::make_shared<TlsContexts>(of_several());
  TlsTestServer server(contexts);
  TlsTestConnection before(server, naming(""));
  before.turn();
  CHECK_THROWS_AS(contexts->reload(TlsConfig::files("/nowhere.pem")), Error);
  TlsTestConnection between(server, naming(""));
  between.turn();
  CHECK(between.client.server() == "default");
  TlsConfig config;
  config.certificate = authority().issue({.name = "new"});
  contexts->reload(config);
  TlsTestConnection after(server, naming(""));
  after.turn();
  CHECK(after.client.server() == "new");
  before.owner.echoes = true;
  before.client.write("still there");
  before.turn();
  CHECK(before.client.received() == "still there");
}

TEST_CASE("files are read, with a password where the key has one") {
  testing::TemporaryFolder folder;
  const TlsCertificate made = authority().issue({.name = "from a file"});
  const std::string both = folder.path_of("both.pem");
  std::ofstream(both) << made.certificate << made.private_key;
  CHECK(shown_to(TlsConfig::files(both), "") == "from a file");

  const std::string key = folder.path_of("key.pem");
  const BioPtr text(BIO_new_mem_buf(made.private_key.data(), static_cast<int>(made.private_key.size())));
  const KeyPtr read(PEM_read_bio_PrivateKey(text.get(), nullptr, nullptr, nullptr));
  const BioPtr file(BIO_new_file(key.c_str(), "w"));
  unsigned char password[] = "secret";
  REQUIRE(PEM_write_bio_PrivateKey(file.get(), read.get(), EVP_aes_128_cbc(), password, 6, nullptr, nullptr) == 1);
  REQUIRE(BIO_flush(file.get()) == 1);
  CHECK(shown_to(TlsConfig::files(both, key, "secret"), "") == "from a file");
  CHECK(message_of(TlsConfig::files(both, key, "wrong")) ==
        "the private key '" + key + "' can't be decrypted: the password is wrong");
  CHECK(message_of(TlsConfig::files(both, key)) ==
        "the private key '" + key +
            "' is encrypted, and no password is given: give it, or decrypt the file with `openssl pkey`");
}

TEST_CASE("what can't be used is refused, and the message says what, where and why") {
  const TlsCertificate one = authority().issue({.name = "one"});
  const TlsCertificate other = authority().issue({.name = "other"});
  CHECK(message_of({}) == "a certificate is missing: TlsCertificate::certificate is empty");
  CHECK(message_of(TlsConfig::files("/nowhere.pem")) ==
        "can't read the certificate '/nowhere.pem': No such file or directory");
  CHECK(message_of(TlsConfig::files("/")) == "can't read the certificate '/': Is a directory");
  CHECK(message_of(TlsConfig::files(one.certificate)) ==
        "there is no private key in PEM form (-----BEGIN PRIVATE KEY-----) in the PEM text that is given");
  CHECK(message_of(TlsConfig::files(one.private_key)).find("the certificate: there is none in PEM form") !=
        std::string::npos);
  CHECK(message_of(TlsConfig::files(one.certificate, other.private_key)).find("isn't that of the certificate") !=
        std::string::npos);
  CHECK(message_of(TlsConfig::files(other.certificate + one.certificate, one.private_key))
            .find("but of a later one in there: the server's own must be the first") != std::string::npos);
  const std::string cut = one.certificate.substr(0, 200);
  CHECK(message_of(TlsConfig::files(cut, one.private_key)).find("can't be read: ") != std::string::npos);
  TlsConfig config = throw_away_config();
  config.ciphers = "NONE-SUCH";
  CHECK(message_of(config).find("the ciphers \"NONE-SUCH\" name none that OpenSSL knows") == 0);
  config = throw_away_config();
  config.client_certificates = ClientCertificates::Required;
  CHECK(message_of(config).find("client_ca doesn't say whose are good") != std::string::npos);
  config = throw_away_config();
  config.client_ca = authority().pem();
  CHECK(message_of(config).find("client_certificates doesn't ask for any") != std::string::npos);
  config.client_certificates = ClientCertificates::Optional;
  config.client_ca = "/nowhere.pem";
  CHECK(message_of(config) == "can't read the clients' authorities '/nowhere.pem': No such file or directory");
  config.client_ca = one.private_key;
  CHECK(message_of(config).find("the clients' authorities: there is none in PEM form") == 0);
  CHECK_THROWS_AS(TlsConfig::throw_away({"a,IP:8.8.8.8"}), Error);
}

TEST_CASE("a certificate that isn't valid now is used, and warned of") {
  TlsConfig config;
  config.certificate = authority().issue({.name = "old", .valid_for = -10});
  config.more_certificates = {authority().issue({.name = "early", .valid_from = 3600, .valid_for = 7200})};
  const TlsContext context(config);
  REQUIRE(context.warnings().size() == 2);
  CHECK(context.warnings()[0].find("the certificate given as PEM text expired on ") == 0);
  CHECK(context.warnings()[1].find("the certificate given as PEM text isn't valid before ") == 0);
  CHECK(TlsContext(throw_away_config()).warnings().empty());
}

TEST_CASE("a throw-away certificate is for localhost, the loopback addresses and the names that it is made for") {
  const TlsConfig config = TlsConfig::throw_away({"shop.test", "10.1.2.3", "localhost"});
  for (const char* name : {"localhost", "127.0.0.1", "::1", "shop.test", "10.1.2.3", "other.test"}) {
    TlsTestServer server(config);
    TlsClientOptions options = naming(name);
    options.ca_pem = config.ca_pem;
    TlsTestConnection connection(server, options);
    if (std::string(name).find_first_not_of("0123456789.:") == std::string::npos) {
      SSL_set1_host(connection.client.ssl(), nullptr);
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection.client.ssl()), name);
    }
    connection.turn();
    CHECK(connection.client.is_connected() == (std::string(name) != "other.test"));
  }
  CHECK(TlsConfig::throw_away().ca_pem != config.ca_pem);
}

}  // namespace
}  // namespace outrider::net
