// SPDX-License-Identifier: MIT
#include "app/handler_run.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "app/dispatcher.h"
#include "app/percent.h"
#include "base/ascii.h"
#include "http/status.h"
#include "outrider/response.h"
#include "websocket/handshake.h"

namespace outrider::app {
namespace {

// A text that is larger is handed over instead of copied; the exchange itself copies small pieces, owned or not.
constexpr std::size_t kHandOverMin = 8 * 1024;

// What read() may have grown its buffer to and still keep it.
constexpr std::size_t kKeepChunkBytes = 64 * 1024;

constexpr std::string_view kTextPlain = "text/plain; charset=utf-8";

void check(http::ResponseFault fault) {
  if (fault != http::ResponseFault::None) throw ResponseError(std::string(http::sentence(fault)));
}

// `bytes` must live until the piece was written.
http::Piece piece_of(std::string&& bytes) {
  if (bytes.size() < kHandOverMin) return {bytes};
  auto* owner = new std::string(std::move(bytes));  // owned by the connection until it has left
  return {*owner, owner, [](void* string) { delete static_cast<std::string*>(string); }};
}

// A client's port isn't always known; a Unix socket's peer has no name worth showing.
std::string show(const net::Address& address) {
  if (address.port() != 0) return address.to_string();
  return address.ip() ? address.host() : std::string();
}

uint64_t steady_ns() {
  using namespace std::chrono;
  return static_cast<uint64_t>(duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count());
}

}  // namespace

HandlerRun::Entry::~Entry() {
  if (--run_.entered_ > 0) return;
  if (run_.coroutine_ && run_.dispatcher_.is_ending()) run_.destroy_coroutine();
  if (run_.is_over()) run_.dispatcher_.release(run_);
}

HandlerRun::HandlerRun(Dispatcher& dispatcher)
    : dispatcher_(dispatcher),
      request_(*this),
      writer_(*this),
      step_([](void* self) { static_cast<HandlerRun*>(self)->on_step(); }, this) {}

HandlerRun::~HandlerRun() {
  if (coroutine_) coroutine_.destroy();
}

void HandlerRun::recycle() {
  route_ = nullptr;
  socket_.reset();
  decoded_.clear();
  producer_.reset();
  step_.unlink();
  if (timer_ != nullptr) timer_->stop();
  stop_source_.reset();
  if (keeps_head_) head_ = http::RequestHead();
  peer_address_.clear();
  client_address_.clear();
  tls_.reset();
  if (chunk_.capacity() > kKeepChunkBytes) chunk_ = {};
  trailers_.clear();
  keeps_head_ = has_trailers_ = is_told_ = is_cancelled_ = is_disconnected_ = is_stopping_ = has_heard_ = false;
}

// --- finding and calling the handler ---------------------------------------------------------------------------

void HandlerRun::begin(http::Exchange& exchange) {
  const Entry entry(*this);
  exchange_ = &exchange;
  exchange.set_handler(this);
  try {
    call_handler();
  } catch (...) {
    fail(std::current_exception());
  }
}

void HandlerRun::call_handler() {
  if (!exchange_->head().upgrade().empty() && call_websocket_handler()) return;
  if (!find_route(head().method())) return;
  if (route_ == nullptr) route_ = dispatcher_.site().router->fallback();
  if (route_ == nullptr) return answer_without_route();
  route_->handler->handle(*this);
}

// False: the request was answered. Without a route, route_ is null.
bool HandlerRun::find_route(std::string_view method) {
  const std::string_view path = head().path();
  const bool is_encoded = path.find('%') != std::string_view::npos;
  if (is_encoded && !is_valid_encoding(path)) {
    answer_status(400, "the path is not percent-encoded, or encodes a NUL\n");
    return false;
  }
  route_ = dispatcher_.site().router->match(method, path, is_encoded, parameters_);
  if (route_ != nullptr && is_encoded) decode_parameters();
  return true;
}

// False: it is a request like others.
bool HandlerRun::call_websocket_handler() {
  if (exchange_->head().method() != "GET" || !websocket::is_websocket_request(exchange_->head())) return false;
  if (!find_route(kWebSocketMethod)) return true;
  if (route_ == nullptr) return false;
  // The exchange is to be the session's, and the request stays readable: what is a view of it is one of a copy.
  head_ = exchange_->head().copy();
  keeps_head_ = true;
  peer_address();
  client_address();
  tls();
  scheme_ = exchange_->scheme();
  decoded_.clear();
  find_route(kWebSocketMethod);
  Result<websocket::Handshake, websocket::HandshakeFault> handshake = websocket::read_handshake(head_);
  if (!handshake) {
    websocket::refuse(*std::exchange(exchange_, nullptr), handshake.error());
    return true;
  }
  if (!exchange_->offers_tunnel()) {
    answer_status(400, "a WebSocket's handshake has no content\n");
    return true;
  }
  socket_ = std::make_unique<SocketRun>(*this, std::move(*handshake), *route_);
  route_->handler->handle(*this);
  return true;
}

void HandlerRun::decode_parameters() {
  decoded_.reserve(head().path().size());  // so that it doesn't move: decoding never lengthens
  for (std::size_t i = 0; i < parameters_.count; ++i) {
    std::string_view& value = parameters_.values[i];
    if (value.find('%') == std::string_view::npos) continue;
    const std::size_t start = decoded_.size();
    append_decoded(value, Plus::IsPlus, decoded_);
    value = std::string_view(decoded_).substr(start);
  }
}

// RFC 9110 §9.1: 405 is for the methods that are known, from there, from RFC 5789 or to any route; 501 for others.
bool HandlerRun::is_known_method(std::string_view method) const {
  bool is_known = false;
  const auto compare = [&](std::string_view other) { is_known = is_known || other == method; };
  ascii::for_each_element("GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE, PATCH", compare);
  ascii::for_each_element(dispatcher_.site().router->allowed_methods("*"), compare);
  return is_known;
}

// RFC 9110 §15.5.6: 405 must have Allow; §9.3.7: so should the answer to OPTIONS.
void HandlerRun::answer_without_route() {
  const std::string_view path = head().path();
  const std::string_view method = head().method();
  const std::string allowed = dispatcher_.site().router->allowed_methods(path);
  const bool is_options = method == "OPTIONS";
  if (allowed.empty() && !(is_options && path == "*")) return answer_not_found();
  if (method == "GET" || method == "HEAD") {
    if (dispatcher_.site().router->match(kWebSocketMethod, path, parameters_) != nullptr) return require_websocket();
  }
  if (!is_known_method(method)) return answer_status(501, "Not Implemented\n");
  begin_head(is_options ? 204 : 405, is_options ? std::string_view() : kTextPlain);
  add_field("allow", allowed);
  finish_with({is_options ? "" : "Method Not Allowed\n"});
}

// RFC 9110 §15.5.22.
void HandlerRun::require_websocket() {
  begin_head(426, kTextPlain);
  add_field("upgrade", "websocket");
  finish_with({"here is a WebSocket: ask for one\n"});
}

std::string_view HandlerRun::parameter(std::string_view name) const {
  const std::vector<std::string>& names = route_->parameter_names;
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    throw std::out_of_range("the pattern " + route_->pattern + " has no parameter '" + std::string(name) + "'");
  }
  return parameters_.values[static_cast<std::size_t>(found - names.begin())];
}

