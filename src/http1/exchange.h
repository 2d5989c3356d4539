// SPDX-License-Identifier: MIT
#pragma once

// One request and its response on an HTTP/1 connection: the codecs with their state, and the seam's Exchange over
// them. Pooled: a connection has one from the first byte of a request until its response is complete.
//
// Thread: loop only.

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/buffer.h"
#include "base/result.h"
#include "http/exchange.h"
#include "http/request_id.h"
#include "http/served_connection.h"
#include "http1/body_pace.h"
#include "http1/body_reader.h"
#include "http1/head_parser.h"
#include "http1/response_writer.h"

namespace outrider::net {
class WriteQueue;
}

namespace outrider::http1 {

class Connection;

class Exchange final : public http::Exchange, public http::SentHead {
 public:
  explicit Exchange(const Limits& limits) : parser_(limits), reader_(limits), pace_(limits) {}

  // The connection's side.

  /// Takes a recycled exchange into use.
  void begin(Connection& connection);
  /// Back to the state of a new one; large buffers are given back.
  void recycle();

  enum class RequestState { Head, Body, Complete, Tunnel };
  RequestState request_state() const { return request_state_; }
  /// Nothing came but the empty line that may stand before a request.
  bool is_blank() { return head_.storage().view().find_first_not_of("\r\n") == std::string_view::npos; }
  /// Takes input for the state at hand; returns how much was used.
  Result<std::size_t, ProtocolError> feed(std::string_view bytes);
  /// From now on the body is read and thrown away.
  void discard_body();
  /// How much of the body is still to come, when that is known.
  std::optional<uint64_t> body_bytes_left() const;

  http::ExchangeHandler* handler() const { return handler_; }
  /// To give the peer's bytes to; null unless the tunnel is open.
  http::TunnelHandler* tunnel() const { return request_state_ == RequestState::Tunnel ? tunnel_ : nullptr; }
  bool is_tunnel() const { return request_state_ == RequestState::Tunnel; }
  bool reads_tunnel() const { return reads_tunnel_; }
  /// The handler isn't to be called any more.
  void forget_handler() {
    handler_ = nullptr;
    tunnel_ = nullptr;
  }
  bool is_response_complete() const { return is_response_complete_; }
  bool keeps_alive() const { return writer_.keeps_alive(); }
  bool shows_cut() const { return writer_.has_sent_head() && writer_.shows_cut(); }
  int status() const { return writer_.status(); }
  /// The name and value of the request's id, when requests have one.
  http::Field request_id() const;
  void assign_request_id(http::RequestIds& ids) { ids.assign(head_); }
  uint64_t content_bytes() const { return writer_.content_bytes(); }
  // http::SentHead
  std::string_view field(std::string_view name) const override { return writer_.field(name); }
  bool wants_body() const { return wants_body_ && request_state_ == RequestState::Body; }
  /// How fast the body comes while it is waited for, or thrown away.
  BodyPace& pace() { return pace_; }
  /// The peer was promised, or sent, what it takes to send the body.
  bool awaits_continue() const { return awaits_continue_; }

  // http::Exchange
  const http::RequestHead& head() const override { return head_; }
  http::RequestHead take_head() override { return std::move(head_); }
  http::Connection& connection() override;
  const http::Origin* origin() const override { return origin_ ? &*origin_ : nullptr; }
  void set_handler(http::ExchangeHandler* handler) override { handler_ = handler; }
  std::string_view body() const override { return body_.view(); }
  bool is_body_complete() const override { return request_state_ == RequestState::Complete; }
  void consume_body(std::size_t count) override;
  void want_body() override;
  const http::RequestHead& trailers() const override { return reader_.trailers(); }
  http::ResponseFault begin_head(int status) override;
  http::ResponseFault add_field(std::string_view name, std::string_view value) override;
  void drop_head() override;
  void end_informational() override;
  void expect_trailers() override { writer_.expect_trailers(); }
  http::ResponseFault write(http::Piece piece, http::More more) override;
  http::ResponseFault write_file(net::FilePart part, http::More more) override;
  http::ResponseFault add_trailer(std::string_view name, std::string_view value) override;
  void end_trailers() override;
  bool has_begun_head() const override { return writer_.has_begun(); }
  bool has_sent_head() const override { return writer_.has_sent_head(); }
  bool is_writable() override;
  void abort() override;
  bool offers_tunnel() const override;
  void begin_tunnel(std::string_view protocol, http::TunnelHandler& handler) override;
  void set_tunnel_reading(bool reads) override;

 private:
  void open_tunnel();
  std::optional<ProtocolError> find_origin();
  ResponseContext response_context(http::More more) const;
  ResponseWriter::Frame frame_content(uint64_t size, http::More more);
  void end_content(const ResponseWriter::Frame& frame, http::More more);
  void complete_response();

  Connection* connection_ = nullptr;
  http::ExchangeHandler* handler_ = nullptr;
  http::TunnelHandler* tunnel_ = nullptr;  // once begun
  http::RequestHead head_;
  std::optional<http::Origin> origin_;
  HeadParser parser_;
  BodyReader reader_;
  BodyPace pace_;
  Buffer body_;
  ResponseWriter writer_;
  RequestState request_state_ = RequestState::Head;
  uint64_t body_received_ = 0;
  bool wants_body_ = false;
  bool awaits_continue_ = false;
  bool discards_body_ = false;
  bool is_response_complete_ = false;
  bool reads_tunnel_ = true;
};

}  // namespace outrider::http1
