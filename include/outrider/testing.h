// SPDX-License-Identifier: MIT
#pragma once

// For the tests of C++ programs: a server of one's own application, and somebody else's API played by a Mock. They
// fit every test framework, and include none: what goes wrong is returned as text, or thrown. docs/cpp.md, "Testing".
//
//   struct Shop : testing::LiveServer {              // a fixture: TEST_CASE_FIXTURE, TEST_CASE_METHOD
//     Shop() : LiveServer(make_shop()) {}
//   };
//
//   testing::Mock api;
//   api.get("/weather/{place}", Answer::json(R"({"degrees":21})"));
//   api.get("/flaky", Answer{.status = 503}, Answer{});  // one after the other; the last one stays
//   api.get("/gone", Answer{.drop = true});
//   client_under_test(api.url());
//   api.assert_called("GET", "/weather/oslo");
//
// (Where `using namespace outrider` is in force, GoogleTest's own namespace is `::testing`.)

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "outrider/config.h"
#include "outrider/server.h"
#include "outrider/stop.h"

namespace outrider {
class App;
namespace app {
class MockTable;
}
}  // namespace outrider

namespace outrider::testing {

/// A Server that a test watches: constructed means accepting, destroyed means gone. As the base class of a fixture it
/// lives for one test; one for many tests needs settle() or end_test() between them.
/// Thread: any, at the same time, for all methods; but destroying it is its owner's alone. None of them from a
/// handler but those that only look.
class LiveServer {
 public:
  /// Throws what serve() throws. config.log and config.on_error are called as for any server.
  explicit LiveServer(const App& app, Config config = {});
  /// Stops, by config.stop_policy.
  ~LiveServer();
  LiveServer(const LiveServer&) = delete;
  LiveServer& operator=(const LiveServer&) = delete;

  /// "http://127.0.0.1:41873"; `url() + "/path"` is that of a path.
  const std::string& url() const { return server_.url(); }
  uint16_t port() const { return server_.port(); }
  /// What clients of a server with TlsConfig::throw_away() are to trust, as PEM.
  std::string ca_pem() const { return server_.ca_pem(); }
  /// For all else that a Server does. Stopping it is allowed.
  Server& server() { return server_; }

  // What happened since the start, or the last forget(); oldest first. Of more than kKept lines the last are kept.

  /// "GET /items/3?a=b 200" for each request that is over, "GET /items/3 -" for one that had no response. A client
  /// may have its response a moment before the line is here; after settle() all are. Empty where config.access_log
  /// says where its lines go.
  std::vector<std::string> requests() const;
  /// "GET /items/3: what() of the exception" for each exception that a handler let out.
  std::vector<std::string> errors() const;
  /// "warning: …", as config.log_level lets it through.
  std::vector<std::string> log() const;
  /// All of these, a line each: for the message of a test that fails.
  std::string describe() const;
  void forget();

  /// Ends what still runs by the stages of `policy`, streams and WebSockets at once, and goes on (Server::quiesce()):
  /// no request of a test gets into the next one. Does nothing when the server has stopped.
  void settle(const StopPolicy& policy = StopPolicy::beside_program());
  /// For the end of each test: settle(), then what describe() has to say if a handler let an exception out, else
  /// nothing; then forget(). `CHECK(server.end_test() == "");`
  std::string end_test();

  static constexpr std::size_t kKept = 1000;

 private:
  struct Notes;
  std::shared_ptr<Notes> notes_;  // shared with the server's threads
  Server server_;
};

/// A failed expectation of a Mock; what() lists what was asked for instead.
class MockFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What a Mock answers.
struct Answer {
  int status = 200;  ///< 200 to 999
  /// Without content-type, a body is text/plain.
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  /// Before all of it. A client that goes, and the Mock's end, end the wait.
  std::chrono::milliseconds delay{0};
  /// The connection is reset, without an answer.
  bool drop = false;
  /// The connection ends after so many bytes of the body, which are less than it has; its Content-Length is that of
  /// the whole.
  std::optional<std::size_t> cut_after = {};

  static Answer json(std::string body, int status = 200) {
    return content(std::move(body), "application/json", status);
  }
  static Answer content(std::string body, std::string content_type, int status = 200) {
    return {.status = status, .headers = {{"content-type", std::move(content_type)}}, .body = std::move(body)};
  }
};

/// What a Mock was asked for.
struct MockRequest {
  std::string method = {};
  std::string path = {};   ///< as sent, still percent-encoded
  std::string query = {};  ///< as sent, without the '?'
  /// In the order they came; names in lower case.
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  /// False: the client went before all of the body was there, or it was more than MockLimits::body_bytes_max.
  bool is_complete = true;
  /// The pattern of the route that answered; empty when none did.
  std::string route = {};
  /// The parts of the path that its parameters stand for, decoded.
  std::vector<std::pair<std::string, std::string>> parameters = {};

