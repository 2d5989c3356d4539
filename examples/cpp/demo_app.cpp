// SPDX-License-Identifier: MIT
#include "demo_app.h"

#include <cstdio>
#include <memory>
#include <utility>

#include "demo_page.h"

namespace demo {
namespace {

using outrider::App;
using outrider::Cancelled;
using outrider::HttpError;
using outrider::Request;
using outrider::Response;
using outrider::ResponseWriter;
using outrider::Task;
using outrider::WebSocket;
using outrider::WebSocketGroup;
using namespace std::chrono_literals;

constexpr auto kTick = 50ms;
constexpr std::size_t kLinesMax = 200;
constexpr std::size_t kItemsMax = 12;
constexpr std::size_t kNameBytesMax = 24;
constexpr std::size_t kWordsBytesMax = 320;  // what the page takes: 80 characters

bool is_prime(int64_t number) {
  if (number < 4) return number > 1;
  if (number % 2 == 0) return false;
  for (int64_t divisor = 3; divisor * divisor <= number; divisor += 2) {
    if (number % divisor == 0) return false;
  }
  return true;
}

std::string quoted(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) json += c;
  }
  return json + "\"";
}

std::string decimals(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", number);
  return text;
}

std::string item_json(int id, const std::string& name) {
  return "{\"id\":" + std::to_string(id) + ",\"name\":" + quoted(name) + "}";
}

// The "name" of a flat JSON object, as the page sends it; a parser is more than this demo needs.
std::string name_in(std::string_view json) {
  std::size_t at = json.find("\"name\"");
  if (at != std::string_view::npos) at = json.find('"', json.find(':', at));
  if (at == std::string_view::npos) throw HttpError(422, "expected {\"name\": \"…\"}");
  std::string name;
  for (++at; at < json.size() && json[at] != '"'; ++at) {
    if (json[at] == '\\' && ++at == json.size()) break;
    name += json[at];
  }
  if (name.empty() || name.size() > kNameBytesMax) throw HttpError(422, "a name has 1 to 24 bytes");
  return name;
}

std::string state_json(const Program& program, const Journal& journal) {
  return "\"numbers\":" + std::to_string(program.numbers) + ",\"primes\":" + std::to_string(program.primes) +
         ",\"latest_prime\":" + std::to_string(program.latest_prime) +
         ",\"largest_gap_ms\":" + decimals(program.largest_gap_ms) +
         ",\"answered\":" + std::to_string(journal.answered()) + ",\"streams\":" + std::to_string(journal.streams);
}

// Notes how a request was answered, at the end of its handler.
class Entry {
 public:
  Entry(Journal& journal, Request& request) : journal_(journal), request_(request) {}
  ~Entry() {
    const std::chrono::duration<double, std::milli> elapsed = Program::Clock::now() - began_;
    journal_.note(request_.method(), request_.target(), status_, elapsed.count());
  }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  Response json(std::string text, int status = 200) {
    status_ = status;
    return Response::json(std::move(text)).set_status(status);
  }

 private:
  Journal& journal_;
  Request& request_;
  int status_ = 404;  // unless it is answered
  Program::Clock::time_point began_ = Program::Clock::now();
};

// The state, and the requests since the tick before, until the listener leaves or has to.
Task<void> send_ticks(Program& program, Journal& journal, ResponseWriter& out) {
  ++journal.streams;
  int64_t seen = std::max<int64_t>(0, journal.answered() - 12);
  try {
    while (true) {
      const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
      const int64_t answered = journal.answered();
      co_await out.write("data: {" + state_json(program, journal) + ",\"time\":" + decimals(now.count()) +
                         ",\"requests\":" + journal.since(seen) + "}\n\n");
      seen = answered;
      co_await out.request().sleep(kTick);
    }
  } catch (const Cancelled&) {  // the end of the stream, in order if somebody still listens
  }
  --journal.streams;
}

