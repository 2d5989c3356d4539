// SPDX-License-Identifier: MIT
#pragma once

// One handler answering one exchange: from the request's arrival until the handler's coroutine, and the stream that
// it perhaps began, have ended. Pooled.
//
// How it ends early, step by step (outrider/stop.h):
//   told        the peer sends nothing more, or the server stops: the stop token is requested, and waits that make
//               no progress (sleep, body, read) throw Cancelled; the response can still be written. A stream that
//               the server's stop finds in nothing but writing hears of it there, once;
//   cancelled   writing throws as well;
//   gone        the exchange has ended; what the handler does has no effect any more. Its request stays readable.
// The end of a WebSocket tells its handler: it has no more to wait for.
// A coroutine that waits for something else than these, at the end of its server, is destroyed where it waits.
//
// Coroutines are resumed in the step phase or from timers, never inside a call that the protocol makes while it is
// busy with itself (on_disconnect() and such only make a note).
//
// Thread: loop only.

#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/router.h"
#include "app/socket_run.h"
#include "base/list.h"
#include "http/exchange.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "outrider/handler.h"
#include "outrider/tls.h"

namespace outrider::app {

class Dispatcher;
struct HandlerRunTag;

class HandlerRun final : public detail::Call, public http::ExchangeHandler, public ListNode<HandlerRunTag> {
 public:
  explicit HandlerRun(Dispatcher& dispatcher);
  ~HandlerRun();

  /// Finds the handler and calls it. May end the run.
  void begin(http::Exchange& exchange);
  /// The server is at its end: destroys the coroutine, unless something of it can't be interrupted.
  void end();
  /// Looks which waits are over and resumes their coroutines. May end the run.
  void poll();
  bool is_over() const { return exchange_ == nullptr && !coroutine_; }
  /// Back to the state of a new one.
  void recycle();

  // For Request, ResponseWriter and the waits.
  Dispatcher& dispatcher() { return dispatcher_; }
  const http::RequestHead& head() const { return keeps_head_ || exchange_ == nullptr ? head_ : exchange_->head(); }
  std::string_view parameter(std::string_view name) const;
  const std::string& peer_address();
  const std::string& client_address();
  std::string_view scheme() const { return exchange_ != nullptr ? exchange_->scheme() : scheme_; }
  /// Null without TLS.
  const TlsInfo* tls();
  std::string_view request_id() const;
  std::stop_token stop_token();
  bool is_told() const { return is_told_; }
  bool is_cancelled() const { return is_cancelled_; }
  /// A stop that nothing has told the stream of yet: the next wait does.
  bool must_hear() const { return is_stopping_ && !has_heard_; }
  /// A wait is about to throw Cancelled.
  void hear() { has_heard_ = true; }
  bool is_disconnected() const { return is_disconnected_ || (socket_ != nullptr && socket_->is_closed()); }
  void inform(int status, std::initializer_list<Header> fields);
  /// Null once it has ended.
  http::Exchange* exchange() { return exchange_; }
  /// It is a WebSocket's from now on.
  void give_exchange() { exchange_ = nullptr; }
  /// The WebSocket is over. In any phase.
  void on_socket_closed() { tell(); }
  void write(std::string_view bytes);
  void write(std::string&& bytes);
  void add_trailer(std::string_view name, std::string_view value);
  /// Counts the times that the loop has let the handler run.
  uint64_t step_number() const { return step_number_; }
  /// False when the handler has written so much without waiting that it is others' turn; poll() comes.
  bool has_budget();
  /// Counts towards that.
  void count_bytes(std::size_t bytes);
  /// False when the handler was told to end so often without ending that it is others' turn; poll() comes.
  bool may_cancel_now();
  /// Where read() keeps the bytes that it gave out.
  std::string& chunk() { return chunk_; }
  void add_wait(detail::Wait& wait);
  void remove_wait(detail::Wait& wait);

