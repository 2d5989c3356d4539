// SPDX-License-Identifier: MIT
#include "http1/connection.h"

#include <utility>

#include "base/check.h"

namespace outrider::http1 {
namespace {

// What is read and thrown away of a body that nobody wants, so that the connection can be kept; more isn't worth it.
constexpr uint64_t kDiscardMax = 64 * 1024;

// A peer that goes on sending after our side is closed, as one does that sends all of a large body before it reads,
// has so many times linger_timeout for it, 30 s by default; however fast it is.
constexpr int kLingersMax = 15;

// How often a connection that isn't read from is looked at. A peer that has gone costs its buffers for so long.
constexpr std::chrono::milliseconds kLookAfter{1000};

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

const http::PeerName& Connection::peer_name() {
  if (peer_name_ == nullptr) {
    const net::Address address = stream_->peer_address();
    const bool has_host = address.family() != AF_UNSPEC && !address.is_unix();
    peer_name_ = std::make_unique<http::PeerName>();
    if (has_host) *peer_name_ = {address.host(), address.port()};
  }
  return *peer_name_;
}

// --- input ---------------------------------------------------------------------------------------------------------

std::span<char> Connection::read_room() {
  if (phase_ != Phase::Active || !exchange_->is_tunnel() || !pending_.empty()) return {};
  http::TunnelHandler* handler = exchange_->tunnel();
  return handler == nullptr ? std::span<char>() : handler->read_room();
}

void Connection::on_data(std::span<char> bytes) {
  if (phase_ == Phase::Closing) return;
  if (phase_ == Phase::Lingering) return on_lingering_data();
  if (phase_ == Phase::Active && exchange_->is_tunnel() && pending_.empty()) return take_tunnelled(bytes);
  const std::string_view input(bytes.data(), bytes.size());
  const std::size_t used = pending_.empty() ? take_input(input) : 0;  // what waits goes first
  if (phase_ < Phase::Closing) pending_.append(input.substr(used));
  adjust_reading();
}

// Feeds the request under way until it is complete; what follows must wait. Returns how much was used.
std::size_t Connection::take_input(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && phase_ < Phase::Closing) {
    if (phase_ == Phase::Idle) {
      if (is_congested()) break;
      exchange_ = service_.acquire_exchange();
      exchange_->begin(*this);
      phase_ = Phase::Receiving;
      set_deadline();
      service_.deadlines.set(request_deadline_, static_cast<uint64_t>(service_.limits.request_timeout.count()));
    }
    if (exchange_->request_state() >= Exchange::RequestState::Complete) break;
    Result<std::size_t, ProtocolError> taken = exchange_->feed(bytes.substr(used));
    if (!taken) {
      refuse(taken.error(), http::Disconnect::ProtocolError);
      break;
    }
    used += *taken;
    on_request_progress();
  }
  return used;
}

// Once a connection: only after the first bytes a proxied stream knows its peer.
bool Connection::find_trust() {
  if (trust_ == Trust::Undecided) {
    const net::TrustedProxies& trusted = service_.proxies.trusted;
    const net::PeerKnowledge knowledge = stream_->peer_knowledge();
    const bool is_trusted = (knowledge == net::PeerKnowledge::Connected && trusted.trusts_peer(peer_address())) ||
                            (knowledge == net::PeerKnowledge::Announced && trusted.trusts_named(peer_address()));
    trust_ = is_trusted ? Trust::Yes : Trust::No;
  }
  return trust_ == Trust::Yes;
}

void Connection::on_request_progress() {
  if (phase_ == Phase::Receiving) {
    if (exchange_->request_state() != Exchange::RequestState::Head) on_head_complete();
  } else if (phase_ == Phase::Discarding) {
    if (exchange_->request_state() == Exchange::RequestState::Complete) service_.loop.defer_step(step_);
  } else {
    has_body_news_ = true;
    service_.loop.defer_step(step_);
    set_deadline();
  }
}

void Connection::on_tunnel() {
  service_.deadlines.clear(request_deadline_);
  has_end_news_ = peer_ended_;                    // also when the handler before the tunnel's was told
  const bool has_early_data = !pending_.empty();  // the peer didn't wait for the answer
  if (has_early_data || has_end_news_) service_.loop.defer_step(step_);
}

void Connection::take_tunnelled(std::span<char> bytes) {
  if (http::TunnelHandler* handler = exchange_->tunnel()) handler->on_data(bytes);
  if (phase_ == Phase::Active) adjust_reading();
}

void Connection::take_pending() {
  const std::size_t used = take_input(pending_.view());
  if (phase_ >= Phase::Closing) return;
  pending_.consume(used);
  if (pending_.empty()) {
    pending_.recycle(0);
    if (peer_ended_) return on_end();  // perhaps in the middle of this request
  }
  adjust_reading();
}

void Connection::on_head_complete() {
  phase_ = Phase::Active;
  is_dispatched_ = false;
  has_body_news_ = was_unwritable_ = false;
  has_end_news_ = peer_ended_;
  stop_stage_ = http::StopStage::None;
  ++exchange_count_;
  exchange_began_ms_ = service_.loop.now_ms();
  if (service_.times_exchanges) exchange_began_ = std::chrono::steady_clock::now();
  set_deadline();
  service_.loop.defer_step(step_);
}

void Connection::on_end() {
  peer_ended_ = true;
  is_reading_ = false;
  if (phase_ == Phase::Lingering) return close();
  const bool is_request_complete =
      exchange_ != nullptr && exchange_->request_state() >= Exchange::RequestState::Complete;
  if (phase_ == Phase::Active && is_request_complete) {
    // The peer may have gone, or only be done with sending: the response is still written.
    has_end_news_ = true;
    return service_.loop.defer_step(step_);
  }
  if (!pending_.empty() || is_request_complete) return;  // a deferred step goes on with what is there
  if (phase_ == Phase::Active) {
    const bool is_cut_short = exchange_->has_sent_head();
    disconnect(http::Disconnect::PeerClosed);
    if (is_cut_short) {
      stream_->reset_on_close();
      return close();
    }
  }
  begin_closing();  // the peer may still read what is queued
}

void Connection::on_error(int) {
  if (phase_ == Phase::Closed) return;
  disconnect(http::Disconnect::PeerClosed);
  close();
}

// Reading goes on as long as there is room for what comes; at the end everything is read and thrown away, so that the
// peer reads our response before any reset.
void Connection::adjust_reading() {
  if (peer_ended_ || phase_ == Phase::Closed) return;
  const Limits& limits = service_.limits;
  const bool is_in_body = phase_ == Phase::Active && exchange_->request_state() == Exchange::RequestState::Body;
  const bool is_full = is_held_ || (phase_ == Phase::Idle && is_congested()) ||
                       pending_.size() > limits.pipeline_bytes_max ||
                       (phase_ == Phase::Active && !exchange_->reads_tunnel()) ||
                       (is_in_body && exchange_->body().size() >= limits.body_buffer_bytes_max);
  if (is_reading_ != is_full) return;
  is_reading_ = !is_full;
  if (is_full) {
    stream_->stop_reading();
    if (phase_ == Phase::Active) set_deadline();
    return;
  }
  stream_->start_reading();
  service_.loop.need_pass();
}

// --- the exchange --------------------------------------------------------------------------------------------------

void Connection::step() {
  if (is_broken_) return on_error(0);
  if (phase_ == Phase::Active && !is_dispatched_) {
    is_dispatched_ = true;
    if (service_.request_ids) exchange_->assign_request_id(*service_.request_ids);
    has_body_news_ = false;  // what came with the head is there to be seen
    application_ = &service_.observer.on_exchange_begin();
    application_->on_request(*exchange_);
  }
  if (phase_ == Phase::Active && exchange_->is_tunnel() && !pending_.empty()) {
    Buffer early = std::move(pending_);
    take_tunnelled({early.data(), early.size()});
  }
  if (phase_ == Phase::Active) return deliver_news();
  if (phase_ == Phase::Discarding && exchange_->request_state() == Exchange::RequestState::Complete) next_exchange();
  if (phase_ == Phase::Idle && !pending_.empty()) take_pending();
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
  adjust_reading();
  set_deadline();
}

bool Connection::is_last_exchange() const {
  const std::size_t most = service_.limits.exchanges_per_connection_max;
  const bool is_peer_done = peer_ended_ && pending_.empty();
  return service_.is_draining || is_peer_done || (most != 0 && exchange_count_ >= most);
}

bool Connection::can_discard_body() const {
  const std::optional<uint64_t> left = exchange_->body_bytes_left();
  return left.has_value() && *left <= kDiscardMax;
}

uint64_t Connection::microseconds() const {
  if (!service_.times_exchanges) return 0;
  const auto elapsed = std::chrono::steady_clock::now() - exchange_began_;
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(elapsed).count());
}

