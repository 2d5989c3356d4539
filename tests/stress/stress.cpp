// SPDX-License-Identifier: MIT

// Starts and stops by the thousand, and eight threads that do everything with the same servers. Run by ./dev stress
// under the address and the thread sanitizer: stress CYCLES OPERATIONS. The seed is fixed, so that a failure can be
// had again. Fails when threads, descriptors or memory grow.

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include "outrider/outrider.h"
#include "testing/blocking_client.h"

#ifdef __SANITIZE_THREAD__
// See src/server/server_test.cpp.
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_suppressions() {
  return "called_from_lib:libuv.so\nrace:open_socket\n";
}
#endif

namespace {

using namespace std::chrono_literals;
using outrider::App;
using outrider::Cancelled;
using outrider::Config;
using outrider::Error;
using outrider::ErrorKind;
using outrider::Request;
using outrider::Response;
using outrider::ResponseWriter;
using outrider::Server;
using outrider::StopPolicy;
using outrider::StopReport;
using outrider::Task;
using outrider::testing::BlockingClient;

constexpr unsigned kSeed = 20261121;
constexpr int kWarmUp = 200;          // cycles after which nothing may grow any more
constexpr long kRoomKiB = 12 * 1024;  // for the allocator, and what a sanitizer remembers

/// "/" answers, "/slow" after 2 ms, "/stream" and "/deaf" never end by themselves, "/upload" reads it all, "/offload"
/// uses a thread.
App make_app() {
  App app;
  app.get("/", [] { return "hello"; });
  app.get("/slow", [](Request& request) -> Task<std::string> {
    co_await request.sleep(2ms);
    co_return "slow";
  });
  app.get("/stream", [] {
    return Response::stream([](ResponseWriter& out) -> Task<void> {
      while (true) {
        co_await out.write("tick\n");
        co_await out.request().sleep(1ms);
      }
    });
  });
  app.get("/deaf", [](Request& request) -> Task<void> {
    while (true) {
      try {
        co_await request.sleep(1ms);
      } catch (const Cancelled&) {
        if (request.is_disconnected()) throw;
      }
    }
  });
  app.post("/upload", [](Request& request) -> Task<std::string> {
    const std::string body = co_await request.body();
    co_return std::to_string(body.size());
  });
  app.get("/offload", [](Request& request) -> Task<std::string> {
    const auto work = [] { return 1; };
    co_return std::to_string(co_await request.offload(work));
  });
  return app;
}

const std::array<std::string, 9> kRequests = {
    "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /slow HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /stream HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /deaf HTTP/1.1\r\nhost: a\r\n\r\n",
    "POST /upload HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nhalf",
    "GET /offload HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\n\r\nGET /slow HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET / HT",
    "",
};

class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}
  /// 0 to `sides` - 1.
  unsigned roll(unsigned sides) { return static_cast<unsigned>(engine_() % sides); }
  StopPolicy policy() {
    const auto stage = [this] { return std::chrono::milliseconds(roll(20)); };
    return roll(3) == 0 ? StopPolicy::immediate() : StopPolicy{stage(), stage(), stage(), roll(2) == 0};
  }
  const std::string& request() { return kRequests[roll(kRequests.size())]; }

 private:
  std::mt19937 engine_;
};

struct Size {
  std::ptrdiff_t threads, descriptors;
  long kib;
};

std::ptrdiff_t count_entries(const char* folder) {
  return std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
}

Size measure() {
  long pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return {count_entries("/proc/self/task"), count_entries("/proc/self/fd"),
          resident * ::sysconf(_SC_PAGESIZE) / 1024};
}

// A thread that was joined may be listed for a moment longer.
bool is_flat(const Size& before, const char* what) {
  const auto end = std::chrono::steady_clock::now() + 10s;
  Size after = measure();
  while (after.threads > before.threads && std::chrono::steady_clock::now() < end) after = measure();
  std::printf("%s: %td -> %td threads, %td -> %td descriptors, %ld -> %ld KiB\n", what, before.threads, after.threads,
              before.descriptors, after.descriptors, before.kib, after.kib);
  return after.threads <= before.threads && after.descriptors <= before.descriptors &&
         after.kib <= before.kib + kRoomKiB;
}