  /// The value of the first field of that name, in whatever case; nothing when there is none.
  std::optional<std::string> header(std::string_view name) const;
  /// The first value of that name in the query, decoded; nothing when there is none.
  std::optional<std::string> query_value(std::string_view name) const;
  /// Of `parameters`; throws std::out_of_range when the route has no such name.
  const std::string& parameter(std::string_view name) const;
  /// `POST /orders?x=1 "the body's first bytes"`, and whether no route answered.
  std::string to_string() const;
};

/// What a Mock keeps.
struct MockLimits {
  std::size_t requests_max = 10'000;              ///< the oldest are forgotten
  std::size_t bytes_max = 64 * 1024 * 1024;       ///< of all of them; likewise
  std::size_t body_bytes_max = 16 * 1024 * 1024;  ///< of one; the answer to more is 413
};

/// An HTTP API of somebody else's, played for the client under test: a server with routes that answer what they are
/// told to, and that writes down what it was asked for. https with Config{.tls = TlsConfig::throw_away()} and
/// ca_pem().
///
/// What no route answers is answered with 404 and a text that lists the routes, and is an unexpected() request.
///
/// `method` is compared as it is, and "*" is all of them; a route for GET answers HEAD, too, and one for "*" what no
/// route for the method does. `pattern` is one of App's (outrider/app.h):
/// "/weather/oslo", "/weather/{place}", "/files/{path...}"; std::invalid_argument is thrown for one that is invalid.
/// Thread: any, at the same time, for all methods; but destroying it is its owner's alone.
class Mock {
 public:
  using Function = std::function<Answer(const MockRequest& request)>;

  /// Throws what serve() throws. config.log and config.on_error are called as for any server.
  explicit Mock(Config config = {}, const MockLimits& limits = {});
  /// Cuts off what still runs. Functions that run are waited for.
  ~Mock();
  Mock(const Mock&) = delete;
  Mock& operator=(const Mock&) = delete;

  const std::string& url() const { return server_.url(); }
  uint16_t port() const { return server_.port(); }
  std::string ca_pem() const { return server_.ca_pem(); }
  /// For all else that a Server does: stopping it plays an API that is down.
  Server& server() { return server_; }

  /// Answers requests of that method and pattern: `what` is nothing (an empty 200); one or more Answers, given one
  /// after the other, the last one for ever; or a function that makes one of the request. It takes the place of what
  /// was given for the same method and pattern. The function is called in one of the server's threads for blocking
  /// work, perhaps in several at once: it may wait for something. An exception that it lets out is answered with 500
  /// and is unexpected(). Throws std::invalid_argument for an Answer that can't be given, too.
  template <class... W>
  Mock& route(std::string_view method, std::string_view pattern, W&&... what) {
    constexpr bool are_answers = (std::same_as<std::remove_cvref_t<W>, Answer> && ...);
    constexpr bool is_function = sizeof...(W) == 1 && (std::is_constructible_v<Function, W> && ...);
    static_assert(are_answers || is_function,
                  "a route's answer is Answer{…}, several of them, or a function(const MockRequest&) -> Answer");
    if constexpr (sizeof...(W) == 0) {
      set_answers(method, pattern, {Answer{}});
    } else if constexpr (are_answers) {
      set_answers(method, pattern, {std::forward<W>(what)...});
    } else if constexpr (is_function) {
      set_function(method, pattern, Function(std::forward<W>(what)...));
    }
    return *this;
  }
  template <class... W>
  Mock& get(std::string_view pattern, W&&... what) {
    return route("GET", pattern, std::forward<W>(what)...);
  }
  template <class... W>
  Mock& post(std::string_view pattern, W&&... what) {
    return route("POST", pattern, std::forward<W>(what)...);
  }
  template <class... W>
  Mock& put(std::string_view pattern, W&&... what) {
    return route("PUT", pattern, std::forward<W>(what)...);
  }
  template <class... W>
  Mock& patch(std::string_view pattern, W&&... what) {
    return route("PATCH", pattern, std::forward<W>(what)...);
  }
  template <class... W>
  Mock& del(std::string_view pattern, W&&... what) {
    return route("DELETE", pattern, std::forward<W>(what)...);
  }

  // What was asked for. A request is there before it is answered. Of a method and pattern that no route has, too:
  // count("GET", "/weather/oslo") are those of all that the route "/weather/{place}" answered.

  /// Copies of them, in the order in which they were complete.
  std::vector<MockRequest> requests() const;
  std::vector<MockRequest> requests(std::string_view method, std::string_view pattern) const;
  std::size_t count(std::string_view method, std::string_view pattern) const;
  bool was_called(std::string_view method, std::string_view pattern) const { return count(method, pattern) > 0; }
  /// Waits until there have been `times` of them, and returns that one. Throws MockFailure after `timeout`, with what
  /// was asked for instead.
  MockRequest wait_for(std::string_view method, std::string_view pattern,
                       std::chrono::milliseconds timeout = std::chrono::seconds(5), std::size_t times = 1) const;
  /// Throws MockFailure unless there were so many of them, or at least one where `times` isn't given.
  void assert_called(std::string_view method, std::string_view pattern, std::optional<std::size_t> times = {}) const;
  /// Without arguments: throws if there was anything.
  void assert_not_called(std::string_view method = "*", std::string_view pattern = "/{path...}") const {
    assert_called(method, pattern, 0);
  }
  /// What was asked for and no route answered, and what functions let out, a line each; empty when all is well. For
  /// the end of a test: `CHECK(api.unexpected() == "");`
  std::string unexpected() const;
  /// Throws MockFailure with unexpected(), unless that is empty.
  void check() const;
  /// All that was asked for, a line each: for the message of a test that fails.
  std::string describe() const;
  /// The same, those first that are nearest to the one that was expected.
  std::string describe(std::string_view method, std::string_view pattern) const;

  /// Forgets what was asked for, what was unexpected included; sequences of answers go on.
  void forget();
  /// Forgets the routes as well.
  void reset();

 private:
  void set_answers(std::string_view method, std::string_view pattern, std::vector<Answer> answers);
  void set_function(std::string_view method, std::string_view pattern, Function function);

  std::shared_ptr<app::MockTable> table_;  // shared with the server's threads
  Server server_;
};

}  // namespace outrider::testing
