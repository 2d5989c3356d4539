// SPDX-License-Identifier: MIT

// Serves beside itself and asks once, knowing nothing of Outrider but its public headers.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include <outrider/outrider.h>
#include <outrider/testing.h>

namespace {

bool answers_hello(std::string_view response) {
  return response.starts_with("HTTP/1.1 200 ") && response.ends_with("\r\n\r\nhello");
}

std::string ask(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return "no connection";
  constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
  if (::write(fd, kRequest.data(), kRequest.size()) != static_cast<ssize_t>(kRequest.size())) return "not sent";
  std::string response;
  char buffer[1024];
  for (ssize_t count = 0; (count = ::read(fd, buffer, sizeof buffer)) > 0;) {
    response.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(fd);
  return response;
}

}  // namespace

int main() {
  outrider::App app;
  app.get("/", [] { return "hello"; });
  auto server = outrider::serve(app);
  const std::string response = ask(static_cast<std::uint16_t>(server.port()));
  server.stop();
  std::printf("%s\n%s\n", std::string(server.url()).c_str(), response.c_str());

  outrider::testing::Mock mock;
  mock.get("/", outrider::testing::Answer{.body = "hello"});
  const bool is_played = answers_hello(ask(mock.port())) && mock.unexpected().empty();
  return answers_hello(response) && is_played ? 0 : 1;
}
