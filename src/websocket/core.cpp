// SPDX-License-Identifier: MIT
#include "websocket/core.h"

#include <utility>

#include "base/ascii.h"
#include "base/check.h"
#include "loop/host_lock.h"

namespace outrider::websocket {
namespace {

using http::More;

// From here on inflating takes long enough to let the program's other threads go on meanwhile.
constexpr std::size_t kLongInflation = 4 * 1024;

bool is_own_field(std::string_view name) {
  for (const std::string_view own : {"sec-websocket-accept", "sec-websocket-extensions", "sec-websocket-protocol"}) {
    if (ascii::equals_ignore_case(name, own)) return true;
  }
  return false;
}

Closure closure_of(Fault fault) { return {close_code(fault), std::string(sentence(fault))}; }

}  // namespace

Core::Core(http::Exchange& exchange, const Handshake& handshake, SessionHandler& handler, ObjectMaker* objects)
    : exchange_(&exchange),
      service_(&exchange.connection().websockets()),
      handler_(&handler),
      step_([](void* self) { static_cast<Core*>(self)->step(); }, this),
      reader_(service_->limits, service_->messages),
      sender_(exchange, *service_) {
  exchange.begin_tunnel("websocket", *this);
  const http::ResponseFault fault = exchange.add_field("sec-websocket-accept", accept_value(handshake.key));
  OUTRIDER_CHECK(fault == http::ResponseFault::None);
  std::optional<DeflateAgreement> agreement = agree(service_->deflate, handshake.deflate_offers);
  if (!agreement) {
    if (objects != nullptr) reader_.use_objects(*objects);
    return;
  }
  compression_ = std::make_unique<Compression>(service_->deflate, service_->contexts, *agreement);
  reader_.allow_compression(*compression_);
  sender_.allow_compression(*compression_);
  exchange.add_field("sec-websocket-extensions", agreement->field);
}

Core::~Core() {
  if (is_gone_ != nullptr) *is_gone_ = true;
}

bool Core::outlives_session() {
  if (state_ == State::Open) abort();
  handler_ = nullptr;
  queue_.clear();
  return state_ == State::Closing;
}

// Destroys the core once nobody else does. The last thing in whatever is called from below.
void Core::leave() {
  if (handler_ == nullptr && state_ == State::Closed) delete this;
}

// --- opening -------------------------------------------------------------------------------------------------------

http::ResponseFault Core::add_field(std::string_view name, std::string_view value) {
  if (is_own_field(name)) return http::ResponseFault::FieldForbidden;
  return exchange_->add_field(name, value);
}

void Core::drop() {
  exchange_->drop_head();
  exchange_ = nullptr;
  state_ = State::Closed;
}

void Core::accept(std::string_view subprotocol) {
  OUTRIDER_CHECK(state_ == State::Opening);
  // RFC 6455 §4.2.2 step 5.
  if (!subprotocol.empty()) {
    const http::ResponseFault fault = exchange_->add_field("sec-websocket-protocol", subprotocol);
    OUTRIDER_CHECK(fault == http::ResponseFault::None);
  }
  state_ = State::Open;
  exchange_->write({}, More::Yes);
  set_deadline(service_->limits.websocket_ping_interval);
}

// --- receiving -----------------------------------------------------------------------------------------------------

std::span<char> Core::read_room() {
  if (!raw_.empty() || state_ == State::Closed || is_full()) return {};
  return reader_.room();
}

void Core::on_data(std::span<char> bytes) {
  has_heard_ = true;
  if (!raw_.empty()) return raw_.append({bytes.data(), bytes.size()});  // what waits goes first
  const std::size_t used = take(bytes);
  // Only once more comes than there is room for: a message that fills the queue by itself is as a rule all that comes
  // before it is taken, and to stop and go on each time would cost two system calls.
  if (state_ != State::Closed && held_end_ == HeldEnd::None && used < bytes.size()) {
    raw_.append({bytes.data() + used, bytes.size() - used});
    set_reading(false);
  }
  leave();
}

// Returns how much was used: less when the queue is full, or it ends.
std::size_t Core::take(std::span<char> bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && state_ != State::Closed && !is_full()) {
    const auto progress = feed(bytes.subspan(used));
    if (!progress) {
      take_end(HeldEnd::Fault, closure_of(progress.error()));
      break;
    }
    used += progress.value().consumed;
    take_event(progress.value().event);
  }
  return used;
}

Result<MessageReader::Progress, Fault> Core::feed(std::span<char> bytes) {
  const loop::Unlocked unlocked(service_->loop, compression_ != nullptr && bytes.size() >= kLongInflation);
  return reader_.feed(bytes);
}

void Core::take_event(MessageReader::Event event) {
  switch (event) {
    case MessageReader::Event::None:
      return;
    case MessageReader::Event::Message:
      if (queue_.empty()) {
        has_message_news_ = true;
        service_->loop.defer_step(step_);
      }
      return queue_.push(reader_.take_message());
    case MessageReader::Event::Ping:
      return take_ping();
    case MessageReader::Event::Pong: {
      // RFC 6455 §5.5.3: one that nobody asked for, or that answers another ping, means nothing.
      const std::string_view expected(reinterpret_cast<const char*>(&ping_number_), sizeof ping_number_);
      if (!awaits_pong_ || state_ != State::Open || reader_.control() != expected) return;
      awaits_pong_ = false;
      return set_deadline(service_->limits.websocket_ping_interval);
    }
    case MessageReader::Event::Close:
      return take_close();
  }
}

