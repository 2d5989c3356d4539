// SPDX-License-Identifier: MIT
#pragma once

// A plain WebSocket client for the examples, with calls that wait. Enough for a server of our own, and no more.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace client {

class WebSocket {
 public:
  /// Connects and asks for a WebSocket; `fields` are further lines of the request, each with its line ending.
  WebSocket(uint16_t port, const std::string& path, const std::string& fields = {});
  ~WebSocket();
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  /// 101 when it is open.
  int status() const { return status_; }
  /// The head of the answer.
  const std::string& head() const { return head_; }

  /// Thread: any one beside the one that receives.
  void send_text(std::string_view text) { send_frame(1, text); }
  /// The next message; nothing when the server has closed, which is answered.
  std::optional<std::string> receive();
  /// How the server closed; 0 when it hasn't, or just broke the connection.
  int close_code() const { return close_code_; }
  /// Closes, and waits for the answer.
  void close();

 private:
  void send_frame(int opcode, std::string_view payload);
  void send_bytes(std::string_view bytes);
  bool read_more();
  bool has(std::size_t count);

  int fd_;
  int status_ = 0;
  int close_code_ = 0;
  bool has_closed_ = false;
  std::string head_;
  std::string received_;
};

}  // namespace client