std::string_view HandlerRun::request_id() const {
  const std::string& field = dispatcher_.site().request_id_field;
  return field.empty() ? std::string_view() : head().find(field);
}

const std::string& HandlerRun::peer_address() {
  if (peer_address_.empty() && exchange_ != nullptr) peer_address_ = show(exchange_->connection().peer_address());
  return peer_address_;
}

const std::string& HandlerRun::client_address() {
  if (client_address_.empty() && exchange_ != nullptr) client_address_ = show(exchange_->client_address());
  return client_address_;
}

const TlsInfo* HandlerRun::tls() {
  const TlsInfo* info = tls_ == nullptr && exchange_ != nullptr ? exchange_->connection().tls() : nullptr;
  if (info != nullptr) tls_ = std::make_unique<TlsInfo>(*info);
  return tls_.get();
}

// --- answering -------------------------------------------------------------------------------------------------

void HandlerRun::begin_head(int status, std::string_view content_type) {
  // An informational status would begin another kind of head.
  if (status < 200 || exchange_->begin_head(status) != http::ResponseFault::None) {
    throw ResponseError("the status " + std::to_string(status) + " is not between 200 and 999");
  }
  if (!content_type.empty()) add_field("content-type", content_type);
}

void HandlerRun::add_field(std::string_view name, std::string_view value) {
  const http::ResponseFault fault = exchange_->add_field(name, value);
  if (fault == http::ResponseFault::None) return;
  throw ResponseError(std::string(http::sentence(fault)) + ": '" + std::string(name) + "'");
}

