// SPDX-License-Identifier: MIT
#pragma once

// What is behind a Session: the tunnel's handler with the frames' state. A part of its own because it may outlive
// the session: one that the face let go of while it was closing in order waits for the peer's close frame, and then
// destroys itself.
//
// Thread: loop only.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "http/exchange.h"
#include "loop/deadline.h"
#include "loop/loop.h"
#include "websocket/closure.h"
#include "websocket/deflate.h"
#include "websocket/message.h"
#include "websocket/message_queue.h"
#include "websocket/sender.h"
#include "websocket/service.h"
#include "websocket/session.h"

namespace outrider::websocket {

class Core final : public http::TunnelHandler, private loop::Deadline {
 public:
  Core(http::Exchange& exchange, const Handshake& handshake, SessionHandler& handler, ObjectMaker* objects);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  /// The session is destroyed: whether the core goes on, and destroys itself later.
  bool outlives_session();

  // What Session says of them.
  http::ResponseFault add_field(std::string_view name, std::string_view value);
  void drop();
  void accept(std::string_view subprotocol);
  const MessageQueue& queue() const { return queue_; }
  void pop_message();
  void send(MessageType type, http::Piece payload);
  void send(const SharedMessage& message);
  bool is_writable();
  void ping(std::string_view payload);
  void close(uint16_t code, std::string_view reason);
  bool is_closing() const { return state_ >= State::Closing; }
  bool is_over() const { return is_over_; }
  const Closure& closure() const { return closure_; }
  void abort();

 private:
  // Closing: our close frame was sent, the peer's is awaited. Closed: the exchange has ended.
  enum class State : uint8_t { Opening, Open, Closing, Closed };
  // What the peer did behind messages that the application hasn't taken: these are answered before it is.
  enum class HeldEnd : uint8_t { None, Close, Fault };

  // http::TunnelHandler
  std::span<char> read_room() override;
  void on_data(std::span<char> bytes) override;
  void on_writable() override;
  void on_half_close() override;
  void on_disconnect(http::Disconnect reason) override;
  void on_stop() override;
  void on_cancel() override;
  // loop::Deadline
  void on_deadline() override;

  std::size_t take(std::span<char> bytes);
  Result<MessageReader::Progress, Fault> feed(std::span<char> bytes);
  void go_on();
  void take_raw();
  void drop_input();
  void take_event(MessageReader::Event event);
  void take_ping();
  void take_close();
  void take_end(HeldEnd end, Closure closure);
  void end_as_held();
  void answer_close(Closure closure);
  bool is_full() const;
  bool has_room() const;
  void set_reading(bool reads);
  void end_input();

  void send_control(Opcode opcode, std::string_view payload);

  void begin_closing(uint16_t code, std::string_view reason);
  void fail(Closure closure);
  void end_exchange();
  void be_over(Closure closure);
  void tell_over();
  void step();
  void leave();

  void on_ping_due();
  void send_ping();
  bool may_pong_be_late();
  void set_deadline(std::chrono::milliseconds delay);

  http::Exchange* exchange_;
  Service* service_;         // not touched once Closed: the face may keep a session, with its messages, for longer
  SessionHandler* handler_;  // null once the session is gone
  loop::Deferred step_;
  std::unique_ptr<Compression> compression_;  // when agreed upon
  MessageReader reader_;
  Sender sender_;  // not used once Closed
  MessageQueue queue_;
  Buffer raw_;  // what came behind a full queue
  Closure closure_;
  std::string held_pong_;    // what the last ping carried, while the peer doesn't take what we send
  bool* is_gone_ = nullptr;  // set when this dies inside a call of its own
  uint32_t ping_number_ = 0;
  State state_ = State::Opening;
  HeldEnd held_end_ = HeldEnd::None;  // closure_ is how
  bool awaits_pong_ = false;
  bool holds_pong_ = false;
  bool has_heard_ = false;  // bytes came since the last ping
  bool reads_ = true;
  bool peer_ended_ = false;
  bool waits_to_write_ = false;  // the face was told so
  bool has_message_news_ = false;
  bool has_over_news_ = false;
  bool is_over_ = false;
};

}  // namespace outrider::websocket
