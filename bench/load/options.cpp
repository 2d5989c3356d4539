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

}  // namespace

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
    else if (name == "--protocol") options.protocol = value;
    else if (name == "--transport") options.transport = value;
    else refuse("no such option", argv[index]);
  }
  if (options.port <= 0) refuse("needs a number above 0", "--port");
  if (options.connections <= 0) refuse("needs a number above 0", "--connections");
  if (options.depth <= 0) refuse("needs a number above 0", "--depth");
  return options;
}

}  // namespace bench
