// SPDX-License-Identifier: MIT
// The C++ face's WebSocket echo, for `./dev bench websocket` and for suites of tests of WebSockets: one loop thread,
// messages up to 32 MiB, until SIGTERM. Prints its URL. Usage: cpp_websocket PORT, which may be 0

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "outrider/outrider.h"

namespace {

outrider::Task<void> echo(outrider::WebSocket& socket) {
  while (const auto message = co_await socket.receive()) {
    if (message->is_text) co_await socket.send_text(message->data);
    else co_await socket.send_binary(message->data);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: cpp_websocket PORT\n"), 2;
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  sigaddset(&end, SIGINT);
  sigprocmask(SIG_BLOCK, &end, nullptr);  // they are waited for
  outrider::App app;
  app.get("/", [] { return "hello"; });  // tells bench/run.py that it is ready
  app.websocket("/", echo);
  outrider::Config config;
  config.port = std::atoi(argv[1]);
  config.limits.websocket_message_bytes_max = 32 * 1024 * 1024;
  try {
    outrider::Server server = outrider::serve(app, config);
    std::puts(server.url().c_str());
    std::fflush(stdout);
    int number = 0;
    sigwait(&end, &number);
  } catch (const outrider::Error& error) {
    return std::fprintf(stderr, "cpp_websocket: %s\n", error.what()), 1;
  }
}
