// SPDX-License-Identifier: MIT
#include "websocket_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace client {

WebSocket::WebSocket(uint16_t port, const std::string& path, const std::string& fields)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return;
  // The key only shows a server that it is meant; it need not be a secret.
  send_bytes("GET " + path +
             " HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
             "sec-websocket-version: 13\r\nsec-websocket-key: b3V0cmlkZXIncyBkZW1vLg==\r\n" +
             fields + "\r\n");
  while (received_.find("\r\n\r\n") == std::string::npos) {
    if (!read_more()) return;
  }
  const std::size_t end = received_.find("\r\n\r\n") + 4;
  head_ = received_.substr(0, end);
  received_.erase(0, end);
  status_ = std::atoi(head_.c_str() + 9);
}

WebSocket::~WebSocket() { ::close(fd_); }

std::optional<std::string> WebSocket::receive() {
  while (status_ == 101 && close_code_ == 0 && has(2)) {
    const auto byte = [this](std::size_t at) { return static_cast<uint8_t>(received_[at]); };
    const int opcode = byte(0) & 15;
    std::size_t start = 2;
    std::size_t length = byte(1);
    if (length > 125) {
      start += length == 126 ? 2 : 8;
      if (!has(start)) break;
      length = 0;
      for (std::size_t i = 2; i < start; ++i) length = length << 8 | byte(i);
    }
    if (!has(start + length)) break;
    std::string payload = received_.substr(start, length);
    received_.erase(0, start + length);
    if (opcode < 8) return payload;
    if (opcode == 9) send_frame(10, payload);
    if (opcode != 8) continue;
    close_code_ =
        payload.size() < 2 ? 1005 : static_cast<uint8_t>(payload[0]) << 8 | static_cast<uint8_t>(payload[1]);
    if (!has_closed_) send_frame(8, payload);
    has_closed_ = true;
  }
  return std::nullopt;
}

void WebSocket::close() {
  has_closed_ = true;
  send_frame(8, std::string{'\x03', '\xe8'});
  while (receive()) {
  }
}

// What a client sends is masked (RFC 6455 §5.3), which protects old proxies from scripts in browsers. A program of
// our own may use a mask that changes nothing.
void WebSocket::send_frame(int opcode, std::string_view payload) {
  std::string frame{static_cast<char>(0x80 | opcode)};
  if (payload.size() < 126) {
    frame += static_cast<char>(0x80 | payload.size());
  } else {
    frame += '\xff';
    for (int shift = 56; shift >= 0; shift -= 8) frame += static_cast<char>(uint64_t{payload.size()} >> shift);
  }
  send_bytes(frame.append(4, '\0').append(payload));
}

void WebSocket::send_bytes(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool WebSocket::read_more() {
  char buffer[16 * 1024];
  const ssize_t count = ::recv(fd_, buffer, sizeof buffer, 0);
  if (count > 0) received_.append(buffer, static_cast<std::size_t>(count));
  return count > 0;
}

bool WebSocket::has(std::size_t count) {
  while (received_.size() < count) {
    if (!read_more()) return false;
  }
  return true;
}

}  // namespace client
