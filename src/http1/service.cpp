// SPDX-License-Identifier: MIT
#include "http1/service.h"

#include <utility>

#include "http1/exchange.h"

namespace outrider::http1 {
namespace {

// Exchanges kept for reuse: as many as the connections of a busy pass.
constexpr std::size_t kSpareExchangesMax = 256;

}  // namespace

Service::Service(loop::Loop& loop_in, const Limits& limits_in, http::ConnectionObserver& observer_in)
    : loop(loop_in), limits(limits_in), observer(observer_in), deadlines(loop_in) {}

Service::~Service() = default;

std::string_view Service::date_line() {
  if (!sends_date) return {};
  if (date_.changed()) date_line_ = "date: " + std::string(date_.now()) + "\r\n";
  return date_line_;
}

void Service::set_server(std::string_view value) {
  server_line_ = value.empty() ? std::string() : "server: " + std::string(value) + "\r\n";
}

void Service::set_default_fields(const DefaultFields& fields) {
  default_fields_ = fields;
  if (fields.has("server")) server_line_.clear();
  if (fields.has("date")) sends_date = false;
}

std::unique_ptr<Exchange> Service::acquire_exchange() {
  if (spare_.empty()) return std::make_unique<Exchange>(limits);
  std::unique_ptr<Exchange> exchange = std::move(spare_.back());
  spare_.pop_back();
  return exchange;
}

void Service::release_exchange(std::unique_ptr<Exchange> exchange) {
  exchange->recycle();
  if (spare_.size() < kSpareExchangesMax) spare_.push_back(std::move(exchange));
}

}  // namespace outrider::http1
