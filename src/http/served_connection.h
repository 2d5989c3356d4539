// SPDX-License-Identifier: MIT
#pragma once

// What the server needs of every connection, whatever protocol it speaks: to count it, to drain it, to end it.
//
// Thread: loop only.

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/list.h"

namespace outrider::net {
class Address;
}

namespace outrider::http {

class Application;
class Connection;
struct Origin;
class RequestHead;
struct PeerName;
struct ServedConnectionTag;

/// An exchange that isn't over.
struct RunningExchange {
  std::string_view method;
  std::string_view target;
  uint64_t age_ms;  // since its head was complete
  const Application* application;
};

class ServedConnection : public ListNode<ServedConnectionTag> {
 public:
  virtual ~ServedConnection() = default;

  /// Closes when idle; else the running exchanges are the last ones. Stage 1 of a stop.
  virtual void begin_drain() = 0;
  /// Closes when it is idle and has had a request, whose client expects that; one whose first request, or part of
  /// one, may be under way isn't read from until go_on().
  virtual void hold() = 0;
  virtual void go_on() = 0;
  /// Tells the running exchanges to end. Returns how many were told. Stage 3.
  virtual int tell_stop() = 0;
  /// Cancels the handlers of the running exchanges. Returns how many. Stage 4.
  virtual int cancel() = 0;
  /// Resets the connection. Returns how many exchanges that cut off. Stage 5.
  virtual int abort() = 0;
  /// Closes in order; for a connection that isn't busy.
  virtual void close() = 0;
  /// An exchange is running, or bytes of the last response haven't left.
  virtual bool is_busy() const = 0;
  /// A response has begun and isn't complete.
  virtual bool is_streaming() const = 0;
  /// A WebSocket is open: it has no end of its own that a stop could wait for.
  virtual bool is_tunnelled() const = 0;
  /// A response is complete, but hasn't left: the peer doesn't take it.
  virtual bool is_flushing() const = 0;
  virtual net::Address peer_address() const = 0;
  virtual const PeerName& peer_name() = 0;
  /// The exchange that is running, if there is one. The views are valid until the loop goes on.
  virtual std::optional<RunningExchange> running() const = 0;

  /// Kept by the server as long as the connection lives.
  std::shared_ptr<const void> admission;
};

/// How far a stop had come with an exchange when it ended.
enum class StopStage { None, Told, Cancelled, Aborted };

/// The head of a response as it leaves, for the log.
class SentHead {
 public:
  /// The value of the first field of that name, in whatever case; its data() is null when there is none.
  virtual std::string_view field(std::string_view name) const = 0;

 protected:
  ~SentHead() = default;
};

/// What one exchange came to; views are valid during the call.
struct ExchangeRecord {
  std::string_view method;
  std::string_view target;
  int minor_version;
  int status;             // 0: there was no response
  uint64_t microseconds;  // from the request's head to the end of the response
  StopStage stop_stage;
  Connection* connection;
  const Application* application;  // that answered it
  const Origin* origin = nullptr;  // as trusted proxies say; null: the connection's peer is the client
  const RequestHead* request;
  const SentHead* response;
  std::string_view request_id;  // empty for none
  uint64_t content_bytes;       // of the response, as far as it was made; without heads and chunk lines
  bool is_complete;             // false: the response was cut short, or there was none
  bool keeps_alive;             // the connection takes another request

  net::Address client_address() const;
};

/// Whom connections report to: their server.
class ConnectionObserver {
 public:
  /// A request's head is complete; returns the application that it goes to.
  virtual Application& on_exchange_begin() = 0;
  virtual void on_exchange_end(const ExchangeRecord& record) = 0;
  /// A peer's mistake ends the connection; `status` is that of the answer, 0 when a response had begun and was cut.
  virtual void on_refused(ServedConnection& connection, int status, std::string_view sentence) = 0;
  /// While draining: a connection that was busy no longer is.
  virtual void on_idle() = 0;
  /// The connection is done with and is to be destroyed, but not before the next step phase.
  virtual void on_closed(ServedConnection& connection) = 0;

 protected:
  ~ConnectionObserver() = default;
};

}  // namespace outrider::http
