// SPDX-License-Identifier: MIT
// The C++ face's server for ./dev soak; asgi_server.py is the same in Python, and documents the routes and the
// commands. Usage: outrider_soak_server [limit=milliseconds | limit=bytes]...

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>

#include "outrider/outrider.h"

namespace {

using namespace std::chrono_literals;
using outrider::App;
using outrider::Cancelled;
using outrider::Config;
using outrider::HandlerError;
using outrider::Limits;
using outrider::LogLevel;
using outrider::Request;
using outrider::Response;
using outrider::ResponseWriter;
using outrider::Server;
using outrider::StopReport;
using outrider::Task;

// --- content, as in content.py ------------------------------------------------------------------------------------

constexpr std::size_t kBlockBytes = 64 * 1024;
constexpr std::size_t kPoolBytes = 1024 * 1024;
constexpr std::uint64_t kPoolSeed = 20261121;

std::string make_pool() {
  std::string pool;
  std::uint64_t state = kPoolSeed;
  while (pool.size() < kPoolBytes + kBlockBytes) {
    state += 0x9e3779b97f4a7c15;  // splitmix64
    std::uint64_t mixed = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    mixed ^= mixed >> 31;
    for (int shift = 0; shift < 64; shift += 8) pool.push_back(static_cast<char>(mixed >> shift));
  }
  return pool;
}

const std::string& pool() {
  static const std::string bytes = make_pool();
  return bytes;
}

std::string block(std::uint64_t number, std::uint64_t index, std::size_t size) {
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%08x%08x", static_cast<unsigned>(number),
                static_cast<unsigned>(index));
  std::string bytes(digits.data(), 16);
  bytes += std::string_view(pool()).substr((number * 40503 + index * 9973) % kPoolBytes, kBlockBytes - 16);
  bytes.resize(size);
  return bytes;
}

std::string content(std::uint64_t number, std::size_t size) {
  std::string bytes;
  bytes.reserve(size);
  for (std::uint64_t index = 0; bytes.size() < size; ++index) {
    bytes += block(number, index, std::min(size - bytes.size(), kBlockBytes));
  }
  return bytes;
}

// --- the application ----------------------------------------------------------------------------------------------

std::atomic<int> raised = 0;    // by handlers
std::atomic<int> reported = 0;  // by the server
std::atomic<int> running = 0;   // handlers that haven't ended

struct Running {
  Running() { ++running; }
  ~Running() { --running; }
};

[[noreturn]] void fail(const char* where) {
  ++raised;
  throw std::runtime_error(std::string("wanted: ") + where);
}

std::uint64_t number_of(const Request& request) { return std::stoull(std::string(request.parameter("number"))); }

std::size_t query(const Request& request, std::string_view name) {
  const std::optional<std::string> value = request.query(name);
  return value ? std::stoul(*value) : 0;
}

Response numbered(Response response, std::uint64_t number) {
  return std::move(response).add_header("x-number", std::to_string(number));
}

// Fails after so many bytes; a stream that is to be whole has no such place.
Response stream(std::uint64_t number, std::size_t size, std::size_t fails_after) {
  return Response::stream([number, size, fails_after](ResponseWriter& out) -> Task<void> {
    const Running counted;
    std::size_t sent = 0;
    for (std::uint64_t index = 0; sent < size; ++index) {
      if (sent >= fails_after) fail("in the middle of a stream");
      std::string bytes = block(number, index, std::min(size - sent, kBlockBytes));
      sent += bytes.size();
      co_await out.write_owned(std::move(bytes));
    }
  });
}

void add_content(App& app) {
  const auto give = [](Request& request) {
    const std::uint64_t number = number_of(request);
    const std::size_t size = query(request, "size");
    if (query(request, "stream") == 0) return numbered(content(number, size), number);
    return numbered(stream(number, size, std::numeric_limits<std::size_t>::max()), number);
  };
  app.get("/content/{number}", give);
  app.post("/content/{number}", give);  // whose body nobody reads
  app.post("/echo/{number}", [](Request& request) -> Task<Response> {
    const Running counted;
    const std::string body = co_await request.body();
    co_return numbered(body, number_of(request));
  });
  app.get("/slow/{number}", [](Request& request) -> Task<Response> {
    const Running counted;
    co_await request.sleep(std::chrono::milliseconds(query(request, "ms")));
    co_return numbered(content(number_of(request), query(request, "size")), number_of(request));
  });
  app.post("/unread/{number}", [](Request& request) -> Task<Response> {
    const Running counted;
    co_await request.sleep(std::chrono::milliseconds(query(request, "ms")));
    co_return numbered(content(number_of(request), query(request, "size")), number_of(request));
  });
}