// Called from within the face's call, or from within step(): the exchange's memory must survive the return, and does,
// because recycling only puts it in the pool.
void Connection::on_response_complete() {
  service_.deadlines.clear(request_deadline_);
  report_end(exchange_->status());
  end_exchange();
}

void Connection::report_end(int status) {
  const http::RequestHead& head = exchange_->head();
  // Our own answer to a mistake is whole, too.
  const bool is_ours = status != 0 && !exchange_->has_sent_head();
  service_.observer.on_exchange_end({.method = head.method(),
                                     .target = head.target(),
                                     .minor_version = head.minor_version(),
                                     .status = status,
                                     .microseconds = microseconds(),
                                     .stop_stage = stop_stage_,
                                     .connection = this,
                                     .application = application_,
                                     .origin = exchange_->origin(),
                                     .request = &head,
                                     .response = exchange_.get(),
                                     .request_id = exchange_->request_id().value,
                                     .content_bytes = exchange_->content_bytes(),
                                     .is_complete = is_ours || exchange_->is_response_complete(),
                                     .keeps_alive = !is_ours && exchange_->keeps_alive()});
}

void Connection::end_exchange() {
  if (!exchange_->keeps_alive() || exchange_->awaits_continue()) return begin_closing();
  if (exchange_->request_state() == Exchange::RequestState::Complete) return next_exchange();
  discard_or_close();
}

