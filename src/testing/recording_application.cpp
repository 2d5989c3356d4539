// SPDX-License-Identifier: MIT
#include "testing/recording_application.h"

#include "base/check.h"

namespace outrider::testing {
namespace {

Fields copy(const http::RequestHead& head) {
  Fields fields;
  for (std::size_t i = 0; i < head.field_count(); ++i) fields.emplace_back(head.field(i).name, head.field(i).value);
  return fields;
}

}  // namespace

Recorded::Recorded(http::Exchange& exchange)
    : method(exchange.head().method()),
      target(exchange.head().target()),
      path(exchange.head().path()),
      query(exchange.head().query()),
      authority(exchange.head().authority()),
      client(exchange.client_address().to_string()),
      scheme(exchange.scheme()),
      minor_version(exchange.head().minor_version()),
      fields(copy(exchange.head())),
      exchange_(&exchange) {
  exchange.set_handler(this);
}

void Recorded::read() {
  reads_ = true;
  read_more();
}

void Recorded::read_more() {
  const std::string_view bytes = exchange_->body();
  const bool has_piece = !bytes.empty();
  body.append(bytes);
  if (has_piece) exchange_->consume_body(bytes.size());
  is_body_complete = exchange_->is_body_complete();
  if (is_body_complete) trailers = copy(exchange_->trailers());
  if (has_piece && on_piece) on_piece(*this);
  if (!is_open()) return;
  if (!is_body_complete) return exchange_->want_body();
  if (on_complete) on_complete(*this);
}

void Recorded::begin(int status, const Fields& with) {
  OUTRIDER_CHECK(exchange_->begin_head(status) == http::ResponseFault::None);
  for (const auto& [name, value] : with)
    OUTRIDER_CHECK(exchange_->add_field(name, value) == http::ResponseFault::None);
}

http::ResponseFault Recorded::write(std::string_view bytes, http::More more) {
  http::Exchange* exchange = exchange_;
  const http::ResponseFault fault = exchange->write({bytes, nullptr, nullptr}, more);
  // With trailers expected, the exchange ends with these.
  if (fault == http::ResponseFault::None && more == http::More::No && !expects_trailers_) exchange_ = nullptr;
  return fault;
}

http::ResponseFault Recorded::write_file(net::FilePart part, http::More more) {
  http::Exchange* exchange = exchange_;
  const http::ResponseFault fault = exchange->write_file(std::move(part), more);
  if (fault == http::ResponseFault::None && more == http::More::No && !expects_trailers_) exchange_ = nullptr;
  return fault;
}

void Recorded::respond(int status, std::string_view content, const Fields& with) {
  begin(status, with);
  OUTRIDER_CHECK(write(content, http::More::No) == http::ResponseFault::None);
}

void Recorded::expect_trailers() {
  expects_trailers_ = true;
  exchange_->expect_trailers();
}

void Recorded::end_trailers() { std::exchange(exchange_, nullptr)->end_trailers(); }

void Recorded::abort() { std::exchange(exchange_, nullptr)->abort(); }

void Recorded::on_body() {
  if (reads_) read_more();
}

void Recorded::on_writable() {
  ++told_writable;
  if (on_writable_do) on_writable_do(*this);
}

void Recorded::on_disconnect(http::Disconnect why) {
  OUTRIDER_CHECK(exchange_ != nullptr);
  ++disconnects;
  reason = why;
  exchange_ = nullptr;
}

void Recorded::on_stop() {
  ++told_stop;
  if (on_stop_do) on_stop_do(*this);
}

void Recorded::on_cancel() {
  ++told_cancel;
  if (on_cancel_do) on_cancel_do(*this);
}

void RecordingApplication::on_request(http::Exchange& exchange) {
  exchanges_.push_back(std::make_unique<Recorded>(exchange));
  Recorded& recorded = *exchanges_.back();
  const auto route = routes_.find(recorded.path);
  if (route != routes_.end()) route->second(recorded);
}

}  // namespace outrider::testing
