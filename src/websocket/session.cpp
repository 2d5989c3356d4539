// SPDX-License-Identifier: MIT
#include "websocket/session.h"

#include "websocket/core.h"

namespace outrider::websocket {

Session::Session(http::Exchange& exchange, const Handshake& handshake, SessionHandler& handler, ObjectMaker* objects)
    : core_(std::make_unique<Core>(exchange, handshake, handler, objects)) {}

Session::~Session() {
  if (core_->outlives_session()) static_cast<void>(core_.release());
}

http::ResponseFault Session::add_field(std::string_view name, std::string_view value) {
  return core_->add_field(name, value);
}

void Session::drop() { core_->drop(); }

void Session::accept(std::string_view subprotocol) { core_->accept(subprotocol); }

bool Session::has_message() const { return !core_->queue().empty(); }

MessageType Session::message_type() const { return core_->queue().front().type; }

std::string_view Session::message() const { return core_->queue().front().view(); }

void* Session::message_object() const {
  const Message& message = core_->queue().front();
  return message.type == MessageType::Binary || message.is_ascii ? message.object.get() : nullptr;
}

void Session::pop_message() { core_->pop_message(); }

void Session::send(MessageType type, http::Piece payload) { core_->send(type, payload); }

void Session::send(const SharedMessage& message) { core_->send(message); }

bool Session::is_writable() { return core_->is_writable(); }

void Session::ping(std::string_view payload) { core_->ping(payload); }

void Session::close(uint16_t code, std::string_view reason) { core_->close(code, reason); }

bool Session::is_closing() const { return core_->is_closing(); }

bool Session::is_closed() const { return core_->is_over(); }

const Closure& Session::closure() const { return core_->closure(); }

void Session::abort() { core_->abort(); }

}  // namespace outrider::websocket
