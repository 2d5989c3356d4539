// SPDX-License-Identifier: MIT
#pragma once

// A server beside the program, and a server as the program.
//
//   auto server = outrider::serve(app);      // accepts connections from here on
//   use(server.url());                       // "http://127.0.0.1:41873"
//   StopReport report = server.stop();       // its threads have ended, its port is free
//
//   outrider::run(app, {.port = 8000});      // until SIGINT or SIGTERM
//
// serve() takes nothing from the process: no signals, no working directory, no output. Its threads block all signals
// that aren't the thread's own fault, SIGPIPE among them, so signals keep going to the program's threads and a peer
// that hangs up can't end the process. (A program that a handler starts inherits that mask.)

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "outrider/config.h"
#include "outrider/error.h"
#include "outrider/stop.h"

namespace outrider {

class App;

namespace server {
class ServerState;
}

/// A running server: constructed means accepting, destroyed means gone. Move-only; one that was moved from can only
/// be destroyed and assigned to.
/// Thread: any, at the same time, for all methods; but moving and destroying it are their owner's alone.
class Server {
 public:
  Server(Server&& other) noexcept;
  /// Stops the server that was held before.
  Server& operator=(Server&& other) noexcept;
  /// Stops by the Config's policy, if nobody did, and waits for the end. On one of the server's own threads (in a
  /// handler) it only requests the stop: the threads end by themselves afterwards.
  ~Server();

  /// Of the first address: "http://127.0.0.1:41873", "https://127.0.0.1:41873" with TLS,
  /// "http+unix://%2Frun%2Fx.sock". An address for all interfaces is shown as the loopback one. True also after the
  /// end.
  const std::string& url() const;
  /// Of the first address; 0 for a Unix socket.
  uint16_t port() const;
  /// All of them: "127.0.0.1:41873", "unix:/run/x.sock".
  const std::vector<std::string>& addresses() const;
  /// PEM of the authority that clients of a server with TlsConfig::throw_away() are to trust; empty for others.
  std::string ca_pem() const;
  /// Arguments that make Chromium accept this server's certificate, and only that one; none without TLS.
  std::vector<std::string> chromium_arguments() const;
  /// Reads the files of Config::tls again, for the connections from now on; those that are open keep what they have,
  /// and sessions are resumed across it. Throws Error(Tls) when something can't be used, and Error(State) without
  /// TLS; then everything stays as it is. From any thread.
  void reload_tls();
  /// The same with another config in its place.
  void reload_tls(TlsConfig config);
  /// False once the end has come: then stop() and wait() return at once, or as soon as Config::on_stop does.
  bool is_running() const;

  /// Stops in the stages of the policy and returns when all is over: connections and listeners closed, threads
  /// joined, the port free. A call while a stop is under way hurries it where its deadlines are earlier; all callers
  /// get the same report, also those who come after the end. From one of the server's own threads (a handler, an
  /// offloaded function) there is no waiting: it requests the stop, and returns an empty report.
  StopReport stop(const StopPolicy& policy);
  StopReport stop();
  /// Starts the stop, and doesn't wait. Not from a signal handler.
  void request_stop(const StopPolicy& policy);
  void request_stop();
  /// Waits until no exchange is running, and closes idle connections that have had a request; then goes on. New
  /// connections wait meanwhile, so that none is lost: what a test does before it resets its database. False when
  /// exchanges are still running after `timeout` (at least 20 ms); the server goes on then as well. Calls of this and
  /// of swap() take turns, which the time doesn't include. Throws Error(State) on one of the server's own threads,
  /// and when the server doesn't run or is stopped meanwhile.
  bool quiesce(std::chrono::milliseconds timeout = std::chrono::seconds(5));
  /// The same, but what runs isn't only waited for: it ends by the stages of `policy`, as in a stop, streams and
  /// WebSockets being told at once. Returns what became of it, when all of it has ended.
  StopReport quiesce(const StopPolicy& policy);
  /// Puts another application behind the same addresses. Connections stay, and none is refused; requests whose head
  /// comes from now on are answered by `app`. Those that are running stay with the application before and have the
  /// stages of `policy` to end. Returns what became of them, when nothing of that application is left: its handlers
  /// have been destroyed. Throws Error(State) on one of the server's own threads, and when the server doesn't run or
  /// is stopped meanwhile.
  StopReport swap(const App& app, const StopPolicy& policy = StopPolicy::beside_program());
  /// Opens the file of Config::access_log again, by its path: after the one that was there has been renamed. Lines go
  /// to the new one from then on. Throws Error when it can't be opened; they go where they went then.
  void reopen_access_log();
  /// Waits until somebody stopped the server and all is over. Throws Error(State) on one of its own threads.
  StopReport wait();

 private:
  explicit Server(std::shared_ptr<server::ServerState> state);
  friend Server serve(const App& app, Config config);
  friend StopReport run(const App& app, Config config);

  // Shared with the server's threads: one that runs a handler that destroys the Server outlives it.
  std::shared_ptr<server::ServerState> state_;
};

/// Starts a server and returns when it accepts connections. Throws Error: what can't be bound or resolved, an option
/// that can't be used, a system out of descriptors or threads. Then nothing is left behind. `app` needn't outlive it.
[[nodiscard]] Server serve(const App& app, Config config = {});

/// Serves until SIGINT or SIGTERM, which it handles for that time (one that was ignored stays so), or until a
/// handler calls Request::stop_server(). The first signal stops by the policy, a second one takes the grace away
/// (what runs is told, and after half a second cancelled), a third cuts everything off. Throws what serve() throws,
/// and Error(State) when another thread is in run() already.
StopReport run(const App& app, Config config = {});

}  // namespace outrider
