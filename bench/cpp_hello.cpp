// SPDX-License-Identifier: MIT
// The C++ face's hello, for `./dev bench cpp`, and with a certificate for `https` and `handshake`: one loop thread,
// stopped by SIGTERM. Usage: cpp_hello PORT [CERTIFICATE KEY]

#include <cstdio>
#include <cstdlib>

#include "outrider/outrider.h"

int main(int argc, char** argv) {
  if (argc != 2 && argc != 4) return std::fprintf(stderr, "usage: cpp_hello PORT [CERTIFICATE KEY]\n"), 2;
  outrider::App app;
  app.get("/", [] { return "hello"; });
  outrider::Config config;
  config.port = std::atoi(argv[1]);
  config.stop_policy = outrider::StopPolicy::beside_program();
  if (argc == 4) config.tls = outrider::TlsConfig::files(argv[2], argv[3]);
  try {
    outrider::run(app, config);
  } catch (const outrider::Error& error) {
    return std::fprintf(stderr, "cpp_hello: %s\n", error.what()), 1;
  }
}