// To one page what the program found last, and to all of them what any of them says.
Task<void> ride_wire(const Program& program, const WebSocketGroup& pages, int number, WebSocket& socket) {
  pages.join(socket);
  while (!socket.is_closed()) {
    if (const auto message = co_await socket.receive(kTick)) {
      if (message->data.size() > kWordsBytesMax) continue;
      pages.send_text("{\"from\":" + std::to_string(number) + ",\"text\":" + quoted(message->data) + "}");
    } else if (!socket.is_closed()) {
      co_await socket.send_text("{\"you\":" + std::to_string(number) + ",\"riders\":" + std::to_string(pages.size()) +
                                ",\"prime\":" + std::to_string(program.latest_prime) + "}");
    }
  }
}

}  // namespace

void Program::step() {
  const int64_t number = numbers + 1;
  if (is_prime(number)) {
    ++primes;
    latest_prime = number;
  }
  const Clock::time_point now = Clock::now();
  const std::chrono::duration<double, std::milli> gap = now - last_step_;
  if (number > 1 && gap.count() > largest_gap_ms) largest_gap_ms = gap.count();
  last_step_ = now;
  numbers = number;
}

void Journal::note(std::string_view method, std::string_view target, int status, double ms) {
  const std::lock_guard lock(mutex_);
  ++answered_;
  lines_.push_back({answered_, "{\"number\":" + std::to_string(answered_) + ",\"method\":" + quoted(method) +
                                   ",\"path\":" + quoted(target) + ",\"status\":" + std::to_string(status) +
                                   ",\"ms\":" + decimals(ms) + "}"});
  if (lines_.size() > kLinesMax) lines_.pop_front();
}

int64_t Journal::answered() const {
  const std::lock_guard lock(mutex_);
  return answered_;
}

std::string Journal::since(int64_t number) const {
  const std::lock_guard lock(mutex_);
  std::string json = "[";
  for (const Line& line : lines_) {
    if (line.number > number) json += (json.size() > 1 ? "," : "") + line.json;
  }
  return json + "]";
}

std::string Kit::all() const {
  const std::lock_guard lock(mutex_);
  std::string json = "[";
  for (const auto& [id, name] : items_) json += (json.size() > 1 ? "," : "") + item_json(id, name);
  return json + "]";
}

std::string Kit::one(int id, const std::string& q) const {
  const std::lock_guard lock(mutex_);
  const auto found = items_.find(id);
  if (found == items_.end()) throw HttpError(404, "there is no item " + std::to_string(id) + " in the kit");
  const bool matches = found->second.find(q) != std::string::npos;
  return "{\"id\":" + std::to_string(id) + ",\"name\":" + quoted(found->second) + ",\"q\":" + quoted(q) +
         ",\"matches\":" + (matches ? "true" : "false") + ",\"of\":" + std::to_string(items_.size()) + "}";
}

std::string Kit::add(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const int id = next_id_++;
  items_[id] = name;
  // What was there from the first is kept, of the rest the latest.
  if (items_.size() > kItemsMax) items_.erase(std::next(items_.begin(), kFirstItems));
  return item_json(id, name);
}

App make_app(Program& program, Journal& journal, Kit& kit) {
  App app;
  app.get("/", [] { return Response::html(std::string(kPage)); });
  app.get("/api/state",
          [&](Request& request) { return Entry(journal, request).json("{" + state_json(program, journal) + "}"); });
  app.get("/api/items", [&](Request& request) { return Entry(journal, request).json(kit.all()); });
  app.get("/api/items/{id}", [&](Request& request, int id) {
    Entry entry(journal, request);
    return entry.json(kit.one(id, request.query("q").value_or("")));
  });
  app.post("/api/items", [&](Request& request) -> Task<Response> {
    Entry entry(journal, request);
    const std::string body = co_await request.body(1024);
    co_return entry.json(kit.add(name_in(body)), 201);
  });
  app.get("/api/ticks", [&] {
    return Response::stream([&](ResponseWriter& out) { return send_ticks(program, journal, out); },
                            "text/event-stream")
        .add_header("cache-control", "no-store");
  });
  const auto number = std::make_shared<std::atomic<int>>(0);
  app.websocket("/api/wire", [&program, pages = WebSocketGroup(), number](WebSocket& socket) {
    return ride_wire(program, pages, ++*number, socket);
  });
  return app;
}

}  // namespace demo
