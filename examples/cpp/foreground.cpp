// SPDX-License-Identifier: MIT
// A server that is the program: until SIGINT or SIGTERM. Usage: foreground [PORT]

#include <outrider/outrider.h>

#include <cstdlib>
#include <iostream>

int main(int argc, char** argv) {
  outrider::App app;
  app.get("/", [] { return "hello"; });
  app.post("/stop", [](outrider::Request& request) { request.stop_server(); });

  outrider::Config config;
  config.port = argc > 1 ? std::atoi(argv[1]) : 8000;
  config.log = [](outrider::LogLevel, std::string_view line) { std::cerr << line << std::endl; };
  try {
    std::cout << outrider::run(app, config).to_string() << "\n";
  } catch (const outrider::Error& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