void add_failures(App& app) {
  app.get("/fail/before/{number}", [](Request&) { fail("before the head"); });
  app.get("/fail/begun/{number}", [](Request& request) { return stream(number_of(request), 1, 0); });
  app.get("/fail/after/{number}", [](Request& request) {
    const auto fails = [](ResponseWriter& out) -> Task<void> {
      co_await out.write("");  // the head leaves
      fail("after the head");
    };
    return numbered(Response::stream(fails), number_of(request));
  });
  app.get("/fail/middle/{number}", [](Request& request) {
    const std::size_t size = query(request, "size");
    return numbered(stream(number_of(request), size, size / 2), number_of(request));
  });
  app.post("/fail/reading/{number}", [](Request& request) -> Task<Response> {
    const Running counted;
    std::size_t read = 0;
    while (read < query(request, "size") / 2) read += (co_await request.read()).size();
    fail("while reading the body");
  });
  app.get("/fail/gone/{number}", [](Request& request) -> Task<Response> {
    const Running counted;
    try {
      co_await request.sleep(10s);
    } catch (const Cancelled&) {
      fail("because the client has gone");
    }
    co_return numbered("", number_of(request));
  });
}

// --- the process --------------------------------------------------------------------------------------------------

void set_limit(Limits& limits, std::string_view name, long value) {
  const std::chrono::milliseconds time(value);
  if (name == "head_timeout") {
    limits.head_timeout = time;
  } else if (name == "body_timeout") {
    limits.body_timeout = time;
  } else if (name == "keep_alive_timeout") {
    limits.keep_alive_timeout = time;
  } else if (name == "write_timeout") {
    limits.write_timeout = time;
  } else {
    throw std::invalid_argument("no limit '" + std::string(name) + "' is known here");
  }
}

Config make_config(int argc, char** argv) {
  Config config;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) throw std::invalid_argument("expected name=value: " + std::string(word));
    set_limit(config.limits, word.substr(0, equals), std::stol(std::string(word.substr(equals + 1))));
  }
  config.log = [](LogLevel level, std::string_view message) {
    std::fprintf(stderr, "%s %.*s\n", std::string(outrider::to_string(level)).c_str(),
                 static_cast<int>(message.size()), message.data());
  };
  config.on_error = [](const HandlerError& error) {
    if (reported++ < 20) std::fprintf(stderr, "error %s\n", error.message().c_str());
  };
  return config;
}

std::ptrdiff_t count_entries(const char* folder) {
  return std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
}

void tell_state() {
  std::printf("{\"raised\": %d, \"reported\": %d, \"tasks\": %d}\n", raised.load(), reported.load(), running.load());
}

void tell_report(const StopReport& report, std::ptrdiff_t threads, std::ptrdiff_t descriptors) {
  std::printf("{\"elapsed\": %.6f, \"completed\": %d, \"disconnected\": %d, \"cancelled\": %d, \"aborted\": %d, ",
              std::chrono::duration<double>(report.elapsed).count(), static_cast<int>(report.completed),
              static_cast<int>(report.disconnected), static_cast<int>(report.cancelled),
              static_cast<int>(report.aborted));
  std::printf("\"abandoned\": 0, \"lifespan\": \"none\", \"tasks\": %d, \"threads\": %td, \"descriptors\": %td}\n",
              running.load(), count_entries("/proc/self/task") - threads,
              count_entries("/proc/self/fd") - descriptors);
}

int serve(const Config& config) {
  App app;
  app.get("/", [] { return "hello"; });
  add_content(app);
  add_failures(app);
  pool();
  outrider::serve(app).stop();  // what libuv makes once for the process stays
  const std::ptrdiff_t threads = count_entries("/proc/self/task");
  const std::ptrdiff_t descriptors = count_entries("/proc/self/fd");
  Server server = outrider::serve(app, config);
  std::printf("{\"port\": %d}\n", server.port());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line) && line != "stop";) {
    tell_state();
    std::fflush(stdout);
  }
  tell_report(server.stop(), threads, descriptors);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return serve(make_config(argc, argv));
  } catch (const std::exception& error) {
    return std::fprintf(stderr, "outrider_soak_server: %s\n", error.what()), 2;
  }
}
