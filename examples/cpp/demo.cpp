// SPDX-License-Identifier: MIT
// Outrider's demo in C++: a program that goes on counting, and a server that rides beside it.
//
// The main thread looks for primes from the first line to the last. Beside it the server is started, visited by
// callers of its API, a listener to its stream and those who talk on its wire, each in a thread of its own, and
// stopped.
//
//     demo [--stay]

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <outrider/outrider.h>

#include "client.h"
#include "demo_app.h"
#include "websocket_client.h"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int kCallers = 4;
constexpr int kCalls = 50;  // of each caller
constexpr int kWords = 20;  // of the one who talks
constexpr const char* kThings[] = {"matches", "whistle", "blanket", "tin cup", "sealing wax", "harmonica"};

// With --stay: Ctrl+C ends the ride. How a signal is handled is the program's own business; serve() leaves it alone.
std::atomic<bool> is_enough{true};

double ms_since(Clock::time_point began) {
  return std::chrono::duration<double, std::milli>(Clock::now() - began).count();
}

void show(const char* word, const std::string& text) { std::printf("  %-9s%s\n", word, text.c_str()); }

std::string shown(double ms) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f ms", ms);
  return text;
}

// Those who use the server, each in a thread of its own.
class Visitors {
 public:
  explicit Visitors(uint16_t port)
      : port_(port), wire_(port, "/api/wire"), listener_([this] { listen(); }), rider_([this] { hear_wire(); }) {}

  // Returns when the API was called; somebody still listens to the stream.
  void visit() {
    std::vector<std::thread> callers;
    for (unsigned i = 0; i < kCallers; ++i) callers.emplace_back([this, i] { call(i); });
    talk();
    for (std::thread& caller : callers) caller.join();
  }

  // Returns true when everything was as it should be.
  bool leave() {
    listener_.join();
    rider_.join();
    std::string statuses;
    for (const auto& [status, count] : statuses_) {
      statuses += (statuses.empty() ? "" : ", ") + std::to_string(count) + " x " + std::to_string(status);
    }
    std::sort(times_.begin(), times_.end());
    show("api", std::to_string(kCallers) + " threads: " + statuses + "; median " + shown(times_[times_.size() / 2]) +
                    ", slowest " + shown(times_.back()));
    show("stream", std::to_string(ticks_) + " ticks heard, until the stop ended the stream" +
                       (ended_in_order_ ? " in order" : ", and cut it"));
    show("wire", std::to_string(primes_) + " primes and " + std::to_string(words_) +
                     " words heard, until the stop closed it with " + std::to_string(wire_.close_code()));
    return ended_in_order_ && ticks_ > 0 && statuses_.size() == 2 && primes_ > 0 && words_ == kWords &&
           wire_.close_code() == 1012;
  }

 private:
  void call(unsigned seed) {
    std::minstd_rand chance(seed + 1);
    for (int i = 0; i < kCalls; ++i) {
      const Clock::time_point began = Clock::now();
      const client::Answer answer = ask_once(chance);
      const double ms = ms_since(began);
      {
        const std::lock_guard lock(mutex_);
        ++statuses_[answer.status];
        times_.push_back(ms);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5 + chance() % 20));
    }
  }

  client::Answer ask_once(std::minstd_rand& chance) {
    if (chance() % 6 == 0) {
      return client::ask(port_, "POST", "/api/items", "{\"name\":\"" + std::string(kThings[chance() % 6]) + "\"}");
    }
    if (chance() % 3 == 0) return client::get(port_, "/api/state");
    return client::get(port_, "/api/items/" + std::to_string(1 + chance() % demo::Kit::kFirstItems) + "?q=pass");
  }

  void listen() {
    ended_in_order_ = client::listen(port_, "/api/ticks", [this](std::string_view bytes) {
      for (std::size_t at = bytes.find("data:"); at != bytes.npos; at = bytes.find("data:", at + 1)) ++ticks_;
      return true;
    });
  }

  // Both hear every word, in one order.
  void talk() {
    client::WebSocket other(port_, "/api/wire");
    for (int i = 0; i < kWords; ++i) other.send_text(kThings[static_cast<unsigned>(i) % 6]);
    for (int heard = 0; heard < kWords;) {
      const std::optional<std::string> news = other.receive();
      client::expect(news.has_value(), "news");
      if (is_word(*news)) ++heard;
    }
    other.close();
  }

  void hear_wire() {
    while (const std::optional<std::string> news = wire_.receive()) ++(is_word(*news) ? words_ : primes_);
  }

  static bool is_word(const std::string& news) { return news.find("\"text\":") != news.npos; }

  uint16_t port_;
  client::WebSocket wire_;
  std::mutex mutex_;  // guards the next two
  std::map<int, int> statuses_;
  std::vector<double> times_;
  int ticks_ = 0;
  bool ended_in_order_ = false;
  int primes_ = 0;
  int words_ = 0;
  std::thread listener_;  // last: they use the above
  std::thread rider_;
};

// What happens beside the program, from the start of the server to its stop.
bool ride(demo::Program& program) {
  demo::Journal journal;
  demo::Kit kit;
  Clock::time_point began = Clock::now();
  outrider::Server server = outrider::serve(demo::make_app(program, journal, kit), {.threads = 2});
  show("start", shown(ms_since(began)) + ": " + server.url());

  client::expect(client::get(server.port(), "/").body.find("Outrider rides along") != std::string::npos, "the page");
  Visitors visitors(server.port());
  visitors.visit();
  if (!is_enough) show("stay", "look at " + server.url() + "; Ctrl+C ends the ride");
  while (!is_enough) std::this_thread::sleep_for(50ms);

  began = Clock::now();
  const outrider::StopReport report = server.stop();
  show("stop", shown(ms_since(began)) + ": " + report.to_string());
  return visitors.leave() && report.disconnected >= 1 && report.aborted == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "--stay") {
    is_enough = false;
    std::signal(SIGINT, [](int) { is_enough = true; });
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  demo::Program program;
  std::atomic<bool> is_over{false};
  bool went_well = false;
  show("c++", "the main thread is looking for primes");
  std::thread beside([&] {
    went_well = ride(program);
    is_over = true;
  });
  while (!is_over) program.step();
  beside.join();
  show("program", std::to_string(program.numbers) + " numbers, " + std::to_string(program.primes) +
                      " primes; the largest gap between two numbers was " + shown(program.largest_gap_ms));
  return went_well ? 0 : 1;
}
