// SPDX-License-Identifier: MIT
#include "outrider/websocket_group.h"

#include "app/socket_group.h"
#include "app/socket_run.h"
#include "outrider/websocket.h"

namespace outrider {

using websocket::MessageType;

WebSocketGroup::WebSocketGroup(const WebSocketGroupOptions& options)
    : group_(std::make_shared<app::SocketGroup>(options)) {}

void WebSocketGroup::join(WebSocket& socket) const { group_->join(*socket.run_); }

void WebSocketGroup::leave(WebSocket& socket) const { socket.run_->remove_member(*group_); }

std::size_t WebSocketGroup::size() const { return group_->size(); }

bool WebSocketGroup::send_text(std::string_view text) const { return group_->send(MessageType::Text, text); }

bool WebSocketGroup::send_binary(std::string_view bytes) const { return group_->send(MessageType::Binary, bytes); }

void WebSocketGroup::close(int code, std::string_view reason) const { group_->close(code, reason); }

bool WebSocketHandle::send_text(std::string_view text) const {
  return !is_closed() && group_->send(MessageType::Text, text);
}

bool WebSocketHandle::send_binary(std::string_view bytes) const {
  return !is_closed() && group_->send(MessageType::Binary, bytes);
}

void WebSocketHandle::close(int code, std::string_view reason) const {
  if (group_ != nullptr) group_->close(code, reason);
}

bool WebSocketHandle::is_closed() const { return group_ == nullptr || group_->size() == 0; }

}  // namespace outrider
