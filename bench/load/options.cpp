// SPDX-License-Identifier: MIT
#include "options.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace bench {
namespace {

[[noreturn]] void refuse(const char* what, const char* which) {
  std::fprintf(stderr, "load: %s: %s\n", what, which);
  std::exit(2);
}

// A pattern without a short period, so that a body reassembled in the wrong order doesn't pass for the right one.
std::string body_pattern(int size) {
  std::string body(static_cast<std::size_t>(size), '\0');
  unsigned state = 1;
  for (char& byte : body) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<char>('a' + (state >> 24) % 26);
  }
  return body;
}

}  // namespace

std::string Options::request() const {
  std::string head = (body_bytes > 0 ? "POST " : "GET ") + path +
                     " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
                     "\r\nUser-Agent: bench\r\nAccept: */*\r\n";
  if (is_fresh) head += "Connection: close\r\n";
  if (body_bytes == 0) return head + "\r\n";
  head += "Content-Type: application/octet-stream\r\nContent-Length: " + std::to_string(body_bytes) + "\r\n\r\n";
  return head + body_pattern(body_bytes);
}

std::string Options::expected_body() const { return body_bytes > 0 ? body_pattern(body_bytes) : expect; }

Options parse_options(int argc, char** argv) {
  Options options;
  if (argc % 2 == 0) refuse("an option has no value", argv[argc - 1]);
  for (int index = 1; index + 1 < argc; index += 2) {
    const std::string_view name = argv[index];
    const char* value = argv[index + 1];
    if (name == "--port") options.port = std::atoi(value);
    else if (name == "--connections") options.connections = std::atoi(value);
    else if (name == "--depth") options.depth = std::atoi(value);
    else if (name == "--seconds") options.seconds = std::atof(value);
    else if (name == "--warmup") options.warmup = std::atof(value);
    else if (name == "--path") options.path = value;
    else if (name == "--body-bytes") options.body_bytes = std::atoi(value);
    else if (name == "--expect") options.expect = value;
    else if (name == "--fresh") options.is_fresh = std::atoi(value) != 0;
    else refuse("no such option", argv[index]);
  }
  if (options.port <= 0) refuse("needs a number above 0", "--port");
  if (options.connections <= 0) refuse("needs a number above 0", "--connections");
  if (options.depth <= 0) refuse("needs a number above 0", "--depth");
  return options;
}

}  // namespace bench
