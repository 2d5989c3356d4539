// SPDX-License-Identifier: MIT
#include "app/socket_run.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "app/handler_run.h"
#include "websocket/closure.h"
#include "websocket/utf8.h"

namespace outrider::app {
namespace {

using websocket::MessageType;

constexpr uint16_t kNormal = 1000;
constexpr uint16_t kInternalError = 1011;

}  // namespace

void check_message(MessageType type, std::string_view bytes) {
  if (type == MessageType::Binary || websocket::is_utf8(bytes)) return;
  throw std::invalid_argument("a text message isn't UTF-8: send it as binary, or convert it");
}

void check_closure(int code, std::string_view reason) {
  if (!websocket::is_valid_close_code(code)) {
    throw std::invalid_argument("a WebSocket can't be closed with " + std::to_string(code) +
                                ": expected 1000 to 1003, 1007 to 1014, or 3000 to 4999");
  }
  if (reason.size() > websocket::kReasonBytesMax || !websocket::is_utf8(reason)) {
    throw std::invalid_argument("the reason of a close frame is at most " +
                                std::to_string(websocket::kReasonBytesMax) + " bytes of UTF-8");
  }
}

SocketRun::SocketRun(HandlerRun& run, websocket::Handshake handshake, const Route& route)
    : run_(run), handshake_(std::move(handshake)), route_(route), face_(*this) {}

SocketRun::~SocketRun() = default;

// --- opening -------------------------------------------------------------------------------------------------------

void SocketRun::check_unanswered() const {
  if (is_accepted() || is_rejected_) throw std::logic_error("the WebSocket was accepted or rejected before");
}

std::string_view SocketRun::choose_subprotocol() const {
  const std::vector<std::string_view>& offered = handshake_.subprotocols;
  for (const std::string& spoken : route_.subprotocols) {
    const auto found = std::find(offered.begin(), offered.end(), spoken);
    if (found != offered.end()) return *found;
  }
  return {};
}

void SocketRun::accept(std::optional<std::string_view> subprotocol, std::initializer_list<Header> fields) {
  http::Exchange* const exchange = run_.exchange();
  check_unanswered();
  // A session wouldn't hear of the stop that the run was told of.
  if (exchange == nullptr || run_.is_told()) throw Cancelled();
  const std::vector<std::string_view>& offered = handshake_.subprotocols;
  std::string_view chosen = subprotocol ? std::string_view() : choose_subprotocol();
  if (subprotocol && !subprotocol->empty()) {
    const auto found = std::find(offered.begin(), offered.end(), *subprotocol);
    if (found == offered.end()) {
      throw std::invalid_argument("the client doesn't offer the subprotocol '" + std::string(*subprotocol) + "'");
    }
    chosen = *found;
  }
  websocket::SessionHandler& handler = *this;
  auto session = std::make_unique<websocket::Session>(*exchange, handshake_, handler);
  for (const Header& field : fields) {
    const http::ResponseFault fault = session->add_field(field.name, field.value);
    if (fault == http::ResponseFault::None) continue;
    session->drop();
    throw ResponseError(std::string(http::sentence(fault)) + ": '" + std::string(field.name) + "'");
  }
  session_ = std::move(session);
  subprotocol_ = chosen;
  run_.give_exchange();
  session_->accept(chosen);
}

void SocketRun::open() {
  if (!is_accepted() && run_.exchange() != nullptr && !run_.is_told()) accept({}, {});
}

void SocketRun::reject(Response response) {
  check_unanswered();
  if (response.is_stream()) throw ResponseError("a WebSocket can't be rejected with a stream: give the whole text");
  try {
    run_.answer(std::move(response));
  } catch (...) {
    if (run_.exchange() != nullptr && run_.exchange()->has_begun_head()) run_.exchange()->drop_head();
    throw;
  }
  is_rejected_ = true;
}

// --- messages ------------------------------------------------------------------------------------------------------

void SocketRun::drop_taken() {
  if (std::exchange(has_taken_, false)) session_->pop_message();
}

bool SocketRun::has_message() const { return session_ != nullptr && !run_.is_cancelled() && session_->has_message(); }

std::optional<WebSocketMessage> SocketRun::take() {
  if (has_taken_ || !has_message()) return std::nullopt;
  has_taken_ = true;
  return WebSocketMessage{session_->message(), session_->message_type() == MessageType::Text};
}

bool SocketRun::is_closed() const {
  if (run_.is_cancelled()) return true;
  return is_accepted() ? session_->is_closed() : run_.exchange() == nullptr || run_.is_told();
}

bool SocketRun::can_send() const { return is_accepted() && !session_->is_closing() && !run_.is_cancelled(); }

void SocketRun::send(MessageType type, std::string_view bytes) {
  check_message(type, bytes);
  open();
  if (!can_send()) return;  // the wait for room says so
  run_.count_bytes(bytes.size());
  session_->send(type, {bytes});
}

void SocketRun::close(int code, std::string_view reason) {
  check_closure(code, reason);
  open();
  if (is_accepted()) session_->close(static_cast<uint16_t>(code), reason);
}

const websocket::Closure* SocketRun::closure() const {
  static const websocket::Closure broken;
  if (!is_closed()) return nullptr;
  return is_accepted() && session_->is_closed() ? &session_->closure() : &broken;
}

// --- groups --------------------------------------------------------------------------------------------------------

WebSocketHandle SocketRun::handle() {
  if (handle_ == nullptr) {
    handle_ = std::make_shared<SocketGroup>(WebSocketGroupOptions());
    handle_->join(*this);
  }
  return WebSocketHandle(handle_);
}

Member* SocketRun::member_of(const SocketGroup& group) const {
  for (const std::unique_ptr<Member>& member : members_) {
    if (&member->group() == &group) return member.get();
  }
  return nullptr;
}

void SocketRun::remove_member(const SocketGroup& group) {
  std::erase_if(members_, [&](const std::unique_ptr<Member>& member) { return &member->group() == &group; });
}

// --- the end -------------------------------------------------------------------------------------------------------

bool SocketRun::finish() {
  open();
  members_.clear();
  if (!is_accepted()) return run_.exchange() == nullptr;
  session_->close(kNormal, {});
  return true;
}

void SocketRun::fail() {
  members_.clear();
  session_->close(kInternalError, {});
}

void SocketRun::on_message() { run_.poll(); }

void SocketRun::on_writable() {
  for (const std::unique_ptr<Member>& member : members_) member->on_writable();
  run_.poll();
}

void SocketRun::on_closed() {
  members_.clear();
  run_.on_socket_closed();
}

void SocketRun::on_cancel() { run_.on_cancel(); }

}  // namespace outrider::app