// The response's content, all of it: ends the exchange.
void HandlerRun::finish_with(http::Piece content) {
  check(exchange_->write(content, http::More::No));
  exchange_ = nullptr;
}

void HandlerRun::answer(std::string_view text) {
  if (exchange_ == nullptr) return;
  begin_head(200, kTextPlain);
  finish_with({text});
}

void HandlerRun::answer(std::string&& text) {
  if (exchange_ == nullptr) return;
  begin_head(200, kTextPlain);
  finish_with(piece_of(std::move(text)));
}

void HandlerRun::answer_nothing() {
  if (socket_ != nullptr && socket_->finish()) return;
  if (socket_ != nullptr) throw Cancelled();  // told to end, before it began
  if (exchange_ == nullptr) return;
  begin_head(204, {});
  finish_with({});
}

void HandlerRun::answer_not_found() { answer_status(404, "Not Found\n"); }

void HandlerRun::answer_status(int status, std::string_view text) {
  begin_head(status, kTextPlain);
  finish_with({text});
}

void HandlerRun::answer(Response&& response) {
  if (exchange_ == nullptr) return;
  begin_head(response.status_, response.content_type_);
  for (std::string_view fields = response.fields_; !fields.empty();) {
    const auto [name, value] = Response::next_field(fields);
    add_field(name, value);
  }
  if (response.producer_ != nullptr) return start_stream(std::move(response));
  finish_with(piece_of(std::move(response.body_)));
}

void HandlerRun::inform(int status, std::initializer_list<Header> fields) {
  if (exchange_ == nullptr) return;
  if (exchange_->has_begun_head()) throw ResponseError("an informational response can't follow the response's head");
  try {
    if (status > 199 || exchange_->begin_head(status) != http::ResponseFault::None) {
      throw ResponseError("the status " + std::to_string(status) +
                          " is not informational: 100 or 102 to 199 (101 changes the protocol)");
    }
    for (const Header& field : fields) add_field(field.name, field.value);
  } catch (...) {
    exchange_->drop_head();
    throw;
  }
  exchange_->end_informational();
}

// --- streams ---------------------------------------------------------------------------------------------------

void HandlerRun::start_stream(Response&& response) {
  // RFC 9110 §9.3.2: HEAD is answered as GET, without the content.
  if (exchange_->head().method() == "HEAD") return finish_with({});
  has_trailers_ = response.has_trailers_ && exchange_->head().minor_version() > 0;
  if (has_trailers_) exchange_->expect_trailers();
  producer_ = std::move(response.producer_);
  const auto coroutine = producer_->produce(writer_).release();
  if (!coroutine) throw std::logic_error("the stream's function returned a Task without a coroutine");
  start(coroutine, coroutine.promise(), [](detail::Call& call, std::coroutine_handle<> ended) {
    std::coroutine_handle<detail::Promise<void>>::from_address(ended.address()).promise().take();
    static_cast<HandlerRun&>(call).finish_stream();
  });
}

void HandlerRun::finish_stream() {
  if (exchange_ == nullptr) return;
  check(exchange_->write({}, http::More::No));
  if (has_trailers_) {
    for (const auto& [name, value] : trailers_) check(exchange_->add_trailer(name, value));
    exchange_->end_trailers();
  }
  exchange_ = nullptr;
}