// The response is complete before the request is. RFC 9112 §9.3: read the rest, or close.
void Connection::discard_or_close() {
  if (!can_discard_body()) return begin_closing();
  phase_ = Phase::Discarding;
  exchange_->discard_body();
  adjust_reading();
  set_deadline();
}

void Connection::next_exchange() {
  service_.release_exchange(std::move(exchange_));
  phase_ = Phase::Idle;
  if ((peer_ended_ || service_.is_draining) && pending_.empty()) return begin_closing();
  adjust_reading();
  set_deadline();
  if (!pending_.empty()) service_.loop.defer_step(step_);
}

// What is queued still leaves, nothing more is taken. The flush that ends this phase may have happened already.
void Connection::begin_closing() {
  phase_ = Phase::Closing;
  pending_.recycle(0);
  adjust_reading();
  flush_soon();
}

// RFC 9112 §9.6: were the connection closed now, the reset could overtake the answer.
void Connection::on_lingering_data() {
  const auto longest = static_cast<uint64_t>(service_.limits.linger_timeout.count()) * kLingersMax;
  if (longest != 0 && service_.loop.now_ms() - lingers_since_ms_ > longest) return close();
  set_deadline();
}

// --- errors --------------------------------------------------------------------------------------------------------

// The one place where a peer's mistake is answered.
void Connection::refuse(ProtocolError error, http::Disconnect reason) {
  if (phase_ == Phase::Discarding) return begin_closing();  // its answer is complete
  const bool is_cut_short = exchange_->has_sent_head();
  const bool is_head = exchange_->head().method() == "HEAD";  // asked first: the handler may take the head away
  service_.observer.on_refused(*this, is_cut_short ? 0 : error.status(), error.sentence());
  disconnect(reason, error.status());
  if (is_cut_short) {
    stream_->reset_on_close();
    return close();
  }
  service_.release_exchange(std::move(exchange_));
  write_error(error, is_head);
  begin_closing();
}

