// SPDX-License-Identifier: MIT
#pragma once

// Every option of a server: its default, and why that.

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "outrider/limits.h"
#include "outrider/stop.h"
#include "outrider/tls.h"
#include "outrider/websocket_deflate.h"

namespace outrider {

class Server;

/// Where a line for each request goes, and how it looks; docs/logs.md has the formats. One of `path`, `fd` and
/// `write`.
struct AccessLogConfig {
  /// "common", "combined" (when empty), "json", "plain", or a string with directives such as "%h \"%r\" %s %D".
  std::string format = {};
  /// A file, which the lines are appended to; Server::reopen_access_log() is for when it was renamed. "-": standard
  /// output.
  std::string path = {};
  /// A descriptor that stays the caller's: a pipe, a socket, a file.
  int fd = -1;
  /// Called with each line. Thread: the loop thread of the request. What it throws is ignored.
  std::function<void(std::string_view line)> write = {};
};

enum class LogLevel { Debug, Info, Warning, Error };

/// "debug", "info", "warning", "error".
std::string_view to_string(LogLevel level);

/// An exception that a handler let out. The views are valid during the callback.
struct HandlerError {
  std::string_view method;
  std::string_view target;
  std::exception_ptr exception;
  std::string_view request_id = {};  ///< empty without Config::request_id

  /// "GET /items/3: what() of the exception", with the request's id behind the target.
  std::string message() const;
};

struct Config {
  /// Where to listen: a name or an address; empty for every interface (IPv4 or IPv6, which the system names first).
  /// The default isn't reachable from other machines.
  std::string host = "127.0.0.1";
  /// 0: any free port; Server::port() tells which.
  int port = 0;
  /// The path of a Unix socket to listen on, instead of host and port. Its file is removed at the end.
  std::string uds = {};
  /// Sockets that the caller bound: duplicated, so the caller's descriptors stay the caller's. Instead of host and
  /// port.
  std::vector<int> fds = {};
  /// Several places: "127.0.0.1:8000", "[::1]:8000", "localhost:0", "unix:/run/app.sock", "fd:3". Instead of host
  /// and port; together with uds and fds.
  std::vector<std::string> bind = {};

  /// Loop threads. Each serves its own connections from its first byte to its last. With one, handlers never run
  /// at the same time; with several on one TCP port, the kernel spreads connections over them (SO_REUSEPORT).
  int threads = 1;
  /// Threads for Request::offload(), started when first needed; shared by the loop threads.
  int offload_threads = 8;
  /// Connections that the kernel keeps while the server is busy accepting; the system's own maximum bounds it.
  int backlog = 1024;

  /// The proxies in front of the server: addresses ("192.0.2.7"), networks ("10.0.0.0/8"), "unix" for whoever
  /// connects over a Unix socket, "*" for whoever connects. What they say of a request's client, scheme and host
  /// holds; what anybody else says of it doesn't. Empty: nobody is believed, because whoever is can be anybody.
  /// docs/proxies.md.
  std::vector<std::string> trusted_proxies = {};
  /// The header fields that they are believed: "forwarded", "x-forwarded-for", "x-forwarded-proto",
  /// "x-forwarded-host", "x-forwarded-port". Name those that your proxy writes: it may pass the others on as its
  /// client wrote them. The default is without the host, which proxies seldom write; where Forwarded and X-Forwarded
  /// contradict each other, the request is refused.
  std::vector<std::string> proxy_headers = {"forwarded", "x-forwarded-for", "x-forwarded-proto"};
  /// Every connection begins with a header of the PROXY protocol (version 1 or 2), which names the client; one that
  /// doesn't, or isn't of `trusted_proxies`, is closed. The header has limits.head_timeout.
  bool proxy_protocol = false;

  /// https instead of http: TlsConfig::files("server.pem", "server.key"), or TlsConfig::throw_away() for tests.
  /// docs/tls.md.
  std::optional<TlsConfig> tls = {};

  Limits limits = {};
  /// How the messages of WebSockets are compressed, for peers that offer it.
  WebSocketDeflate websocket_deflate = {};
  /// How the destructor of Server, and the first signal to run(), stop it. Nothing given: StopPolicy::
  /// beside_program() for a Server, StopPolicy::production() for run().
  std::optional<StopPolicy> stop_policy = {};

  /// The value of the Server field; empty: none is sent.
  std::string server_header = "outrider";
  /// Fields that every response has, the server's own errors included, unless the handler set one of that name; such
  /// as {{"strict-transport-security", "max-age=63072000"}}. Not those about the connection or the framing.
  std::vector<std::pair<std::string, std::string>> headers = {};
  /// Whether responses have a Date field, as RFC 9110 §6.6.1 asks of a server with a clock.
  bool date_header = true;

  /// What the server has to say; nothing is printed by itself. Thread: called by any of the server's threads, also
  /// by several at once, and by the thread that starts it. What it throws is ignored.
  std::function<void(LogLevel level, std::string_view message)> log = {};
  /// The least that `log` is called with. Debug: also every request that the engine refuses (400, 408, 413, ...),
  /// which on the open network are many.
  LogLevel log_level = LogLevel::Info;
  /// A line for each request; none by default.
  AccessLogConfig access_log = {};
  /// The header field, for example "x-request-id", that gives each request an id: Request::id(), the response, the
  /// logs and HandlerError have it. Empty: there are no ids.
  std::string request_id = {};
  /// An id that a request brings in that field is kept when it is a valid one (1 to 128 letters, digits and
  /// -._~+/=:;@). False, since anyone can send one: for servers that only a proxy can reach.
  bool trust_request_id = false;
  /// Exceptions that handlers let out; without it they go to `log`. Thread: the loop thread of the handler. What it
  /// throws is ignored.
  std::function<void(const HandlerError& error)> on_error = {};

  /// The server accepts connections: for run(), which returns no handle, and its port 0. Thread: the one that called
  /// serve() or run(), which may send the server requests meanwhile. What it throws stops the server and goes on to
  /// the caller. The reference is valid during the call.
  std::function<void(Server& server)> on_ready = {};
  /// A server that was ready has stopped. Thread: one of the server's own, its last; stop() and wait() return after
  /// it. What it throws is ignored.
  std::function<void(const StopReport& report)> on_stop = {};
};

}  // namespace outrider