// --- one after the other -------------------------------------------------------------------------------------------

void run_cycle(Dice& dice) {
  Server server = outrider::serve(make_app(), {.threads = 1 + static_cast<int>(dice.roll(3))});
  std::vector<BlockingClient> clients;
  for (unsigned i = dice.roll(6); i > 0; --i) {
    BlockingClient client(server.port());
    client.send(dice.request());
    if (dice.roll(2) == 0) clients.push_back(std::move(client));  // the others vanish
  }
  std::vector<std::thread> stoppers;
  if (dice.roll(5) == 0) {
    for (int i = 0; i < 3; ++i) stoppers.emplace_back([&server, policy = dice.policy()] { server.stop(policy); });
  }
  server.stop(dice.policy());
  for (std::thread& stopper : stoppers) stopper.join();
}

bool run_cycles(int cycles) {
  Dice dice(kSeed);
  Size before = measure();
  for (int cycle = 1; cycle <= cycles; ++cycle) {
    run_cycle(dice);
    if (cycle == kWarmUp) before = measure();
  }
  return is_flat(before, (std::to_string(cycles) + " cycles").c_str());
}

// --- all at once ---------------------------------------------------------------------------------------------------

/// A place where a server is, perhaps; the one who takes the last reference to it away stops it.
class Slot {
 public:
  std::shared_ptr<Server> get() {
    const std::lock_guard lock(mutex_);
    return server_;
  }
  void set(std::shared_ptr<Server> server) {
    const std::lock_guard lock(mutex_);
    server_.swap(server);
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<Server> server_;
};

std::array<Slot, 4> slots;
std::atomic<int> wrong = 0;

void ask(const Server& server, Dice& dice) {
  BlockingClient client(server.port());
  if (!client.is_connected()) return;
  if (dice.roll(2) == 0) return client.send(dice.request());  // and go
  client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  if (client.read_until("\r\n\r\n") && !client.received().starts_with("HTTP/1.1 ")) ++wrong;
}

void do_something(Slot& slot, Dice& dice) {
  const std::shared_ptr<Server> server = slot.get();
  const unsigned what = dice.roll(12);
  if (server == nullptr || what == 0) {
    Config config;
    config.threads = 1 + static_cast<int>(dice.roll(2));
    config.stop_policy = dice.policy();
    return slot.set(std::make_shared<Server>(outrider::serve(make_app(), config)));
  }
  switch (what) {
    case 1:
      server->stop(dice.policy());
      return;
    case 2:
      return server->request_stop(dice.policy());
    case 3:
    case 4:
      server->quiesce(std::chrono::milliseconds(dice.roll(10)));
      return;
    case 5:
    case 6:
      server->swap(make_app(), dice.policy());
      return;
    default:
      return ask(*server, dice);
  }
}

void run_threads(int operations) {
  std::vector<std::thread> threads;
  for (unsigned number = 0; number < 8; ++number) {
    threads.emplace_back([number, operations] {
      Dice dice(kSeed + number);
      for (int i = 0; i < operations; ++i) {
        try {
          do_something(slots[dice.roll(slots.size())], dice);
        } catch (const Error& error) {
          if (error.kind() != ErrorKind::State) ++wrong;  // the server has been stopped, or is about to
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (Slot& slot : slots) slot.set(nullptr);
}

bool run_threads_twice(int operations) {
  run_threads(operations);  // for the allocator, and the sanitizer's own books
  const Size before = measure();
  run_threads(operations);
  std::printf("%d operations in each of 8 threads, twice: %d wrong\n", operations, wrong.load());
  return is_flat(before, "8 threads") && wrong == 0;
}

}  // namespace

int main(int argc, char** argv) {
  const int cycles = argc > 1 ? std::atoi(argv[1]) : 2000;
  const int operations = argc > 2 ? std::atoi(argv[2]) : 1000;
  const auto began = std::chrono::steady_clock::now();
  const bool is_well = run_cycles(cycles) & run_threads_twice(operations);
  std::printf("%.1f s\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  return is_well ? 0 : 1;
}
