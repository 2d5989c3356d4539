// SPDX-License-Identifier: MIT
#include "http1/connection.h"

#include <uv.h>

#include <utility>

#include "base/check.h"

namespace outrider::http1 {
namespace {

// What is read and thrown away of a body that nobody wants, so that the connection can be kept; more isn't worth it.
constexpr uint64_t kDiscardMax = 64 * 1024;

// What a peer may still send after our side is closed, before the connection is cut.
constexpr std::size_t kLingerBytesMax = 1024 * 1024;

// From here on output isn't held back until the end of the pass.
constexpr std::size_t kFlushNowBytes = 64 * 1024;

}  // namespace

Connection::Connection(Service& service, std::unique_ptr<net::Stream> stream)
    : service_(service),
      stream_(std::move(stream)),
      queue_(service.buffers),
      step_([](void* self) { static_cast<Connection*>(self)->step(); }, this),
      flush_([](void* self) { static_cast<Connection*>(self)->flush(); }, this) {
  stream_->set_handler(this);
  stream_->start_reading();
  set_deadline();
}

Connection::~Connection() {
  if (attachment_.release != nullptr) attachment_.release(attachment_.object);
  if (exchange_ != nullptr) service_.release_exchange(std::move(exchange_));
}

// --- input ---------------------------------------------------------------------------------------------------------

void Connection::on_data(std::span<char> bytes) {
  if (phase_ == Phase::Closing || phase_ == Phase::Lingering) {
    lingered_bytes_ += bytes.size();
    if (lingered_bytes_ > kLingerBytesMax) close();
    return;
  }
  take_input({bytes.data(), bytes.size()});
}

void Connection::take_input(std::string_view bytes) {
  while (!bytes.empty() && phase_ < Phase::Closing) {
    if (phase_ == Phase::Idle) {
      exchange_ = service_.acquire_exchange();
      exchange_->begin(*this);
      phase_ = Phase::Receiving;
      set_deadline();
    }
    if (exchange_->request_state() == Exchange::RequestState::Complete) {
      pending_.append(bytes);
      if (pending_.size() > service_.limits.pipeline_bytes_max) stop_reading();
      return;
    }
    if (!feed_exchange(bytes)) return;
  }
}

// False when the input was refused.
bool Connection::feed_exchange(std::string_view& bytes) {
  Result<std::size_t, ProtocolError> used = exchange_->feed(bytes);
  if (!used) {
    refuse(used.error());
    return false;
  }
  bytes.remove_prefix(*used);
  const bool is_complete = exchange_->request_state() == Exchange::RequestState::Complete;
  if (phase_ == Phase::Receiving) {
    if (exchange_->request_state() != Exchange::RequestState::Head) on_head_complete();
  } else if (phase_ == Phase::Discarding) {
    if (is_complete) service_.loop.defer_step(step_);
  } else {
    has_body_news_ = true;
    service_.loop.defer_step(step_);
    if (exchange_->body().size() >= service_.limits.body_buffer_bytes_max && !is_complete) stop_reading();
    set_deadline();
  }
  return true;
}

void Connection::on_head_complete() {
  phase_ = Phase::Active;
  is_dispatched_ = false;
  has_body_news_ = has_end_news_ = was_unwritable_ = false;
  stop_stage_ = http::StopStage::None;
  ++exchange_count_;
  exchange_began_ns_ = uv_hrtime();
  service_.deadlines.clear(*this);
  service_.loop.defer_step(step_);
}

void Connection::on_end() {
  peer_ended_ = true;
  is_reading_ = false;
  switch (phase_) {
    case Phase::Active:
      if (exchange_->request_state() != Exchange::RequestState::Complete) {
        disconnect(http::Disconnect::PeerClosed);
        return close();
      }
      // The peer may have gone, or only be done with sending: the response is still written.
      has_end_news_ = true;
      return service_.loop.defer_step(step_);
    case Phase::Closing:
      return;  // what is queued still leaves; then there is nothing to linger for
    default:
      return close();
  }
}

void Connection::on_error(int) {
  if (phase_ == Phase::Closed) return;
  disconnect(http::Disconnect::PeerClosed);
  close();
}

void Connection::stop_reading() {
  if (!is_reading_) return;
  is_reading_ = false;
  stream_->stop_reading();
}

void Connection::resume_reading() {
  if (is_reading_ || peer_ended_ || phase_ == Phase::Closed) return;
  is_reading_ = true;
  stream_->start_reading();
  service_.loop.need_pass();
}

// --- the exchange --------------------------------------------------------------------------------------------------

void Connection::step() {
  if (is_broken_) return on_error(0);
  if (phase_ == Phase::Active && !is_dispatched_) {
    is_dispatched_ = true;
    has_body_news_ = false;  // what came with the head is there to be seen
    service_.observer.on_exchange_begin();
    service_.application->on_request(*exchange_);
  }
  if (phase_ == Phase::Active) return deliver_news();
  if (phase_ == Phase::Discarding && exchange_->request_state() == Exchange::RequestState::Complete) next_exchange();
  if (phase_ == Phase::Idle && !pending_.empty()) {
    // What is left over is appended again by take_input(), to an empty buffer.
    const Buffer input = std::exchange(pending_, Buffer());
    take_input(input.view());
  }
}

void Connection::deliver_news() {
  // Each call may end the exchange, hence the repeated look at the handler.
  const auto handler = [this]() -> http::ExchangeHandler* {
    return phase_ == Phase::Active && exchange_ != nullptr ? exchange_->handler() : nullptr;
  };
  if (std::exchange(has_body_news_, false) && handler() != nullptr) handler()->on_body();
  if (std::exchange(has_end_news_, false) && handler() != nullptr) handler()->on_half_close();
  if (was_unwritable_ && handler() != nullptr && is_writable()) handler()->on_writable();
}

void Connection::on_body_wanted() { set_deadline(); }

void Connection::on_body_consumed() {
  if (pending_.size() <= service_.limits.pipeline_bytes_max) resume_reading();
  set_deadline();
}

bool Connection::is_last_exchange() const {
  const std::size_t most = service_.limits.exchanges_per_connection_max;
  return service_.is_draining || peer_ended_ || (most != 0 && exchange_count_ >= most);
}

uint64_t Connection::microseconds() const { return (uv_hrtime() - exchange_began_ns_) / 1000; }

// Called from within the face's call, or from within step(): the exchange's memory must survive the return, and does,
// because recycling only puts it in the pool.
void Connection::on_response_complete() {
  const http::RequestHead& head = exchange_->head();
  service_.observer.on_exchange_end({head.method(), head.target(), head.minor_version(), exchange_->status(),
                                     microseconds(), stop_stage_});
  end_exchange();
}

void Connection::end_exchange() {
  if (!exchange_->keeps_alive() || exchange_->awaits_continue()) {
    phase_ = Phase::Closing;
    return;
  }
  if (exchange_->request_state() == Exchange::RequestState::Complete) return next_exchange();
  discard_or_close();
}

// The response is complete before the request is. RFC 9112 §9.3: read the rest, or close.
void Connection::discard_or_close() {
  const std::optional<uint64_t> left = exchange_->body_bytes_left();
  if (!left.has_value() || *left > kDiscardMax) {
    phase_ = Phase::Closing;
    resume_reading();  // what is on its way is thrown away, so that the peer reads our response before any reset
    return;
  }
  phase_ = Phase::Discarding;
  exchange_->discard_body();
  resume_reading();
  set_deadline();
}

void Connection::next_exchange() {
  service_.release_exchange(std::move(exchange_));
  phase_ = Phase::Idle;
  if (peer_ended_ || (service_.is_draining && pending_.empty())) {
    phase_ = Phase::Closing;
    flush_soon();
    return;
  }
  resume_reading();
  set_deadline();
  if (!pending_.empty()) service_.loop.defer_step(step_);
}

// --- errors --------------------------------------------------------------------------------------------------------

// The one place where a peer's mistake is answered.
void Connection::refuse(ProtocolError error) {
  const bool had_response = exchange_ != nullptr && exchange_->has_sent_head();
  if (phase_ == Phase::Active) {
    if (exchange_->has_begun_head() && !had_response) exchange_->drop_head();
    disconnect(http::Disconnect::ProtocolError);
  }
  // A response that has begun can only be cut short.
  if (had_response) {
    stream_->reset_on_close();
    return close();
  }
  if (exchange_ != nullptr) service_.release_exchange(std::move(exchange_));
  phase_ = Phase::Closing;
  write_error(error);
  resume_reading();
  flush_soon();
}

void Connection::write_error(ProtocolError error) {
  ResponseContext context;
  context.keep_alive = false;
  if (service_.sends_date) context.date = service_.date.now();
  context.server = service_.server_field;
  Buffer& out = queue_.buffer();
  ResponseWriter writer;
  writer.begin(error.status(), out);
  writer.add_field("content-type", "text/plain; charset=utf-8", out);
  const std::string_view sentence = error.sentence();
  writer.frame_content(sentence.size() + 1, http::More::No, context, out);
  out.append(sentence);
  out.append('\n');
}

// Tells the handler that its exchange is over, and reports it.
void Connection::disconnect(http::Disconnect reason) {
  if (phase_ != Phase::Active || !is_dispatched_ || exchange_->is_response_complete()) return;
  const http::RequestHead& head = exchange_->head();
  const int status = exchange_->has_sent_head() ? exchange_->status() : 0;
  if (reason == http::Disconnect::Aborted) stop_stage_ = http::StopStage::Aborted;
  service_.observer.on_exchange_end(
      {head.method(), head.target(), head.minor_version(), status, microseconds(), stop_stage_});
  http::ExchangeHandler* handler = exchange_->handler();
  exchange_->forget_handler();
  phase_ = Phase::Closing;
  if (handler != nullptr) handler->on_disconnect(reason);
}

// --- output --------------------------------------------------------------------------------------------------------

void Connection::flush() {
  if (phase_ == Phase::Closed) return;
  if (queue_.flush(*stream_) == net::WriteQueue::Flush::Broken) {
    // Not told at once: the flush may be running inside a call of the face.
    is_broken_ = true;
    return service_.loop.defer_step(step_);
  }
  after_flush();
}

void Connection::on_write_done(int code) {
  queue_.on_write_done();
  if (phase_ == Phase::Closed) return;
  if (code != 0) return on_error(code);
  flush();
  if (phase_ != Phase::Closed) set_deadline();
}

void Connection::after_flush() {
  const bool is_pending = queue_.is_in_flight();
  if (was_unwritable_ && queue_.size() < service_.limits.write_buffer_bytes_max) service_.loop.defer_step(step_);
  if (phase_ == Phase::Closing && !is_pending) {
    if (peer_ended_) return close();
    stream_->shut_write();
    phase_ = Phase::Lingering;
    resume_reading();
  }
  if (is_pending || phase_ == Phase::Lingering) set_deadline();
  if (service_.is_draining && !is_busy()) service_.observer.on_idle();
}

void Connection::flush_soon() {
  // Much at once leaves at once: the face goes on writing sooner, and the memory is free sooner.
  if (queue_.size() >= kFlushNowBytes) {
    flush();
  } else {
    service_.loop.defer_flush(flush_);
  }
}

bool Connection::is_writable() {
  was_unwritable_ = queue_.size() >= service_.limits.write_buffer_bytes_max;
  return !was_unwritable_;
}

// --- time ----------------------------------------------------------------------------------------------------------

// The one deadline that counts in the state at hand.
void Connection::set_deadline() {
  const Limits& limits = service_.limits;
  std::chrono::milliseconds delay{0};
  if (queue_.is_in_flight()) {
    unwritten_at_check_ = stream_->unwritten();
    delay = limits.write_timeout;
  } else if (phase_ == Phase::Idle) {
    delay = limits.keep_alive_timeout;
  } else if (phase_ == Phase::Receiving) {
    delay = limits.head_timeout;
  } else if (phase_ == Phase::Lingering) {
    delay = limits.linger_timeout;
  } else if (phase_ == Phase::Discarding || (phase_ == Phase::Active && exchange_->wants_body())) {
    delay = limits.body_timeout;
  }
  service_.deadlines.set(*this, static_cast<uint64_t>(delay.count()));
}

void Connection::on_deadline() {
  if (queue_.is_in_flight()) return on_write_stalled();
  switch (phase_) {
    case Phase::Receiving:
      return refuse({Fault::HeadTimeout});
    case Phase::Active:
      return refuse({Fault::BodyTimeout});
    default:
      return close();
  }
}

void Connection::on_write_stalled() {
  // A slow peer that still takes something isn't stalled.
  if (stream_->unwritten() < unwritten_at_check_) return set_deadline();
  disconnect(http::Disconnect::Timeout);
  stream_->reset_on_close();
  close();
}

// --- the end -------------------------------------------------------------------------------------------------------

void Connection::begin_drain() {
  if (phase_ == Phase::Idle && pending_.empty()) {
    if (queue_.size() == 0) return close();
    phase_ = Phase::Closing;
  } else if (phase_ == Phase::Receiving) {
    close();  // no request was made yet
  }
}

int Connection::tell_stop() {
  if (phase_ != Phase::Active || !is_dispatched_ || exchange_->handler() == nullptr) return 0;
  stop_stage_ = http::StopStage::Told;
  exchange_->handler()->on_stop();
  return 1;
}

int Connection::cancel() {
  if (phase_ != Phase::Active || !is_dispatched_ || exchange_->handler() == nullptr) return 0;
  stop_stage_ = http::StopStage::Cancelled;
  exchange_->handler()->on_cancel();
  return 1;
}

bool Connection::is_busy() const {
  if (phase_ == Phase::Closed) return false;
  return phase_ == Phase::Active || queue_.size() > 0;
}

bool Connection::is_streaming() const {
  return phase_ == Phase::Active && is_dispatched_ && exchange_->has_sent_head();
}

int Connection::abort() {
  if (phase_ == Phase::Closed) return 0;
  const int cut_off = is_busy() ? 1 : 0;
  disconnect(http::Disconnect::Aborted);
  stream_->reset_on_close();
  close();
  return cut_off;
}

void Connection::close() {
  if (phase_ == Phase::Closed) return;
  phase_ = Phase::Closed;
  service_.deadlines.clear(*this);
  step_.unlink();
  flush_.unlink();
  if (is_reading_) stream_->stop_reading();
  stream_->set_handler(nullptr);
  service_.observer.on_closed(*this);
}

}  // namespace outrider::http1