  // detail::Call
  Request& request() override { return request_; }
  WebSocket& websocket() override { return socket_->face(); }
  std::string_view parameter(std::size_t index) const override { return parameters_.values[index]; }
  void answer(std::string_view text) override;
  void answer(std::string&& text) override;
  void answer(Response&& response) override;
  void answer_nothing() override;
  void answer_not_found() override;
  void start(std::coroutine_handle<> coroutine, detail::PromiseBase& promise, Finish finish) override;

  // http::ExchangeHandler
  void on_body() override { poll(); }
  void on_writable() override { poll(); }
  void on_half_close() override;
  void on_disconnect(http::Disconnect reason) override;
  void on_stop() override;
  void on_cancel() override;

 private:
  // A stream whose peer reads as fast as it is written would otherwise never let go of the loop.
  static constexpr std::size_t kBytesInPhaseMax = 256 * 1024;
  // What a write costs besides its bytes, in bytes: small ones are many.
  static constexpr std::size_t kBytesOfWrite = 512;
  // So would a handler that catches Cancelled and waits again, for ever. The end of its server destroys it.
  static constexpr int kCancellationsInPhaseMax = 8;

  // Inside of anything that may run the handler: the run isn't given back before the outermost of these ends.
  class Entry {
   public:
    explicit Entry(HandlerRun& run) : run_(run) { ++run_.entered_; }
    ~Entry();

   private:
    HandlerRun& run_;
  };

  void tell();
  void renew_budgets();
  void call_handler();
  bool call_websocket_handler();
  bool find_route(std::string_view method);
  bool is_known_method(std::string_view method) const;
  void answer_without_route();
  void require_websocket();
  void decode_parameters();
  void begin_head(int status, std::string_view content_type);
  void add_field(std::string_view name, std::string_view value);
  void answer_status(int status, std::string_view text);
  void finish_with(http::Piece content);
  void start_stream(Response&& response);
  void finish_stream();
  void on_coroutine_done() noexcept;
  void destroy_coroutine();
  void fail(std::exception_ptr exception) noexcept;
  void fail_socket(std::exception_ptr exception) noexcept;
  void cut_off();
  void on_step();
  void resume_waits();
  void set_timer();

  Dispatcher& dispatcher_;
  http::Exchange* exchange_ = nullptr;
  Request request_;
  ResponseWriter writer_;
  const Route* route_ = nullptr;
  Captures parameters_;  // decoded
  std::string decoded_;  // what of them isn't a part of the path as it was sent
  std::coroutine_handle<> coroutine_;
  Finish finish_ = nullptr;
  std::unique_ptr<detail::Producer> producer_;  // of the stream; its coroutine uses it
  detail::Wait* waits_ = nullptr;
  std::unique_ptr<loop::Timer> timer_;  // made when first needed, then kept
  loop::Deferred step_;
  std::optional<std::stop_source> stop_source_;
  std::unique_ptr<SocketRun> socket_;  // of a WebSocket's handler
  http::RequestHead head_;             // once the exchange has gone, and of a WebSocket
  std::string peer_address_;
  std::string client_address_;
  std::unique_ptr<TlsInfo> tls_;  // once it was asked for
  std::string_view scheme_;       // with head_
  std::string chunk_;
  std::vector<std::pair<std::string, std::string>> trailers_;
  uint64_t step_number_ = 0;
  uint64_t phase_ = 0;  // of the loop, that the next two count in
  std::size_t bytes_in_phase_ = 0;
  int cancellations_in_phase_ = 0;
  int entered_ = 0;
  bool has_trailers_ = false;
  bool keeps_head_ = false;  // head_ is the request's
  bool is_told_ = false;
  bool is_cancelled_ = false;
  bool is_disconnected_ = false;
  bool is_stopping_ = false;  // the server, while a stream was under way
  bool has_heard_ = false;    // that it is to end, or listens to the stop token
};

}  // namespace outrider::app
