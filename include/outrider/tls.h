// SPDX-License-Identifier: MIT
#pragma once

// TLS: what a server shows and asks of its clients, and what a connection came to. docs/tls.md.
//
//   serve(app, {.port = 443, .tls = TlsConfig::files("server.pem", "server.key")});
//   serve(app, {.tls = TlsConfig::throw_away()});  // for tests: an authority of its own, in memory
//
// TLS 1.2 and 1.3, with forward secrecy and authenticated encryption only; no renegotiation, no compression, no early
// data. Sessions are resumed by tickets, on all threads of a server and across reload_tls().

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outrider {

/// A certificate with its private key. Each is the path of a PEM file, or PEM text itself ("-----BEGIN …").
struct TlsCertificate {
  /// The server's own certificate first, then those that lead to an authority which clients know.
  std::string certificate = {};
  /// Empty: it is in the same place as the certificate.
  std::string private_key = {};
  /// Of an encrypted private key.
  std::string password = {};
};

enum class ClientCertificates {
  None,      ///< aren't asked for
  Optional,  ///< are asked for: a client may come without; one that is shown and isn't valid ends the handshake
  Required,  ///< a client without one, or with one that isn't valid, is refused in the handshake
};

enum class TlsVersion { Tls12, Tls13 };

struct TlsConfig {
  /// Shown to clients that name no server, or one that no other certificate is for.
  TlsCertificate certificate = {};
  /// Shown to those that name (SNI) a server that they are for, by their subjectAltName: "example.com", or
  /// "*.example.com", which stands for one label. Several for one name may differ in the kind of their key.
  std::vector<TlsCertificate> more_certificates = {};
  /// Asked first when a client names a server; nothing: as if it hadn't been there. What it returns is read once and
  /// then remembered, up to 1000 different ones, until reload_tls(). The name is in lower case. Thread: any of the
  /// server's, also several at once, in the middle of a handshake: it must not take long. What it throws ends the
  /// handshake.
  std::function<std::optional<TlsCertificate>(std::string_view server_name)> certificate_for = {};

  ClientCertificates client_certificates = ClientCertificates::None;
  /// The authorities that clients' certificates are checked against: a PEM file, or PEM text.
  std::string client_ca = {};

  TlsVersion minimum_version = TlsVersion::Tls12;
  /// Of TLS 1.2, as OpenSSL names them, the best first. Empty: ECDHE with AES-GCM or ChaCha20-Poly1305.
  std::string ciphers = {};

  /// PEM of the authority that made `certificate`, for clients that are to trust it. throw_away() sets it, and
  /// Server::ca_pem() returns it; nothing else reads it.
  std::string ca_pem = {};

  /// From PEM files, or PEM text.
  static TlsConfig files(std::string certificate, std::string private_key = {}, std::string password = {});
  /// For tests and notebooks: makes an authority and a certificate for localhost, 127.0.0.1, ::1 and `names` (host
  /// names and addresses), in memory. Each call makes another one; the authority's key is forgotten at once, so that
  /// nobody can make more. Valid from an hour ago for 7 days. Throws Error.
  static TlsConfig throw_away(const std::vector<std::string>& names = {});
};

/// What a connection's handshake came to.
struct TlsInfo {
  uint16_t version = 0;           ///< as on the wire: 0x0303 is TLS 1.2, 0x0304 TLS 1.3
  std::string version_name = {};  ///< "TLSv1.3"
  uint16_t cipher_suite = 0;      ///< as on the wire: 0x1301
  std::string cipher_name = {};   ///< "TLS_AES_128_GCM_SHA256"
  std::string alpn = {};          ///< "http/1.1"; empty when the client named no protocols
  std::string server_name = {};   ///< that the client named (SNI); empty for none
  bool is_resumed = false;        ///< a session of before was taken up again

  std::string server_certificate = {};  ///< PEM of the one that was shown
  /// PEM, the client's own first; empty when it showed none. In a resumed session its own only.
  std::vector<std::string> client_certificates = {};
  std::string client_name = {};  ///< the subject of the client's certificate by RFC 4514: "CN=ann,O=Example"
};

}  // namespace outrider