// Nobody takes it any more: the wait for room says so. Not this call, as a handler that catches what it throws and
// goes on writing would never let go of the loop.
void HandlerRun::write(std::string_view bytes) {
  if (exchange_ == nullptr || is_cancelled_) return;
  count_bytes(bytes.size());
  check(exchange_->write({bytes}, http::More::Yes));
}

void HandlerRun::write(std::string&& bytes) {
  if (exchange_ == nullptr || is_cancelled_) return;
  count_bytes(bytes.size());
  check(exchange_->write(piece_of(std::move(bytes)), http::More::Yes));
}

void HandlerRun::count_bytes(std::size_t bytes) {
  renew_budgets();
  bytes_in_phase_ += bytes + kBytesOfWrite;
}

void HandlerRun::add_trailer(std::string_view name, std::string_view value) {
  if (!has_trailers_ && exchange_ != nullptr && exchange_->head().minor_version() > 0) {
    throw ResponseError("a trailer field needs Response::announce_trailers()");
  }
  trailers_.emplace_back(name, value);
}

// --- coroutines ------------------------------------------------------------------------------------------------

void HandlerRun::start(std::coroutine_handle<> coroutine, detail::PromiseBase& promise, Finish finish) {
  coroutine_ = coroutine;
  finish_ = finish;
  promise.set_owner([](void* self) noexcept { static_cast<HandlerRun*>(self)->on_coroutine_done(); }, this);
  coroutine.resume();
}

// Called when the coroutine is at its very end, perhaps from inside start().
void HandlerRun::on_coroutine_done() noexcept {
  const Entry entry(*this);
  const std::coroutine_handle<> ended = std::exchange(coroutine_, nullptr);
  try {
    finish_(*this, ended);
  } catch (...) {
    fail(std::current_exception());
  }
  ended.destroy();
}

void HandlerRun::destroy_coroutine() {
  for (const detail::Wait* wait = waits_; wait != nullptr; wait = wait->next_) {
    if (wait->is_pinned()) return;
  }
  std::exchange(coroutine_, nullptr).destroy();
}

void HandlerRun::end() { const Entry entry(*this); }

void HandlerRun::poll() {
  const Entry entry(*this);
  ++step_number_;
  resume_waits();
  set_timer();
}

void HandlerRun::resume_waits() {
  detail::Wait* wait = waits_;
  while (wait != nullptr) {
    try {
      if (!wait->is_over()) {
        wait = wait->next_;
        continue;
      }
      remove_wait(*wait);
      wait->waiter_.resume();
    } catch (...) {
      // Out of memory, or a coroutine of a foreign type: a Task lets nothing out here.
      fail(std::current_exception());
      is_told_ = is_cancelled_ = true;
    }
    wait = waits_;  // the coroutine may have changed the list
  }
}

void HandlerRun::add_wait(detail::Wait& wait) {
  wait.next_ = waits_;
  wait.is_suspended_ = true;
  waits_ = &wait;
  if (wait.wakes_at_ns() != 0) set_timer();
}

void HandlerRun::remove_wait(detail::Wait& wait) {
  detail::Wait** link = &waits_;
  while (*link != &wait) link = &(*link)->next_;
  *link = wait.next_;
  wait.is_suspended_ = false;
}