void Core::take_ping() {
  if (state_ != State::Open) return;  // RFC 6455 §5.5.1: nothing is sent behind a close frame
  if (exchange_->is_writable()) return send_control(Opcode::Pong, reader_.control());
  // §5.5.3 lets the last of several pings stand for all: else a peer that pings and doesn't read fills the memory.
  held_pong_ = reader_.control();
  holds_pong_ = true;
}

void Core::take_close() {
  Result<Closure, Fault> closure = read_closure(reader_.control());
  if (!closure) return take_end(HeldEnd::Fault, closure_of(closure.error()));
  take_end(HeldEnd::Close, std::move(*closure));
}

// Messages that came before are the application's first: it may answer them. It has websocket_close_timeout for it.
void Core::take_end(HeldEnd end, Closure closure) {
  if (state_ == State::Open && !queue_.empty()) {
    held_end_ = end;
    closure_ = std::move(closure);
    set_reading(false);
    return set_deadline(service_->limits.websocket_close_timeout);
  }
  end == HeldEnd::Fault ? fail(std::move(closure)) : answer_close(std::move(closure));
}

void Core::end_as_held() {
  const HeldEnd end = std::exchange(held_end_, HeldEnd::None);
  if (state_ == State::Closing) return answer_close({});  // the application closed meanwhile
  Closure closure = std::move(closure_);
  end == HeldEnd::Fault ? fail(std::move(closure)) : answer_close(std::move(closure));
}

// RFC 6455 §5.5.1: with the code that came. §7.1.1: then the server closes the connection, and first.
void Core::answer_close(Closure closure) {
  if (state_ == State::Open) {
    send_control(Opcode::Close, close_payload(closure.code, {}));
    be_over(std::move(closure));
  } else if (!is_over_) {
    be_over(std::move(closure_));
  }
  end_exchange();
}

bool Core::is_full() const {
  if (held_end_ != HeldEnd::None) return true;
  if (state_ != State::Open || queue_.empty()) return false;  // messages are dropped; or the first one always may
  const Limits& limits = service_->limits;
  return queue_.count() >= limits.websocket_queue_max || queue_.bytes() >= limits.websocket_queue_bytes_max;
}

// Reading goes on at half, so that it doesn't stop and go on with each message.
bool Core::has_room() const {
  const Limits& limits = service_->limits;
  return state_ != State::Open || queue_.empty() ||
         (queue_.count() <= limits.websocket_queue_max / 2 && queue_.bytes() <= limits.websocket_queue_bytes_max / 2);
}

void Core::pop_message() {
  Message message = queue_.pop();
  if (state_ == State::Closed) return;
  service_->release(std::move(message.payload));
  if (!reads_ && has_room()) service_->loop.defer_step(step_);
}

// When messages were taken, or don't count any more.
void Core::go_on() {
  if (reads_ || !has_room()) return;
  if (held_end_ == HeldEnd::None) return take_raw();
  if (queue_.empty() || state_ == State::Closing) end_as_held();
}

// What came behind a full queue.
void Core::take_raw() {
  Buffer raw = std::move(raw_);
  raw.consume(take({raw.data(), raw.size()}));
  if (state_ == State::Closed) return;
  if (held_end_ != HeldEnd::None) return;
  if (!raw.empty()) {
    raw_ = std::move(raw);
    return;
  }
  if (peer_ended_) return end_input();
  set_reading(true);
}

// What was received and is no message yet.
void Core::drop_input() {
  raw_.recycle(0);
  reader_.discard_messages();
}

void Core::set_reading(bool reads) {
  if (std::exchange(reads_, reads) == reads) return;
  exchange_->set_tunnel_reading(reads);
}

void Core::on_half_close() {
  peer_ended_ = true;
  const bool may_have_closed = !raw_.empty() || held_end_ != HeldEnd::None;
  if (!may_have_closed) end_input();
  leave();
}

// RFC 6455 §7.1.5: without a close frame of the peer's, whatever was sent before.
void Core::end_input() {
  if (!is_over_) be_over({});
  end_exchange();
}

// --- sending -------------------------------------------------------------------------------------------------------

void Core::send(MessageType type, http::Piece payload) {
  if (state_ == State::Open) return sender_.send(type, payload);
  if (payload.owner != nullptr) payload.release(payload.owner);
}

void Core::send(const SharedMessage& message) {
  if (state_ == State::Open) sender_.send(message);
}

void Core::send_control(Opcode opcode, std::string_view payload) { sender_.send_control(opcode, payload); }

bool Core::is_writable() {
  waits_to_write_ = state_ == State::Open && !exchange_->is_writable();
  return !waits_to_write_;
}

void Core::ping(std::string_view payload) {
  if (state_ == State::Open) send_control(Opcode::Ping, payload);
}

