// SPDX-License-Identifier: MIT

// The public WebSocket, and what ends its waits.

#include "outrider/websocket.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "app/handler_run.h"
#include "app/socket_run.h"

namespace outrider {
namespace {

uint64_t steady_ns_now() {
  using namespace std::chrono;
  return static_cast<uint64_t>(duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count());
}

}  // namespace

namespace detail {

Receive::Receive(app::SocketRun& socket, std::optional<std::chrono::nanoseconds> timeout)
    : Wait(socket.run()), socket_(socket), began_in_step_(socket.run().step_number()) {
  socket.open();
  socket.drop_taken();
  if (!timeout) return;
  const auto most = std::chrono::nanoseconds(std::chrono::hours(24 * 365));
  wakes_at_ns_ =
      steady_ns_now() + static_cast<uint64_t>(std::clamp(*timeout, std::chrono::nanoseconds(), most).count());
}

bool Receive::is_over() {
  if (socket_.has_message()) return true;
  if (socket_.is_closed()) return run_.may_cancel_now();
  // Even the shortest time lets others have their turn.
  return wakes_at_ns_ != 0 && run_.step_number() != began_in_step_ && steady_ns_now() >= wakes_at_ns_;
}

std::optional<WebSocketMessage> Receive::await_resume() { return socket_.take(); }

Send::Send(app::SocketRun& socket) : Wait(socket.run()), socket_(socket) {}

bool Send::is_over() {
  if (!socket_.can_send()) return run_.may_cancel_now();
  return socket_.is_writable() && run_.has_budget();
}

void Send::await_resume() const {
  if (!socket_.can_send()) throw_cancelled();
}

Close::Close(app::SocketRun& socket) : Wait(socket.run()), socket_(socket) {}

bool Close::is_over() { return socket_.is_closed() && run_.may_cancel_now(); }

}  // namespace detail

Request& WebSocket::request() const { return run_->run().request(); }

const std::vector<std::string_view>& WebSocket::offered_subprotocols() const { return run_->offered_subprotocols(); }

std::string_view WebSocket::subprotocol() const { return run_->subprotocol(); }

void WebSocket::accept(std::optional<std::string_view> subprotocol, std::initializer_list<Header> fields) {
  run_->accept(subprotocol, fields);
}

void WebSocket::reject(Response response) { run_->reject(std::move(response)); }

detail::Send WebSocket::send_text(std::string_view text) {
  run_->send(websocket::MessageType::Text, text);
  return detail::Send(*run_);
}

detail::Send WebSocket::send_binary(std::string_view bytes) {
  run_->send(websocket::MessageType::Binary, bytes);
  return detail::Send(*run_);
}

detail::Close WebSocket::close(int code, std::string_view reason) {
  run_->close(code, reason);
  return detail::Close(*run_);
}

bool WebSocket::is_closed() const { return run_->is_closed(); }

int WebSocket::close_code() const {
  const websocket::Closure* closure = run_->closure();
  return closure == nullptr ? 0 : closure->code;
}

std::string_view WebSocket::close_reason() const {
  const websocket::Closure* closure = run_->closure();
  return closure == nullptr ? std::string_view() : closure->reason;
}

WebSocketHandle WebSocket::handle() { return run_->handle(); }

}  // namespace outrider
