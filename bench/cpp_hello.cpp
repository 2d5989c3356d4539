// SPDX-License-Identifier: MIT
// The C++ face's hello, for `./dev bench cpp`: one loop thread, stopped by SIGTERM. Usage: cpp_hello PORT

#include <cstdio>
#include <cstdlib>

#include "outrider/outrider.h"

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: cpp_hello PORT\n"), 2;
  outrider::App app;
  app.get("/", [] { return "hello"; });
  try {
    outrider::run(app, {.port = std::atoi(argv[1]), .stop_policy = outrider::StopPolicy::beside_program()});
  } catch (const outrider::Error& error) {
    return std::fprintf(stderr, "cpp_hello: %s\n", error.what()), 1;
  }
}
