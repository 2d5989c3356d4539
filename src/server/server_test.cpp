// SPDX-License-Identifier: MIT

// Whole servers: threads, sockets, starts and stops. Cases whose name begins with "[threads]" are run under the
// thread sanitizer as well.

#include "outrider/server.h"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "outrider/outrider.h"
#include "server/engine.h"
#include "testing/blocking_client.h"
#include "testing/hello_app.h"

#ifdef __SANITIZE_THREAD__
// libuv closes descriptors by the bare system call, which the sanitizer doesn't see: for it, the next thread that is
// given the same number races with the one that had it.
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_suppressions() {
  return "called_from_lib:libuv.so\nrace:open_socket\n";
}
#endif

namespace outrider {
namespace {

using namespace std::chrono_literals;
using testing::answers;
using testing::BlockingClient;
using testing::Flag;
using testing::hello_app;

std::ptrdiff_t count_entries(const char* folder) {
  return std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
}

Error error_of(const Config& config) {
  try {
    const Server server = serve(hello_app(), config);
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorKind::State, "nothing was thrown");
}

// A stream that writes until it is told to end.
App streaming_app(std::atomic<int>& running) {
  App app = hello_app();
  app.get("/stream", [&running] {
    return Response::stream([&running](ResponseWriter& out) -> Task<void> {
      ++running;
      try {
        while (true) {
          co_await out.write("tick\n");
          co_await out.request().sleep(1ms);
        }
      } catch (const Cancelled&) {
      }
      --running;
      co_await out.write("bye\n");
    });
  });
  return app;
}

TEST_CASE("[threads] constructed means accepting, destroyed means gone") {
  uint16_t port = 0;
  {
    const Server server = serve(hello_app());
    port = server.port();
    CHECK(port != 0);
    CHECK(server.url() == "http://127.0.0.1:" + std::to_string(port));
    CHECK(server.addresses() == std::vector<std::string>{"127.0.0.1:" + std::to_string(port)});
    CHECK(server.is_running());
    CHECK(answers(port));
  }
  CHECK(!BlockingClient(port).is_connected());
  const Server again = serve(hello_app(), {.port = port});
  CHECK(answers(port));
}

TEST_CASE("threads and descriptors are the same after many servers") {
  { const Server server = serve(hello_app(), {.threads = 2}); }
  const std::ptrdiff_t threads = count_entries("/proc/self/task");
  const std::ptrdiff_t descriptors = count_entries("/proc/self/fd");
  for (int i = 0; i < 20; ++i) {
    Server server = serve(hello_app(), {.threads = 1 + i % 3});
    CHECK(answers(server.port()));
    server.stop();
    CHECK(!server.is_running());
    // A thread that was joined may be listed for a moment longer.
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (count_entries("/proc/self/task") > threads && std::chrono::steady_clock::now() < end) {
      std::this_thread::yield();
    }
    CHECK(count_entries("/proc/self/task") <= threads);
  }
  CHECK(count_entries("/proc/self/fd") == descriptors);
}

TEST_CASE("[threads] several servers in one process, each with several threads") {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  App app = hello_app();
  app.get("/thread", [&] {
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
    return "hello";
  });
  std::vector<Server> servers;
  for (int i = 0; i < 3; ++i) servers.push_back(serve(app, {.threads = 3}));
  std::vector<std::thread> clients;
  for (Server& server : servers) {
    clients.emplace_back([&server] {
      for (int i = 0; i < 30; ++i) CHECK(answers(server.port(), "/thread"));
    });
  }
  for (std::thread& client : clients) client.join();
  for (Server& server : servers) server.stop();
  CHECK(threads.size() > 3);  // the kernel chooses; that one thread gets all 30 connections doesn't happen
  CHECK(threads.size() <= 9);
}

TEST_CASE("[threads] all who stop a server at once get the same report") {
  for (int round = 0; round < 5; ++round) {
    Server server = serve(hello_app(), {.threads = 2});
    constexpr int kCallers = 8;
    std::barrier barrier(kCallers);
    std::vector<std::string> reports(kCallers);
    std::vector<std::thread> callers;
    for (int i = 0; i < kCallers; ++i) {
      callers.emplace_back([&, i] {
        barrier.arrive_and_wait();
        reports[static_cast<std::size_t>(i)] = (i % 2 == 0 ? server.stop() : server.wait()).to_string();
      });
    }
    for (std::thread& caller : callers) caller.join();
    for (const std::string& report : reports) CHECK(report == reports[0]);
    CHECK(server.stop().to_string() == reports[0]);
    CHECK(!server.is_running());
  }
}

TEST_CASE("[threads] a stop lets a running handler finish and reports it") {
  std::atomic<bool> is_running = false;
  App app;
  app.get("/", [&](Request& request) -> Task<std::string> {
    is_running = true;
    co_await request.sleep(50ms);
    co_return "finished";
  });
  Server server = serve(app);
  BlockingClient client(server.port());
  client.get("/");
  while (!is_running) std::this_thread::yield();
  const StopReport report = server.stop();
  CHECK(client.read_until("finished"));
  CHECK(report.completed == 1);
  CHECK(report.disconnected + report.cancelled + report.aborted == 0);
  CHECK(report.elapsed < 900ms);
}

TEST_CASE("[threads] a stop tells an open stream at once, which then ends in order") {
  std::atomic<int> running = 0;
  Server server = serve(streaming_app(running), {.threads = 2});
  std::vector<BlockingClient> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back(server.port());
    clients.back().get("/stream");
    CHECK(clients.back().read_until("tick"));
  }
  const StopReport report = server.stop();
  CHECK(report.disconnected == 4);
  CHECK(report.elapsed < 900ms);
  CHECK(running == 0);
  for (BlockingClient& client : clients) {
    CHECK(client.read_to_end());
    CHECK(client.received().ends_with("4\r\nbye\n\r\n0\r\n\r\n"));
  }
}

TEST_CASE("[threads] what handlers own may call the server while it is destroyed") {
  struct Owner {
    Server* server;
    ~Owner() {
      server->stop();
      server->wait();
      CHECK_THROWS_AS(server->quiesce(), Error);
    }
  };
  std::optional<Server> server;
  auto owner = std::make_shared<Owner>();
  App app;
  app.get("/", [owner] { return "hello"; });
  server = serve(app);
  owner->server = &*server;
  SUBCASE("by a stop") {
    app = App();
    owner.reset();
    server->stop();
  }
  SUBCASE("by a swap") {
    app = App();
    owner.reset();
    server->swap(hello_app());
    CHECK(!server->is_running());
  }
}

TEST_CASE("[threads] a handler that ignores everything is cut off by the last deadline, and ends") {
  App app;
  app.get("/", [] {
    return Response::stream([](ResponseWriter& out) -> Task<void> {
      for (int i = 0; i < 1'000'000; ++i) {
        try {
          co_await out.write("on and on\n");
          co_await out.request().sleep(1ms);
        } catch (const Cancelled&) {
          if (i > 500'000) throw;
          i = 500'000;
        }
      }
    });
  });
  Server server = serve(app);
  BlockingClient client(server.port());
  client.get("/");
  CHECK(client.read_until("on and on"));
  const StopReport report = server.stop({10ms, 10ms, 10ms, true});
  CHECK(report.completed == 0);
  CHECK(report.disconnected + report.cancelled + report.aborted == 1);
}

TEST_CASE("[threads] a handler can stop its server, in each of the ways") {
  App app;
  std::optional<Server> server;
  std::atomic<bool> is_set =
      false;  // that the handle was stored before a request came is nothing a thread can rely on
  StopReport seen;
  std::string refused;
  app.get("/stop", [&] {
    is_set.wait(false);
    seen = server->stop();  // can't wait for itself
    return "stopping";
  });
  app.get("/wait", [&] {
    is_set.wait(false);
    try {
      server->wait();
    } catch (const Error& error) {
      refused = error.what();
    }
    return "refused";
  });
  app.get("/request", [](Request& request) {
    request.stop_server();
    return "stopping";
  });
  app.get("/offloaded", [&](Request& request) -> Task<std::string> {
    const auto stop = [&] { server->stop(); };
    co_await request.offload(stop);
    co_return "stopping";
  });
  for (const char* path : {"/stop", "/request", "/offloaded"}) {
    CAPTURE(path);
    is_set = false;
    server.emplace(serve(app));
    is_set = true;
    is_set.notify_all();
    CHECK(answers(server->port(), "/wait", "refused"));
    CHECK(answers(server->port(), path, "stopping"));
    CHECK(server->wait().aborted == 0);
    CHECK(!server->is_running());
  }
  CHECK(seen.completed == 0);
  CHECK(refused == "a server's own thread can't wait for its end");
}

TEST_CASE("[threads] a handler can destroy its server") {
  App app;
  std::optional<Server> server;
  std::atomic<bool> is_set = false;
  std::atomic<bool> has_ended = false;
  app.get("/", [&] {
    is_set.wait(false);
    server.reset();
    return "goodbye";
  });
  const Config config{.log = [&](LogLevel, std::string_view message) {
    if (message.starts_with("stopped")) has_ended = true;
  }};
  server.emplace(serve(app, config));
  const uint16_t port = server->port();
  is_set = true;
  is_set.notify_all();
  CHECK(answers(port, "/", "goodbye"));
  while (!has_ended) std::this_thread::yield();
}

TEST_CASE("[threads] servers start and stop at once from many threads") {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int round = 0; round < 10; ++round) {
        Server server = serve(hello_app(), {.threads = 2});
        CHECK(answers(server.port()));
        server.request_stop(StopPolicy::immediate());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_CASE("[threads] clients that come and go while the server stops never hang") {
  std::atomic<int> running = 0;
  for (int round = 0; round < 3; ++round) {
    Server server = serve(streaming_app(running), {.threads = 2});
    const uint16_t port = server.port();
    std::atomic<bool> is_over = false;
    std::vector<std::thread> clients;
    for (int i = 0; i < 4; ++i) {
      clients.emplace_back([&, i] {
        while (!is_over) {
          BlockingClient client(port);
          client.get(i % 2 == 0 ? "/" : "/stream");
          client.read_until(i % 2 == 0 ? "hello" : "tick");
        }
      });
    }
    std::this_thread::sleep_for(30ms);
    const StopReport report = server.stop();
    is_over = true;
    for (std::thread& client : clients) client.join();
    CHECK(report.elapsed < 1500ms);
    CHECK(running == 0);
  }
}

TEST_CASE("a moved server is the same server, and an assigned one stops the one before") {
  Server first = serve(hello_app());
  const uint16_t first_port = first.port();
  Server moved = std::move(first);
  CHECK(answers(first_port));
  moved = serve(hello_app());
  CHECK(!BlockingClient(first_port).is_connected());
  CHECK(answers(moved.port()));
}

TEST_CASE("a port that is taken is an error that names the address") {
  const Server server = serve(hello_app());
  const std::string address = "127.0.0.1:" + std::to_string(server.port());
  for (const int threads : {1, 3}) {
    const Error error = error_of({.port = server.port(), .threads = threads});
    CHECK(error.kind() == ErrorKind::Bind);
    CHECK(error.code() == EADDRINUSE);
    CHECK(std::string(error.what()).find(address) != std::string::npos);
  }
  const Server shared = serve(hello_app(), {.threads = 2});
  CHECK(error_of({.port = shared.port(), .threads = 2}).code() == EADDRINUSE);
  CHECK(answers(shared.port()));
}

TEST_CASE("options that can't be used are refused by name") {
  CHECK(std::string(error_of({.port = 65536}).what()) == "Config::port is 65536, and must be between 0 and 65535");
  CHECK(std::string(error_of({.threads = 0}).what()).starts_with("Config::threads is 0"));
  CHECK(std::string(error_of({.offload_threads = 0}).what()).starts_with("Config::offload_threads is 0"));
  CHECK(std::string(error_of({.backlog = 0}).what()).starts_with("Config::backlog is 0"));
  CHECK(std::string(error_of({.limits = {.head_bytes_max = 0}}).what()).starts_with("Config::limits.head_bytes_max"));
  CHECK(std::string(error_of({.limits = {.write_buffer_bytes_max = 0}}).what()).find("is 0") != std::string::npos);
  CHECK(std::string(error_of({.limits = {.head_timeout = -1ms}}).what()) ==
        "Config::limits.head_timeout is -1 ms, and must not be negative");
  CHECK(error_of({.limits = {.websocket_message_bytes_max = 0}}).kind() == ErrorKind::Option);
  CHECK(error_of({.limits = {.websocket_ping_interval = -1ms}}).kind() == ErrorKind::Option);
  CHECK(std::string(error_of({.websocket_deflate = {.server_max_window_bits = 8}}).what()) ==
        "Config::websocket_deflate.server_max_window_bits is 8, and must be between 9 and 15");
  CHECK(error_of({.websocket_deflate = {.client_max_window_bits = 16}}).kind() == ErrorKind::Option);
  CHECK(error_of({.websocket_deflate = {.memory_level = 0}}).kind() == ErrorKind::Option);
  CHECK(error_of({.websocket_deflate = {.level = 10}}).kind() == ErrorKind::Option);
  CHECK(error_of({.stop_policy = StopPolicy{-1ms, 0ms, 0ms, true}}).kind() == ErrorKind::Option);
  CHECK(error_of({.server_header = "a\r\nb: c"}).kind() == ErrorKind::Option);
  CHECK(error_of({.port = 8000, .uds = "/tmp/x"}).kind() == ErrorKind::Option);
  for (const char* place : {"", "localhost", "localhost:", "localhost:x", "localhost:65536", "fd:", "fd:-1"}) {
    CAPTURE(place);
    CHECK(error_of({.bind = {place}}).kind() == ErrorKind::Option);
  }
  CHECK(error_of({.bind = {"fd:12345"}}).kind() == ErrorKind::Bind);
  CHECK(error_of({.bind = {"unix:"}}).kind() == ErrorKind::Address);
  CHECK(error_of({.host = "no.such.name.invalid"}).kind() == ErrorKind::Address);
}

TEST_CASE("the same place twice is refused, however many threads there are") {
  const std::string place = "127.0.0.1:" + std::to_string(serve(hello_app()).port());
  for (const int threads : {1, 2})
    CHECK(error_of({.bind = {place, place}, .threads = threads}).kind() == ErrorKind::Bind);
}

TEST_CASE("a stop without an end can be hurried") {
  App app;
  Flag has_begun;
  app.get("/", [&](Request& request) -> Task<void> {
    has_begun.set();
    co_await request.sleep(1h);
  });
  Server server = serve(app);
  BlockingClient client(server.port());
  client.get("/");
  has_begun.wait();
  server.request_stop({std::chrono::milliseconds::max(), 0ms, 0ms, true});
  CHECK(server.stop(StopPolicy::immediate()).aborted == 1);
}

bool answers_at_path(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  char answer[16] = "";
  const bool is_there = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                        ::send(fd, "GET / HTTP/1.1\r\nhost: a\r\n\r\n", 27, MSG_NOSIGNAL) == 27 &&
                        ::recv(fd, answer, 12, MSG_WAITALL) == 12;
  ::close(fd);
  return is_there && std::string_view(answer) == "HTTP/1.1 200";
}

TEST_CASE("a Unix socket is served by all threads and removed at the end") {
  char folder[] = "/tmp/outrider-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  const std::string path = std::string(folder) + "/socket";
  {
    Server server = serve(hello_app(), {.uds = path, .threads = 2});
    CHECK(server.port() == 0);
    CHECK(server.addresses() == std::vector<std::string>{"unix:" + path});
    CHECK(server.url().starts_with("http+unix://%2Ftmp%2Foutrider-"));
    for (int i = 0; i < 10; ++i) CHECK(answers_at_path(path));
  }
  CHECK(!std::filesystem::exists(path));
  CHECK(::rmdir(folder) == 0);
}

TEST_CASE("the caller's own socket is served by all threads, and stays the caller's") {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  uint16_t port = 0;
  for (const int threads : {1, 3}) {
    Server server = serve(hello_app(), {.fds = {fd}, .threads = threads});
    port = server.port();
    for (int i = 0; i < 10; ++i) CHECK(answers(port));
    server.stop();
    CHECK(::fcntl(fd, F_GETFD) >= 0);
  }
  ::close(fd);
}

TEST_CASE("a server can have several addresses") {
  Server server = serve(hello_app(), {.bind = {"127.0.0.1:0", "localhost:0", "127.0.0.1:0"}, .threads = 2});
  REQUIRE(server.addresses().size() == 3);
  CHECK(server.addresses()[0] != server.addresses()[2]);
  for (const std::size_t i : {0U, 2U}) {
    const std::string& address = server.addresses()[i];
    CHECK(answers(static_cast<uint16_t>(std::atoi(address.substr(address.rfind(':') + 1).c_str()))));
  }
}

TEST_CASE("what happens is logged to whom it was asked for, and nothing is printed") {
  std::mutex mutex;
  std::vector<std::string> lines;
  App app;
  app.get("/", []() -> std::string { throw std::runtime_error("oh"); });
  const auto log = [&](LogLevel level, std::string_view message) {
    const std::lock_guard lock(mutex);
    lines.push_back(std::string(to_string(level)) + " " + std::string(message));
  };
  Server server = serve(app, {.log = log});
  CHECK(answers(server.port(), "/", "500"));
  const StopReport report = server.stop();
  CHECK(lines == std::vector<std::string>{"info serving at " + server.url(), "error a handler failed: GET /: oh",
                                          "info " + report.to_string()});
}

TEST_CASE("[threads] the log says what a stop waits for") {
  struct Sooner {
    Sooner() { server::held_up_after = 1ms; }
    ~Sooner() { server::held_up_after = 5s; }
  } const sooner;
  Flag has_begun;
  Flag is_told;
  std::string expected;
  const auto log = [&](LogLevel level, std::string_view message) {
    if (level == LogLevel::Warning && message.starts_with(expected)) is_told.set();
  };
  App app;
  const auto end = std::chrono::steady_clock::now() + 20s;
  const auto goes_on = [&] { return !is_told.is_set() && std::chrono::steady_clock::now() < end; };
  app.get("/blocks", [&] {
    has_begun.set();
    while (goes_on()) std::this_thread::yield();
  });
  app.get("/waits", [&](Request& request) -> Task<void> {
    has_begun.set();
    while (goes_on()) co_await request.sleep(1ms);
  });
  Server server = serve(app, {.log = log});
  BlockingClient client(server.port());
  SUBCASE("a handler that blocks its thread") {
    expected = "the stop waits for 1 of 1 loop threads, each blocked";
    client.get("/blocks");
  }
  SUBCASE("a handler that waits") {
    expected = "the stop waits for GET /waits (";
    client.get("/waits");
  }
  has_begun.wait();
  server.stop({1h, 1h, 1h, true});
  CHECK(is_told.is_set());
}

TEST_CASE("callbacks that throw harm nobody") {
  App app = hello_app();
  app.get("/throws", [] { throw 1; });
  const Config config{.log = [](LogLevel, std::string_view) { throw 2; },
                      .on_error = [](const HandlerError&) { throw 3; }};
  const Server server = serve(app, config);
  CHECK(answers(server.port(), "/throws", "500"));
  CHECK(answers(server.port()));
}

TEST_CASE("a peer that hangs up in the middle of a response doesn't end the process") {
  struct sigaction before {};
  struct sigaction deadly {};
  deadly.sa_handler = SIG_DFL;
  ::sigaction(SIGPIPE, &deadly, &before);
  App app = hello_app();
  app.get("/large", [] { return std::string(10'000'000, 'x'); });
  {
    const Server server = serve(app);
    for (int i = 0; i < 20; ++i) {
      BlockingClient client(server.port());
      client.get("/large");
      client.get("/large");
      client.read_until("xxx");
    }
    CHECK(answers(server.port()));
  }
  struct sigaction after {};
  ::sigaction(SIGPIPE, &before, &after);
  CHECK((after.sa_handler == SIG_DFL));  // the server blocked it in its own threads, and left the process alone
}

TEST_CASE("[threads] on_ready and on_stop are called once each, and what they throw hurts nobody") {
  std::vector<std::string> calls;
  Config config;
  config.threads = 3;
  config.on_ready = [&](Server& server) { calls.push_back(answers(server.port()) ? "ready" : "deaf"); };
  config.on_stop = [&](const StopReport& report) {
    calls.push_back(report.to_string().substr(0, 7));
    throw std::runtime_error("nobody hears this");
  };
  serve(hello_app(), config).stop();
  CHECK(calls == std::vector<std::string>{"ready", "stopped"});

  uint16_t port = 0;
  config.on_ready = [&](Server& server) {
    port = server.port();
    throw std::runtime_error("not today");
  };
  CHECK_THROWS_WITH(serve(hello_app(), config), "not today");
  CHECK(!answers(port));
  CHECK(calls.size() == 3);
}

}  // namespace
}  // namespace outrider
