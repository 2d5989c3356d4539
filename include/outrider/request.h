// SPDX-License-Identifier: MIT
#pragma once

// A request as a handler sees it.
//
//   app.post("/notes/{id}", [](Request& request) -> Task<Response> {
//     const std::string note = co_await request.body();
//     co_return Response::text("note " + std::string(request.parameter("id")) + ": " + note);
//   });
//
// Lifetime: a Request and all views that it returns are valid until the handler, and the stream that its Response
// perhaps began, have ended; also when the peer has gone in the meantime.
// Thread: the handler's loop only; a function given to offload() must not use it.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "outrider/stop.h"
#include "outrider/tls.h"
#include "outrider/wait.h"

namespace outrider {

struct Header {
  std::string_view name;   ///< lower case
  std::string_view value;  ///< without whitespace at its ends
};

/// The header fields of a request, in the order they came; a name may occur more than once.
class HeaderRange {
 public:
  class Iterator {
   public:
    using value_type = Header;
    using difference_type = std::ptrdiff_t;
    Header operator*() const;
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++index_;
      return before;
    }
    bool operator==(const Iterator& other) const { return index_ == other.index_; }

   private:
    friend HeaderRange;
    Iterator(const app::HandlerRun* run, std::size_t index) : run_(run), index_(index) {}
    const app::HandlerRun* run_;
    std::size_t index_;
  };

  Iterator begin() const { return {run_, 0}; }
  Iterator end() const { return {run_, size()}; }
  std::size_t size() const;

 private:
  friend class Request;
  explicit HeaderRange(const app::HandlerRun* run) : run_(run) {}
  const app::HandlerRun* run_;
};

class Request {
 public:
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  std::string_view method() const;
  /// As sent: "/a%20b?c=d".
  std::string_view target() const;
  /// The target's path as sent, still percent-encoded; parameter() gives decoded parts of it.
  std::string_view path() const;
  /// What follows the question mark, as sent; empty without one.
  std::string_view query() const;
  /// The first value of that name in the query, decoded ('+' is a space); nothing when there is none.
  std::optional<std::string> query(std::string_view name) const;

  /// The value of the first field of that name, in whatever case; nothing when there is none.
  std::optional<std::string_view> header(std::string_view name) const;
  HeaderRange headers() const;

  /// The decoded part of the path that the pattern's {name} stands for; a "%2F" in it has become a '/'. Throws
  /// std::out_of_range when the pattern has no such name.
  std::string_view parameter(std::string_view name) const;

  /// The request's id; empty without Config::request_id.
  std::string_view id() const;
  /// The other end of the connection, perhaps a proxy, or whom its PROXY header names: "127.0.0.1:50412"; empty for a
  /// peer without an address (a Unix socket's).
  const std::string& peer_address() const;
  /// Who sent the request: what the proxies of Config::trusted_proxies say ("203.0.113.7", with a port if they say
  /// that), else the peer. Empty when the proxies don't know it, and for a peer without an address.
  const std::string& client_address() const;
  /// "http" or "https": how the client asked, as those proxies say. (So does header("host"), if they name one.)
  std::string_view scheme() const;
  /// What the connection's TLS handshake came to: version, cipher, the client's certificate. Null without TLS, also
  /// when a proxy says that the client came by https.
  const TlsInfo* tls() const;

  /// Completes with the whole body. Throws HttpError(413) when it has more than `bytes_max` bytes, of which no more
  /// are then taken from the peer; throws Cancelled. Not together with read().
  detail::Body body(std::size_t bytes_max = kBodyBytesMax) { return {*run_, bytes_max}; }
  /// Completes with the next bytes of the body, as they come; empty at its end. Valid until the next read().
  /// Throws Cancelled. The peer isn't read from while nobody reads here and body_buffer_bytes_max waits.
  detail::Read read() { return detail::Read(*run_); }

  /// Completes when the time has passed, never before, and not without letting others have their turn. Throws
  /// Cancelled, then at once, when the exchange is to end: when stop_token() is requested.
  detail::Sleep sleep(std::chrono::nanoseconds duration) { return {*run_, duration}; }

  /// Runs `function` in a thread of the server's pool and completes with what it returned or threw. For what
  /// blocks or computes for long. It can't be interrupted: the wait, and a stop of the server, last as long.
  template <class F>
  detail::Offload<std::decay_t<F>> offload(F&& function) {
    return {*run_, std::forward<F>(function)};
  }

  /// Sends an informational response, for example 103 (Early Hints) with Link fields; any number of them, before
  /// the response. Nothing is sent when the peer has gone, or speaks HTTP/1.0. Throws ResponseError when the status
  /// is not 100 to 199, or is 101, and when a field can't be sent.
  void inform(int status, std::initializer_list<Header> fields);

  /// Requested when the peer has gone or doesn't send any more (which as a rule means that it has gone), and when
  /// the server stops and the exchange had its grace. What can end, should then. A handler that never suspends
  /// doesn't see it change.
  std::stop_token stop_token();
  /// The peer has gone, or doesn't send any more.
  bool is_disconnected() const;

  /// Requests the stop of the server that this request came to, as Server::request_stop() does; this exchange has
  /// its grace like all others. Without a server (an App tested in memory) nothing happens.
  void stop_server(const StopPolicy& policy = StopPolicy::beside_program());

  /// What body() accepts when it isn't told otherwise: room for a form or a photograph.
  static constexpr std::size_t kBodyBytesMax = 16 * 1024 * 1024;

 private:
  friend app::HandlerRun;
  explicit Request(app::HandlerRun& run) : run_(&run) {}

  app::HandlerRun* run_;
};

}  // namespace outrider
