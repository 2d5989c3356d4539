// SPDX-License-Identifier: MIT
#pragma once

// An application for tests: it writes down what the engine tells it, and answers as its routes say, or as the test
// goes on to say for an exchange that was left open.
//
// Thread: loop only.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/exchange.h"

namespace outrider::testing {

using Fields = std::vector<std::pair<std::string, std::string>>;

/// One exchange as the application saw it. Stays when the exchange has ended.
class Recorded final : public http::ExchangeHandler {
 public:
  explicit Recorded(http::Exchange& exchange);

  // What came.
  std::string method, target, path, query, authority;
  std::string client, scheme;
  int minor_version = 1;
  Fields fields;
  std::string body;  // as far as it was read
  Fields trailers;
  bool is_body_complete = false;
  bool is_half_closed = false;
  int told_stop = 0;
  int told_cancel = 0;
  int told_writable = 0;
  int disconnects = 0;
  http::Disconnect reason{};  // of the disconnect

  // What to do then; all are optional.
  std::function<void(Recorded&)> on_complete;  // the whole body was read
  std::function<void(Recorded&)> on_piece;     // some of the body was read
  std::function<void(Recorded&)> on_writable_do, on_stop_do, on_cancel_do;

  /// Reads the body as it comes, from now on.
  void read();
  /// The exchange hasn't ended.
  bool is_open() const { return exchange_ != nullptr; }
  http::Exchange& exchange() { return *exchange_; }

  /// Begins a response, and adds the fields. Checks that the engine takes them.
  void begin(int status, const Fields& with = {});
  http::ResponseFault write(std::string_view bytes, http::More more);
  http::ResponseFault write_file(net::FilePart part, http::More more);
  /// A whole response.
  void respond(int status, std::string_view content, const Fields& with = {});
  void expect_trailers();
  void end_trailers();
  void abort();

 private:
  void on_body() override;
  void on_writable() override;
  void on_half_close() override { is_half_closed = true; }
  void on_disconnect(http::Disconnect why) override;
  void on_stop() override;
  void on_cancel() override;
  void read_more();

  http::Exchange* exchange_;
  bool reads_ = false;
  bool expects_trailers_ = false;
};

class RecordingApplication final : public http::Application {
 public:
  using Route = std::function<void(Recorded&)>;

  /// Answers requests for that path from now on. What has no route is left open for the test.
  void route(const std::string& path, Route route) { routes_[path] = std::move(route); }

  /// All exchanges, oldest first.
  const std::vector<std::unique_ptr<Recorded>>& exchanges() const { return exchanges_; }
  std::size_t count() const { return exchanges_.size(); }
  Recorded& exchange(std::size_t index) { return *exchanges_.at(index); }
  Recorded& last() { return *exchanges_.back(); }

 private:
  void on_request(http::Exchange& exchange) override;

  std::map<std::string, Route, std::less<>> routes_;
  std::vector<std::unique_ptr<Recorded>> exchanges_;
};

}  // namespace outrider::testing