void Connection::write_error(ProtocolError error, bool is_head) {
  ResponseContext context;
  context.is_head = is_head;
  context.keep_alive = false;
  context.date = service_.date_line();
  context.server = service_.server_line();
  context.defaults = service_.default_fields();
  Buffer& out = queue_.buffer();
  ResponseWriter writer;
  writer.begin(error.status());
  writer.add_field("content-type", "text/plain; charset=utf-8");
  const std::string_view sentence = error.sentence();
  // RFC 9110 §9.3.2: a client that asked with HEAD takes content for the next response.
  if (!writer.frame_content(sentence.size() + 1, http::More::No, context, out).sends_content) return;
  out.append(sentence);
  out.append('\n');
}

// Tells the handler that its exchange is over, and reports it: with the response's status when one has begun, else
// with that of the answer which we give.
void Connection::disconnect(http::Disconnect reason, int status) {
  if (phase_ != Phase::Active || !is_dispatched_ || exchange_->is_response_complete()) return;
  report_end(exchange_->has_sent_head() ? exchange_->status() : status);
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
  watches_write_ = false;
  if (phase_ == Phase::Closed) return;
  if (code != 0) return on_error(code);
  flush();
  if (phase_ != Phase::Closed) set_deadline();
}

void Connection::after_flush() {
  const bool is_pending = queue_.is_in_flight();
  if (was_unwritable_ && !is_congested()) service_.loop.defer_step(step_);
  if (phase_ == Phase::Idle && !is_congested()) {
    adjust_reading();
    if (!pending_.empty()) service_.loop.defer_step(step_);
  }
  if (phase_ == Phase::Closing && !is_pending) {
    if (peer_ended_) return close();
    stream_->shut_write();
    phase_ = Phase::Lingering;
    lingers_since_ms_ = service_.loop.now_ms();
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

// A peer that sends requests and takes no responses would otherwise fill the memory with them: no exchange begins.
bool Connection::is_congested() const { return queue_.size() >= service_.limits.write_buffer_bytes_max; }

bool Connection::is_writable() {
  was_unwritable_ = is_congested();
  return !was_unwritable_;
}

// --- time ----------------------------------------------------------------------------------------------------------

// The one deadline that counts in the state at hand.
void Connection::set_deadline() {
  const Limits& limits = service_.limits;
  std::chrono::milliseconds delay{0};
  if (queue_.is_in_flight()) {
    // What a peer sends gives it no more time to take what it is sent.
    const std::size_t unwritten = stream_->unwritten();
    if (std::exchange(watches_write_, true) && unwritten == unwritten_at_check_) return;
    unwritten_at_check_ = unwritten;
    delay = limits.write_timeout;
  } else if (phase_ == Phase::Idle) {
    delay = limits.keep_alive_timeout;
  } else if (phase_ == Phase::Receiving) {
    delay = limits.head_timeout;
  } else if (phase_ == Phase::Lingering) {
    delay = limits.linger_timeout;
  } else if (phase_ == Phase::Discarding || (phase_ == Phase::Active && exchange_->wants_body())) {
    delay = std::chrono::milliseconds(exchange_->pace().left_ms(service_.loop.now_ms()));
  } else if (phase_ == Phase::Active && !is_reading_ && !peer_ended_) {
    delay = kLookAfter;
  }
  service_.deadlines.set(*this, static_cast<uint64_t>(delay.count()));
}

void Connection::on_deadline() {
  if (queue_.is_in_flight()) return on_write_stalled();
  switch (phase_) {
    case Phase::Receiving:
      return on_head_timeout();
    case Phase::Active:
      if (!exchange_->wants_body()) return look_for_peer();
      [[fallthrough]];
    case Phase::Discarding:
      if (!exchange_->pace().is_too_slow(service_.loop.now_ms())) return set_deadline();
      return refuse({Fault::BodyTimeout}, http::Disconnect::Timeout);
    default:
      return close();
  }
}

// Its buffers are full, so nobody reads and would hear of a reset: the handler would go on, and the memory stay, for
// as long as the application likes.
void Connection::look_for_peer() {
  if (!is_reading_ && stream_->is_peer_gone()) return on_error(0);
  set_deadline();
}

void Connection::on_write_stalled() {
  // A slow peer that still takes something isn't stalled.
  if (stream_->unwritten() < unwritten_at_check_) return set_deadline();
  disconnect(http::Disconnect::Timeout);
  stream_->reset_on_close();
  close();
}

// RFC 9112 §9.2: an answer that nobody asked for would be taken for that of the next request. Some clients end a body
// in a CRLF that isn't its own.
void Connection::on_head_timeout() {
  if (exchange_->is_blank()) return begin_closing();
  refuse({Fault::HeadTimeout}, http::Disconnect::Timeout);
}

void Connection::on_request_timeout() {
  if (phase_ == Phase::Receiving) return on_head_timeout();
  if (phase_ != Phase::Active) return;
  // A handler that only computes its answer doesn't hear of a disconnect.
  if (is_dispatched_ && exchange_->handler() != nullptr) exchange_->handler()->on_cancel();
  if (phase_ != Phase::Active) return;  // it answered at once
  const bool is_complete = exchange_->request_state() == Exchange::RequestState::Complete;
  refuse({is_complete ? Fault::RequestTimeout : Fault::BodyTimeout}, http::Disconnect::Timeout);
}

// --- the end -------------------------------------------------------------------------------------------------------

void Connection::begin_drain() {
  // A head that is incomplete made no request yet.
  if (phase_ != Phase::Receiving && (phase_ != Phase::Idle || !pending_.empty())) return;
  if (queue_.size() == 0) return close();
  begin_closing();
}

void Connection::hold() {
  if (phase_ == Phase::Idle && exchange_count_ > 0) return begin_drain();
  if (phase_ != Phase::Idle && phase_ != Phase::Receiving) return;
  is_held_ = true;
  adjust_reading();
}

void Connection::go_on() {
  if (!std::exchange(is_held_, false)) return;
  adjust_reading();
}

int Connection::tell_stop() {
  if (phase_ != Phase::Active || !is_dispatched_ || exchange_->handler() == nullptr) return 0;
  if (stop_stage_ != http::StopStage::None) return 0;
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
  return phase_ == Phase::Active || queue_.size() > 0 || (phase_ == Phase::Idle && !pending_.empty());
}

bool Connection::is_streaming() const {
  return phase_ == Phase::Active && is_dispatched_ && exchange_->has_sent_head();
}

bool Connection::is_tunnelled() const { return phase_ == Phase::Active && exchange_->is_tunnel(); }

bool Connection::is_flushing() const {
  return phase_ != Phase::Closed && phase_ != Phase::Active && queue_.size() > 0;
}

std::optional<http::RunningExchange> Connection::running() const {
  if (phase_ != Phase::Active || !is_dispatched_) return std::nullopt;
  const http::RequestHead& head = exchange_->head();
  return http::RunningExchange{head.method(), head.target(), service_.loop.now_ms() - exchange_began_ms_,
                               application_};
}

int Connection::abort() {
  if (phase_ == Phase::Closed) return 0;
  const int aborted = is_busy() ? 1 : 0;
  stop_stage_ = http::StopStage::Aborted;
  cut_off();
  return aborted;
}

// Where the framing shows the cut (RFC 9112 §8), an end does, and takes nothing of what went before with it. A reset
// would: the answers to pipelined requests that the peer hasn't read yet. A stop doesn't wait for a peer to take
// them.
void Connection::give_up() {
  flush();
  const bool waits = stop_stage_ == http::StopStage::None || queue_.size() == 0;
  if (!exchange_->shows_cut() || !waits) return cut_off();
  disconnect(http::Disconnect::Aborted);
  begin_closing();
}

void Connection::cut_off() {
  if (phase_ == Phase::Closed) return;
  disconnect(http::Disconnect::Aborted);
  stream_->reset_on_close();
  close();
}

void Connection::close() {
  if (phase_ == Phase::Closed) return;
  phase_ = Phase::Closed;
  service_.deadlines.clear(*this);
  service_.deadlines.clear(request_deadline_);
  step_.unlink();
  flush_.unlink();
  if (is_reading_) stream_->stop_reading();
  stream_->set_handler(nullptr);
  service_.observer.on_closed(*this);
}

}  // namespace outrider::http1