void Core::on_writable() {
  if (state_ == State::Open && std::exchange(holds_pong_, false)) send_control(Opcode::Pong, held_pong_);
  if (waits_to_write_ && is_writable() && handler_ != nullptr) handler_->on_writable();
}

// --- ending --------------------------------------------------------------------------------------------------------

void Core::close(uint16_t code, std::string_view reason) {
  OUTRIDER_CHECK(is_valid_close_code(code) && reason.size() <= kReasonBytesMax);
  if (state_ == State::Open) begin_closing(code, reason);
}

// RFC 6455 §7.1.2. What the peer still sends is read until its own close frame comes.
void Core::begin_closing(uint16_t code, std::string_view reason) {
  send_control(Opcode::Close, close_payload(code, reason));
  state_ = State::Closing;
  closure_ = {code, std::string(reason)};
  reader_.discard_messages();
  set_deadline(service_->limits.websocket_close_timeout);
  if (!reads_) service_->loop.defer_step(step_);
}

// RFC 6455 §7.1.7: a close frame, unless there was one, and nothing is waited for. §7.1.1: it is the server that
// closes the connection.
void Core::fail(Closure closure) {
  if (state_ == State::Open) send_control(Opcode::Close, close_payload(closure.code, closure.reason));
  if (!is_over_) be_over(std::move(closure));
  end_exchange();
}

void Core::end_exchange() {
  service_->deadlines.clear(*this);
  drop_input();
  state_ = State::Closed;
  std::exchange(exchange_, nullptr)->write({}, More::No);
}

void Core::be_over(Closure closure) {
  is_over_ = true;
  closure_ = std::move(closure);
  has_over_news_ = true;
  service_->loop.defer_step(step_);
}

void Core::abort() {
  is_over_ = true;
  has_over_news_ = has_message_news_ = false;
  if (exchange_ == nullptr) return;
  service_->deadlines.clear(*this);
  drop_input();
  state_ = State::Closed;
  std::exchange(exchange_, nullptr)->abort();
}

void Core::on_disconnect(http::Disconnect) {
  const bool has_closed = state_ == State::Open && held_end_ == HeldEnd::Close;
  service_->deadlines.clear(*this);
  drop_input();
  state_ = State::Closed;
  exchange_ = nullptr;
  if (!std::exchange(is_over_, true)) {
    if (!has_closed) closure_ = {};
    has_over_news_ = true;
  }
  // At once: there may be no further pass.
  if (handler_ != nullptr && has_over_news_) return tell_over();
  leave();
}

void Core::on_stop() {
  if (state_ != State::Open) return;
  begin_closing(1012, "service restart");
  is_over_ = has_over_news_ = true;
  if (handler_ != nullptr) tell_over();
}

void Core::on_cancel() {
  if (handler_ != nullptr) handler_->on_cancel();
}

// May destroy this.
void Core::tell_over() {
  has_over_news_ = has_message_news_ = false;
  handler_->on_closed();
}

void Core::step() {
  bool is_gone = false;
  is_gone_ = &is_gone;
  if (state_ != State::Closed) go_on();
  if (std::exchange(has_message_news_, false) && handler_ != nullptr && !queue_.empty()) handler_->on_message();
  if (is_gone) return;
  is_gone_ = nullptr;
  if (has_over_news_ && handler_ != nullptr) return tell_over();
  leave();
}

// --- time ----------------------------------------------------------------------------------------------------------

void Core::set_deadline(std::chrono::milliseconds delay) {
  service_->deadlines.set(*this, static_cast<uint64_t>(delay.count()));
}

void Core::on_deadline() {
  if (state_ == State::Closing) {
    end_input();  // the peer doesn't answer
  } else if (held_end_ != HeldEnd::None) {
    end_as_held();  // the application takes nothing
  } else if (state_ == State::Open) {
    on_ping_due();
  }
  leave();
}

void Core::on_ping_due() {
  const Limits& limits = service_->limits;
  if (awaits_pong_ && limits.websocket_ping_timeout.count() != 0) {
    if (!may_pong_be_late()) return fail({1011, "keepalive ping timeout"});
    // The same again: nobody reads, and it is by the reset that answers us that a peer which has gone is found.
    if (!reads_ && exchange_->is_writable()) send_ping();
    has_heard_ = false;
    return set_deadline(limits.websocket_ping_timeout);
  }
  ++ping_number_;
  send_ping();
  awaits_pong_ = true;
  has_heard_ = false;
  const bool is_limited = limits.websocket_ping_timeout.count() != 0;
  set_deadline(is_limited ? limits.websocket_ping_timeout : limits.websocket_ping_interval);
}

void Core::send_ping() {
  send_control(Opcode::Ping, {reinterpret_cast<const char*>(&ping_number_), sizeof ping_number_});
}

// It is not the peer's fault when it waits behind a queue that we don't read, or that our ping hasn't left (then the
// write time-out judges it), or when a long frame that it is still sending can't be interrupted.
bool Core::may_pong_be_late() {
  return !reads_ || !exchange_->is_writable() || (has_heard_ && reader_.is_in_frame());
}

}  // namespace outrider::websocket
