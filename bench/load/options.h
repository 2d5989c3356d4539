// SPDX-License-Identifier: MIT
#pragma once
// What one run of a load program does. The command line is `--name value`, one for each field (`--fresh 1`).

#include <string>

namespace bench {

struct Options {
  int port = 0;
  int connections = 1;
  int depth = 1;         // requests outstanding on each connection; above 1 means pipelining
  double seconds = 2.0;  // the measured window
  double warmup = 0.5;   // seconds of the same load before the window, not counted
  std::string path = "/";
  int body_bytes = 0;               // above 0: POST that many bytes, and expect the same bytes back
  std::string expect;               // the body expected from a GET
  bool is_fresh = false;            // a new connection for every request, as clients without a session make
  std::string protocol = "http";    // or "websocket", "websocket-deflate": messages of `body_bytes`, to be echoed
  std::string transport = "plain";  // or "tls", "tls-resumed"
};

// Ends the program with a message when an argument is unknown or impossible.
Options parse_options(int argc, char** argv);

}  // namespace bench
