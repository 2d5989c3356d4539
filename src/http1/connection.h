// SPDX-License-Identifier: MIT
#pragma once

// An HTTP/1 connection: a stream, the exchange under way on it, and the deadlines. Thin: what bytes mean is the
// codecs' business, what is answered the application's.
//
// Phases and what moves between them:
//
//   Idle ──first byte──► Receiving ──head complete──► Active ──response complete──► Idle | Discarding | Closing
//   Discarding ──rest of the request's body read──► Idle          Closing ──all written──► Lingering
//   Lingering ──peer closed, or linger_timeout──► Closed          any ──connection broken, abort──► Closed
//
// Thread: loop only. Destroyed by its observer, never inside one of its own calls.

#include <chrono>
#include <memory>
#include <span>
#include <string_view>

#include "base/buffer.h"
#include "http/served_connection.h"
#include "http1/exchange.h"
#include "http1/service.h"
#include "loop/deadline.h"
#include "net/stream.h"
#include "net/write_queue.h"

namespace outrider::http1 {

class Connection final : public http::ServedConnection,
                         public http::Connection,
                         private net::StreamHandler,
                         private loop::Deadline {
 public:
  /// `service` must outlive the connection.
  Connection(Service& service, std::unique_ptr<net::Stream> stream);
  ~Connection() override;

  // http::ServedConnection
  void begin_drain() override;
  void hold() override;
  void go_on() override;
  int tell_stop() override;
  int cancel() override;
  int abort() override;
  void close() override;
  bool is_busy() const override;
  bool is_streaming() const override;
  bool is_tunnelled() const override;
  bool is_flushing() const override;
  std::optional<http::RunningExchange> running() const override;

  // http::Connection
  net::Address local_address() const override { return stream_->local_address(); }
  net::Address peer_address() const override { return stream_->peer_address(); }
  const http::PeerName& peer_name() override;
  std::string_view scheme() const override { return is_secured() ? "https" : "http"; }
  const TlsInfo* tls() const override { return stream_->tls(); }
  Attachment& attachment() override { return attachment_; }
  websocket::Service& websockets() override { return *service_.websockets; }

  // For the exchange.
  bool is_secured() const { return stream_->is_secured(); }
  Service& service() { return service_; }
  net::WriteQueue& queue() { return queue_; }
  net::Stream& stream() { return *stream_; }
  /// The peer is a proxy that is believed what it says of a request's origin.
  bool trusts_peer() { return !service_.proxies.trusted.empty() && (trust_ == Trust::Yes || find_trust()); }
  void flush_soon();
  bool is_writable();
  void on_body_wanted();
  void on_body_consumed();
  void on_tunnel();
  void on_tunnel_flow() { adjust_reading(); }
  void on_response_complete();
  /// The face gives the exchange up: the peer gets what was written, and is to see that the response is incomplete.
  void give_up();
  /// The response under way is to say that the connection closes after it.
  bool is_last_exchange() const;
  /// What is still to come of the request's body is so little that reading it keeps the connection.
  bool can_discard_body() const;

 private:
  // Of the whole request: beside the deadline of the state at hand.
  struct RequestDeadline final : loop::Deadline {
    explicit RequestDeadline(Connection& owner) : connection(owner) {}
    void on_deadline() override { connection.on_request_timeout(); }
    Connection& connection;
  };

  enum class Trust { Undecided, Yes, No };
  enum class Phase { Idle, Receiving, Active, Discarding, Closing, Lingering, Closed };

  // net::StreamHandler
  std::span<char> read_room() override;
  void on_data(std::span<char> bytes) override;
  void on_end() override;
  void on_error(int code) override;
  void on_write_done(int code) override;
  // loop::Deadline
  void on_deadline() override;

  std::size_t take_input(std::string_view bytes);
  void take_tunnelled(std::span<char> bytes);
  void take_pending();
  bool find_trust();
  void on_request_progress();
  void on_head_complete();
  void step();
  void deliver_news();
  void report_end(int status);
  void end_exchange();
  void discard_or_close();
  void next_exchange();
  void begin_closing();
  void on_lingering_data();
  void refuse(ProtocolError error, http::Disconnect reason);
  bool is_congested() const;
  void write_error(ProtocolError error, bool is_head);
  void disconnect(http::Disconnect reason, int status = 0);
  void cut_off();
  void flush();
  void after_flush();
  void adjust_reading();
  void set_deadline();
  void look_for_peer();
  void on_write_stalled();
  void on_request_timeout();
  void on_head_timeout();
  uint64_t microseconds() const;

  Service& service_;
  std::unique_ptr<net::Stream> stream_;
  std::unique_ptr<Exchange> exchange_;
  net::WriteQueue queue_;
  Buffer pending_;  // input behind the request under way (pipelining)
  loop::Deferred step_;
  loop::Deferred flush_;
  RequestDeadline request_deadline_{*this};
  Attachment attachment_;
  std::unique_ptr<http::PeerName> peer_name_;  // made when first asked for
  http::Application* application_ = nullptr;   // that the exchange under way was given to
  std::chrono::steady_clock::time_point exchange_began_;
  uint64_t exchange_began_ms_ = 0;  // the loop's clock, which costs nothing
  std::size_t exchange_count_ = 0;
  uint64_t lingers_since_ms_ = 0;
  std::size_t unwritten_at_check_ = 0;
  Phase phase_ = Phase::Idle;
  Trust trust_ = Trust::Undecided;
  bool is_dispatched_ = false;  // the application knows of the exchange
  bool is_reading_ = true;
  bool is_held_ = false;        // not to be read from
  bool peer_ended_ = false;     // the peer sends nothing more
  bool has_body_news_ = false;  // the handler is to be told, in the next step
  bool has_end_news_ = false;
  bool was_unwritable_ = false;  // the face was told so, and waits
  bool watches_write_ = false;   // the deadline is that of the write under way
  bool is_broken_ = false;       // writing failed; to be dealt with in the next step
  http::StopStage stop_stage_ = http::StopStage::None;
};

}  // namespace outrider::http1
