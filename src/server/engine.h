// SPDX-License-Identifier: MIT
#pragma once

// One loop's worth of a server: its listeners, its connections, and their common end. Both faces are built on it:
// the C++ Server runs one per loop thread, the Python one nests it in the host's event loop.
//
// Thread: loop only. Not destroyed inside a pass.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/exchange.h"
#include "http/served_connection.h"
#include "http1/service.h"
#include "loop/loop.h"
#include "net/listener.h"
#include "net/proxied_stream.h"
#include "outrider/limits.h"
#include "outrider/stop.h"
#include "server/access_log.h"
#include "server/admission.h"
#include "server/drain.h"
#include "server/exchange_log.h"
#include "server/overload.h"
#include "server/tls.h"
#include "websocket/service.h"

namespace outrider::server {

/// Past that somebody who watches a stop wonders what it waits for. Only tests change it.
inline std::chrono::milliseconds held_up_after{5000};

/// "new connections wait: Too many open files; …"
std::string describe_exhaustion(int code);

/// "refused a request of 127.0.0.1:5012 with 400: the request has no Host field".
std::string describe_refusal(http::ServedConnection& connection, int status, std::string_view sentence);

class Engine final : private http::ConnectionObserver {
 public:
  /// `loop` and `application` must outlive the engine. The engines of one server share their admission.
  Engine(loop::Loop& loop, const Limits& limits, http::Application& application);
  Engine(loop::Loop& loop, const Limits& limits, http::Application& application,
         std::shared_ptr<Admission> admission);
  /// Resets what is still open; drain() first to end in order.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Takes a bound socket; it listens from start_listening() on.
  void add_socket(net::BoundSocket socket);
  /// Throws Error(Bind) when a socket can't listen; the engine is then to be destroyed.
  void start_listening(int backlog);
  /// Where the sockets are bound; empty once a drain began.
  std::vector<net::Address> addresses() const;
  /// Whom to believe what of the origin of requests. With ProxyHeader::Required, every connection must be one of
  /// a trusted proxy and begin with a header of the PROXY protocol; others are closed. Before start_listening().
  enum class ProxyHeader { None, Required };
  void trust(http::ProxyRules rules, ProxyHeader header);
  /// Every connection speaks TLS, behind its PROXY header if there is one. Before start_listening().
  void secure(const Tls& tls);
  /// Serves one connection that didn't come from a listener (tests: an in-memory stream).
  void serve(std::unique_ptr<net::Stream> stream);

  /// Stops in the stages of `policy`; `done` is called once, on the loop, when no connection is left. A second
  /// call while one is under way only makes it hurry, when its deadlines are earlier; after one, it is told the same.
  void drain(const StopPolicy& policy, std::function<void(const StopReport&)> done);

  /// Accepts nothing, closes idle connections and lets the running exchanges end: each is its connection's last.
  /// Connections wait to be accepted meanwhile, and those that haven't had a request yet to be read from.
  /// `quiet` is called once, on the loop: with true when no exchange is running any more, perhaps within this call,
  /// with false when go_on() or drain() came before, and at once with false when the engine is held, or stops,
  /// already.
  void hold(std::function<void(bool)> quiet);
  /// Ends a hold(): accepts again.
  void go_on();

  bool is_draining() const { return drain_ != nullptr; }

  /// Requests go to another application from now on; running exchanges stay with theirs.
  void set_application(http::Application& application) { application_ = &application; }
  /// Ends the exchanges of one application in the stages of `policy`, while connections go on; `done` is called once,
  /// on the loop, when none of them is left. One call at a time. A drain() in between has its own deadlines, too.
  void end_exchanges(const http::Application& application, const StopPolicy& policy,
                     std::function<void(const StopReport&)> done);

  /// "GET /slow (5.2 s)" for each exchange that is running, "a response that 127.0.0.1:5012 doesn't take" for one
  /// that is complete and hasn't left; at most so many.
  std::vector<std::string> describe_running(std::size_t most = 100);
  /// Called in a drain that has lasted for that time, with the exchanges that hold it up.
  void on_held_up(std::chrono::milliseconds after, std::function<void(const std::vector<std::string>&)> callback) {
    held_up_after_ = after;
    on_held_up_ = std::move(callback);
  }

  http1::Service& service() { return service_; }
  websocket::Service& websockets() { return websockets_; }
  ExchangeLog& log() { return log_; }
  /// Called when there is nothing left to accept connections with (an errno), once until there is again.
  void on_exhausted(std::function<void(int code)> callback) { on_exhausted_ = std::move(callback); }
  /// A line for every exchange that ended; none by default.
  void set_access_log(std::unique_ptr<AccessLog> access_log) { access_log_ = std::move(access_log); }
  /// Called when a peer's mistake ends its connection, or it is closed because it is none of a trusted proxy, doesn't
  /// begin with a PROXY header, or its TLS handshake fails; `describe()` makes the line for the log.
  using OnRefused = std::function<void(const std::function<std::string()>& describe)>;
  void on_refused(OnRefused callback) { on_refused_ = std::move(callback); }
  /// Called with every exchange that ended; none by default.
  void on_record(std::function<void(const http::ExchangeRecord&)> callback) { on_record_ = std::move(callback); }
  std::size_t connection_count() const { return connection_count_; }
  std::size_t exchange_count() const { return exchange_count_; }
  uint64_t exchanges_total() const { return exchanges_total_; }

 private:
  friend class Drain;
  using Connections = List<http::ServedConnection, http::ServedConnectionTag>;

  // http::ConnectionObserver
  http::Application& on_exchange_begin() override;
  void on_exchange_end(const http::ExchangeRecord& record) override;
  void on_refused(http::ServedConnection& connection, int status, std::string_view sentence) override;
  void on_idle() override;
  void on_closed(http::ServedConnection& connection) override;

  std::unique_ptr<net::Stream> take_proxied(std::unique_ptr<net::Stream> stream, const net::Address& peer);
  void tell_refused(const net::Address& peer, std::string_view reason);
  void destroy_closed();
  void check_quiet();
  void end_hold();

  loop::Loop& loop_;
  http1::Service service_;
  websocket::Service websockets_;
  http::Application* application_;  // for the next requests
  Overload overload_;               // for those beyond the limit
  std::shared_ptr<Admission> admission_;
  ExchangeLog log_;
  std::unique_ptr<AccessLog> access_log_;
  OnRefused on_refused_;
  std::function<void(const http::ExchangeRecord&)> on_record_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::function<void(int code)> on_exhausted_;
  std::optional<net::ProxyReception> proxy_reception_;  // with the PROXY protocol
  std::unique_ptr<net::TlsReception> tls_reception_;    // with TLS
  Connections connections_;
  Connections closed_;  // to be destroyed in the next step phase
  loop::Deferred destroy_closed_;
  std::unique_ptr<Drain> drain_;
  std::unique_ptr<Drain> handover_;  // of an application's exchanges
  std::function<void(const std::vector<std::string>&)> on_held_up_;
  std::chrono::milliseconds held_up_after_{0};
  std::function<void(bool)> quiet_;  // of a hold() that waits
  loop::Deferred check_quiet_;
  bool is_held_ = false;
  std::size_t connection_count_ = 0;
  std::size_t exchange_count_ = 0;
  uint64_t exchanges_total_ = 0;
};

}  // namespace outrider::server
