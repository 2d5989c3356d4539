// SPDX-License-Identifier: MIT
#include "http1/exchange.h"

#include <utility>

#include "base/ascii.h"
#include "base/check.h"
#include "http1/body_framing.h"
#include "http1/connection.h"
#include "http1/service.h"
#include "net/write_queue.h"

namespace outrider::http1 {
namespace {

// Memory that a pooled exchange keeps for the next request's body.
constexpr std::size_t kKeepBodyBytes = 8 * 1024;

// Content up to this size is copied behind its head, so that both leave in one piece; above, copying costs more
// than a second element in the system call's vector.
constexpr std::size_t kCopyMax = 8 * 1024;

// In a tunnel nothing goes before it, and what has an owner there may be one message for many connections.
constexpr std::size_t kCopyInTunnelMax = 512;

// What is to be copied and is so long is written at once: as a rule the kernel takes it all, and none is copied.
constexpr std::size_t kWriteThroughMin = 64 * 1024;

}  // namespace

void Exchange::begin(Connection& connection) {
  connection_ = &connection;
  parser_.begin(head_);
  parser_.set_secured(connection.is_secured());
}

void Exchange::recycle() {
  connection_ = nullptr;
  forget_handler();
  head_.recycle();
  origin_.reset();
  reader_.recycle();
  body_.recycle(kKeepBodyBytes);
  writer_.reset();
  request_state_ = RequestState::Head;
  body_received_ = 0;
  pace_.reset();
  wants_body_ = awaits_continue_ = discards_body_ = is_response_complete_ = false;
  reads_tunnel_ = true;
}

Result<std::size_t, ProtocolError> Exchange::feed(std::string_view bytes) {
  if (request_state_ == RequestState::Head) {
    Result<HeadParser::Progress, ProtocolError> progress = parser_.feed(bytes);
    if (!progress) return progress.error();
    if (progress->is_complete) {
      const Result<bool, ProtocolError> begun = reader_.begin(head_);
      if (!begun) return begun.error();
      if (connection_->trusts_peer()) {
        if (const std::optional<ProtocolError> error = find_origin()) return *error;
      }
      const bool has_body = head_.body_framing() != http::BodyFraming::None;
      request_state_ = has_body ? RequestState::Body : RequestState::Complete;
      awaits_continue_ = head_.expects_continue();
    }
    return progress->consumed;
  }
  std::size_t used = 0;
  while (used < bytes.size() && request_state_ == RequestState::Body) {
    Result<BodyReader::Progress, ProtocolError> progress = reader_.feed(bytes.substr(used));
    if (!progress) return progress.error();
    used += progress->consumed;
    body_received_ += progress->content.size();
    pace_.add(progress->consumed);
    awaits_continue_ = false;  // the peer didn't wait
    if (!discards_body_) body_.append(progress->content);
    if (progress->is_complete) request_state_ = RequestState::Complete;
  }
  return used;
}

std::optional<ProtocolError> Exchange::find_origin() {
  const auto found =
      http::find_origin(head_, connection_->peer_address(), connection_->scheme(), connection_->service().proxies);
  if (!found) {
    const bool is_conflict = found.error() == http::ForwardedFault::Conflict;
    return ProtocolError{is_conflict ? Fault::ForwardedConflict : Fault::ForwardedInvalid};
  }
  origin_ = found.value();
  if (!origin_ || origin_->host.empty()) return std::nullopt;
  if (!is_valid_authority(origin_->host)) return ProtocolError{Fault::ForwardedInvalid};
  head_.set_authority(origin_->authority());
  origin_->host = head_.authority();
  origin_->port = 0;
  return std::nullopt;
}

void Exchange::discard_body() {
  discards_body_ = true;
  wants_body_ = true;
  pace_.wait(connection_->service().loop.now_ms());
  body_.clear();
}

std::optional<uint64_t> Exchange::body_bytes_left() const {
  if (request_state_ == RequestState::Complete) return 0;
  if (head_.body_framing() != http::BodyFraming::Length) return std::nullopt;
  return head_.content_length() - body_received_;
}

http::Connection& Exchange::connection() { return *connection_; }

void Exchange::consume_body(std::size_t count) {
  body_.consume(count);
  wants_body_ = false;
  pace_.pause(connection_->service().loop.now_ms());
  connection_->on_body_consumed();
}

void Exchange::want_body() {
  if (request_state_ != RequestState::Body || wants_body_) return;
  wants_body_ = true;
  pace_.wait(connection_->service().loop.now_ms());
  if (awaits_continue_ && !writer_.has_sent_head()) {
    // RFC 9110 §10.1.1: sent when the application asks for the content, so that it can refuse without having it.
    awaits_continue_ = false;
    connection_->queue().buffer().append("HTTP/1.1 100 Continue\r\n\r\n");
    connection_->flush_soon();
  }
  connection_->on_body_wanted();
}

http::ResponseFault Exchange::begin_head(int status) { return writer_.begin(status); }

http::ResponseFault Exchange::add_field(std::string_view name, std::string_view value) {
  return writer_.add_field(name, value);
}

void Exchange::drop_head() {
  writer_.drop_head();
  tunnel_ = nullptr;
}

void Exchange::end_informational() {
  Buffer& buffer = connection_->queue().buffer();
  // RFC 9110 §15.2: HTTP/1.0 has no informational responses; they are left out.
  if (head_.minor_version() == 0) return writer_.drop_head();
  writer_.end_informational(buffer);
  connection_->flush_soon();
}

http::Field Exchange::request_id() const {
  const std::optional<http::RequestIds>& ids = connection_->service().request_ids;
  return ids ? http::Field{ids->name(), head_.find(ids->name())} : http::Field{};
}

ResponseContext Exchange::response_context(http::More more) const {
  Service& service = connection_->service();
  ResponseContext context;
  context.is_http11 = head_.minor_version() >= 1;
  context.is_head = head_.method() == "HEAD";
  // A response that is complete before the request is ends the connection when the peer still waits for its 100
  // (Continue), because whether the content comes or not can't be known then, and when too much of it may come.
  const bool body_is_lost = more == http::More::No && (awaits_continue_ || !connection_->can_discard_body());
  // Who sits between may have taken the request for granted, and passes on as HTTP what its client tunnels: nothing
  // more is read behind a protocol that was asked for and not given. (Of h2c some clients speak with every request.)
  const bool wants_tunnel = !head_.upgrade().empty() && !ascii::equals_ignore_case(head_.upgrade(), "h2c");
  context.keep_alive = head_.wants_keep_alive() && !connection_->is_last_exchange() && !body_is_lost && !wants_tunnel;
  context.date = service.date_line();
  context.server = service.server_line();
  context.defaults = service.default_fields();
  context.request_id = request_id();
  return context;
}

http::ResponseFault Exchange::write(http::Piece piece, http::More more) {
  net::WriteQueue& queue = connection_->queue();
  const std::size_t size = piece.bytes.size();
  const ResponseWriter::Frame frame = frame_content(size, more);
  const bool is_owned = piece.owner != nullptr;
  if (frame.fault == http::ResponseFault::None && frame.sends_content) {
    if (is_owned && size > (is_tunnel() ? kCopyInTunnelMax : kCopyMax)) {
      queue.append_owned(piece.bytes, piece.owner, piece.release);
      piece.owner = nullptr;
    } else if (size >= kWriteThroughMin) {
      queue.append_through(connection_->stream(), piece.bytes);
    } else {
      queue.buffer().append(piece.bytes);
    }
  }
  if (piece.owner != nullptr) piece.release(piece.owner);
  if (frame.fault == http::ResponseFault::None) end_content(frame, more);
  return frame.fault;
}

http::ResponseFault Exchange::write_file(net::FilePart part, http::More more) {
  const ResponseWriter::Frame frame = frame_content(part.left(), more);
  if (frame.fault != http::ResponseFault::None) return frame.fault;
  if (frame.sends_content) connection_->queue().append_file(std::move(part));
  end_content(frame, more);
  return http::ResponseFault::None;
}

// Whatever the content is, this goes before it,
ResponseWriter::Frame Exchange::frame_content(uint64_t size, http::More more) {
  OUTRIDER_CHECK(!is_response_complete_);
  return writer_.frame_content(size, more, writer_.has_sent_head() ? ResponseContext{} : response_context(more),
                               connection_->queue().buffer());
}

// and this behind it.
void Exchange::end_content(const ResponseWriter::Frame& frame, http::More more) {
  connection_->queue().buffer().append(frame.suffix);
  if (tunnel_ != nullptr && request_state_ != RequestState::Tunnel && more == http::More::Yes) open_tunnel();
  connection_->flush_soon();
  if (more == http::More::No && !writer_.has_trailers()) complete_response();
}

http::ResponseFault Exchange::add_trailer(std::string_view name, std::string_view value) {
  return writer_.add_trailer(name, value, connection_->queue().buffer());
}

void Exchange::end_trailers() {
  writer_.end_trailers(connection_->queue().buffer());
  connection_->flush_soon();
  complete_response();
}

void Exchange::complete_response() {
  is_response_complete_ = true;
  forget_handler();
  connection_->on_response_complete();
}

bool Exchange::is_writable() { return connection_->is_writable(); }

void Exchange::abort() {
  forget_handler();
  connection_->give_up();
}

// --- the tunnel ----------------------------------------------------------------------------------------------------

bool Exchange::offers_tunnel() const {
  return !head_.upgrade().empty() && request_state_ == RequestState::Complete && !writer_.has_begun() &&
         head_.body_framing() == http::BodyFraming::None;
}

void Exchange::begin_tunnel(std::string_view protocol, http::TunnelHandler& handler) {
  OUTRIDER_CHECK(offers_tunnel());
  writer_.begin_switch(protocol);
  tunnel_ = &handler;
}

void Exchange::open_tunnel() {
  request_state_ = RequestState::Tunnel;
  handler_ = tunnel_;
  connection_->on_tunnel();
}

void Exchange::set_tunnel_reading(bool reads) {
  if (std::exchange(reads_tunnel_, reads) != reads) connection_->on_tunnel_flow();
}

}  // namespace outrider::http1
