// SPDX-License-Identifier: MIT
#include "client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace client {
namespace {

class Connection {
 public:
  explicit Connection(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_open_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void send_request(const std::string& method, const std::string& path, const std::string& body) {
    std::string request = method + " " + path + " HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    if (!body.empty())
      request += "content-type: application/json\r\ncontent-length: " + std::to_string(body.size()) + "\r\n";
    request += "\r\n" + body;
    std::string_view left = request;
    while (is_open_ && !left.empty()) {
      const ssize_t sent = ::send(fd_, left.data(), left.size(), MSG_NOSIGNAL);
      is_open_ = sent > 0;
      if (is_open_) left.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  // The next bytes; empty at the end, which was in order or not.
  std::string_view read() {
    const ssize_t count = is_open_ ? ::recv(fd_, buffer_, sizeof buffer_, 0) : -1;
    was_cut_ = count < 0;
    return {buffer_, count > 0 ? static_cast<std::size_t>(count) : 0};
  }
  bool was_cut() const { return was_cut_; }

 private:
  int fd_;
  bool is_open_ = false;
  bool was_cut_ = false;
  char buffer_[16 * 1024];
};

std::string without_chunks(std::string_view body) {
  std::string content;
  while (!body.empty()) {
    const std::size_t size = std::strtoul(body.data(), nullptr, 16);
    const std::size_t start = body.find("\r\n");
    if (size == 0 || start == std::string_view::npos) break;
    content += body.substr(start + 2, size);
    body.remove_prefix(std::min(body.size(), start + 2 + size + 2));
  }
  return content;
}

}  // namespace

Answer ask(uint16_t port, const std::string& method, const std::string& path, const std::string& body) {
  Connection connection(port);
  connection.send_request(method, path, body);
  std::string received;
  for (std::string_view bytes = connection.read(); !bytes.empty(); bytes = connection.read()) received += bytes;
  const std::size_t end = received.find("\r\n\r\n");
  if (end == std::string::npos) return {};
  Answer answer{std::atoi(received.c_str() + 9), received.substr(0, end), received.substr(end + 4)};
  if (answer.head.find("transfer-encoding: chunked") != std::string::npos) answer.body = without_chunks(answer.body);
  return answer;
}

bool listen(uint16_t port, const std::string& path, const std::function<bool(std::string_view)>& on_bytes) {
  Connection connection(port);
  connection.send_request("GET", path, {});
  for (std::string_view bytes = connection.read(); !bytes.empty(); bytes = connection.read()) {
    if (!on_bytes(bytes)) return true;
  }
  return !connection.was_cut();
}

void expect(bool is_true, const char* what) {
  if (is_true) return;
  std::fprintf(stderr, "expected: %s\n", what);
  std::exit(1);
}

}  // namespace client