void HandlerRun::set_timer() {
  uint64_t earliest = 0;
  for (const detail::Wait* wait = waits_; wait != nullptr; wait = wait->next_) {
    const uint64_t at = wait->wakes_at_ns();
    if (at != 0 && (earliest == 0 || at < earliest)) earliest = at;
  }
  if (earliest == 0) return;
  const uint64_t now = steady_ns();
  // Not by a timer that is due at once: libuv would go on running those for as long as they start each other.
  if (earliest <= now) return dispatcher_.loop().defer_step(step_);
  if (timer_ == nullptr) timer_ = std::make_unique<loop::Timer>(dispatcher_.loop(), [this] { poll(); });
  // Rounded up. The loop's clock may be behind by a pass and fire early; poll() then sets the rest.
  timer_->start(std::chrono::milliseconds((earliest - now + 999'999) / 1'000'000));
}

bool HandlerRun::has_budget() {
  renew_budgets();
  if (bytes_in_phase_ < kBytesInPhaseMax) return true;
  dispatcher_.loop().defer_to_next_pass(step_);
  return false;
}

bool HandlerRun::may_cancel_now() {
  renew_budgets();
  if (cancellations_in_phase_++ < kCancellationsInPhaseMax) return true;
  dispatcher_.loop().defer_to_next_pass(step_);
  return false;
}

void HandlerRun::renew_budgets() {
  const uint64_t now = dispatcher_.loop().phase_number();
  if (std::exchange(phase_, now) == now) return;
  bytes_in_phase_ = 0;
  cancellations_in_phase_ = 0;
}

// --- the end ---------------------------------------------------------------------------------------------------

std::stop_token HandlerRun::stop_token() {
  has_heard_ = true;
  if (!stop_source_) {
    stop_source_.emplace();
    if (is_told_) stop_source_->request_stop();
  }
  return stop_source_->get_token();
}

void HandlerRun::on_half_close() {
  is_disconnected_ = true;
  tell();
}

void HandlerRun::on_disconnect(http::Disconnect) {
  is_disconnected_ = true;
  if (!keeps_head_) {  // they stay readable, as the head does
    peer_address();
    client_address();
    tls();
    scheme_ = exchange_->scheme();
    head_ = exchange_->take_head();
    keeps_head_ = true;
  }
  exchange_ = nullptr;
  on_cancel();
}

void HandlerRun::on_cancel() {
  is_cancelled_ = true;
  tell();
}

void HandlerRun::on_stop() {
  is_stopping_ = exchange_ != nullptr && exchange_->has_sent_head();
  tell();
}

void HandlerRun::tell() {
  is_told_ = true;
  dispatcher_.loop().defer_step(step_);
}

void HandlerRun::on_step() {
  const Entry entry(*this);
  if (is_told_ && stop_source_) stop_source_->request_stop();
  poll();
}

// The one place where an exception of the handler is dealt with.
void HandlerRun::fail(std::exception_ptr exception) noexcept {
  if (socket_ != nullptr && socket_->is_accepted()) return fail_socket(exception);
  int status = 500;
  std::string text;
  try {
    try {
      std::rethrow_exception(exception);
    } catch (const Cancelled&) {
      status = 503;
    } catch (const Abort&) {
      if (exchange_ != nullptr) cut_off();
      return;
    } catch (const HttpError& error) {
      if (error.status() < 200 || error.status() > 999) {
        const ResponseError mistake("an HttpError has the status " + std::to_string(error.status()) +
                                    "; expected 200 to 999");
        dispatcher_.site().report({head().method(), head().target(), std::make_exception_ptr(mistake), request_id()});
      } else {
        status = error.status();
        text = error.what();
      }
    } catch (...) {
      dispatcher_.site().report({head().method(), head().target(), exception, request_id()});
    }
    if (exchange_ == nullptr) return;
    if (exchange_->has_sent_head()) return cut_off();
    if (exchange_->has_begun_head()) exchange_->drop_head();
    begin_head(status, kTextPlain);
    // Nobody is there any more to read a further request's answer.
    if (status == 503) add_field("connection", "close");
    if (text.empty()) text = http::reason_phrase(status);
    text += '\n';
    finish_with({text});
  } catch (...) {
    if (exchange_ != nullptr) cut_off();
  }
}

// Nothing can be answered any more, so an HttpError is a mistake like others.
void HandlerRun::fail_socket(std::exception_ptr exception) noexcept {
  try {
    std::rethrow_exception(exception);
  } catch (const Cancelled&) {  // NOLINT: no error
  } catch (const Abort&) {
    return;  // the session that isn't closed is cut when the run lets go of it, which is next
  } catch (...) {
    dispatcher_.site().report({head().method(), head().target(), exception, request_id()});
  }
  socket_->fail();
}

void HandlerRun::cut_off() { std::exchange(exchange_, nullptr)->abort(); }

}  // namespace outrider::app
