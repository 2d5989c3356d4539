// SPDX-License-Identifier: MIT
#pragma once

// What all HTTP/1 connections of one engine share. Lives longer than any of them.
//
// Thread: loop only.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/http_date.h"
#include "http/exchange.h"
#include "http/forwarded.h"
#include "http/request_id.h"
#include "http/served_connection.h"
#include "http1/default_fields.h"
#include "loop/deadline.h"
#include "loop/loop.h"
#include "net/write_queue.h"
#include "outrider/limits.h"

namespace outrider::http1 {

class Exchange;

struct Service {
  Service(loop::Loop& loop, const Limits& limits, http::ConnectionObserver& observer);
  ~Service();

  /// An exchange from the pool; connections hold one only while a request is under way.
  std::unique_ptr<Exchange> acquire_exchange();
  void release_exchange(std::unique_ptr<Exchange> exchange);

  /// The lines of the Date and the Server field as responses send them; empty when they aren't to.
  std::string_view date_line();
  std::string_view server_line() const { return server_line_; }
  /// The value of the Server field; empty for none.
  void set_server(std::string_view value);
  /// Fields that every response has; they may be the Date and the Server field, too.
  void set_default_fields(const DefaultFields& fields);
  const DefaultFields* default_fields() const { return default_fields_.is_empty() ? nullptr : &default_fields_; }

  loop::Loop& loop;
  Limits limits;
  http::ConnectionObserver& observer;
  loop::DeadlineWheel deadlines;
  net::BufferPool buffers;
  websocket::Service* websockets = nullptr;  // set by the server, and nothing here asks what it is
  http::ProxyRules proxies;                  // nobody is trusted by default; set before the first connection
  bool sends_date = true;
  bool times_exchanges = true;  // ExchangeRecord::microseconds; two readings of the clock a request
  bool is_draining = false;
  std::optional<http::RequestIds> request_ids;  // when requests are to have one

 private:
  HttpDate date_;
  std::string date_line_;
  DefaultFields default_fields_;
  std::string server_line_ = "server: outrider\r\n";
  std::vector<std::unique_ptr<Exchange>> spare_;
};

}  // namespace outrider::http1
