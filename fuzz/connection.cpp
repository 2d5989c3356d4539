// SPDX-License-Identifier: MIT
// A whole connection over memory: what leaves is a sequence of responses, one for each request and perhaps one for a
// mistake, after which only the close comes; it is the same however the peer's bytes are cut; and its memory is
// bounded.
//
// Input: a byte that chooses the play, three lengths of fragments, then what the peer sends.

#include <sanitizer/allocator_interface.h>

#include <functional>
#include <memory>
#include <string>

#include "http/exchange.h"
#include "response_checker.h"
#include "server/engine.h"
#include "support.h"
#include "testing/memory_stream.h"
#include "testing/recording_application.h"

namespace outrider::fuzz {
namespace {

using http::More;
using testing::Recorded;

enum class Play { AnswerLate, AnswerAtOnce, Echo, SlowPeer, Abort, BrokenPeer, Drain, Stalled, Flood };
constexpr std::size_t kPlays = static_cast<std::size_t>(Play::Flood) + 1;

// Small, so that short inputs reach them. Time-outs play no part: how long a run takes mustn't matter.
Limits small_limits() {
  Limits limits;
  limits.request_line_bytes_max = 256;
  limits.head_bytes_max = 1024;
  limits.header_count_max = 16;
  limits.body_bytes_max = 4096;
  limits.body_buffer_bytes_max = 512;
  limits.write_buffer_bytes_max = 512;
  limits.pipeline_bytes_max = 512;
  limits.head_timeout = limits.body_timeout = limits.keep_alive_timeout = limits.write_timeout =
      limits.linger_timeout = std::chrono::milliseconds(0);
  return limits;
}

// The target's first letter says how the answer looks; it tells what was read of the request.
void answer(Recorded& exchange) {
  const std::string told = exchange.method + " " + std::to_string(exchange.body.size()) + " " +
                           std::to_string(std::hash<std::string>()(exchange.body)) + " " +
                           std::to_string(exchange.fields.size()) + " " + std::to_string(exchange.trailers.size());
  switch (exchange.path.size() > 1 ? exchange.path[1] : '/') {
    case 'p':
      exchange.begin(200);
      exchange.write(told, More::Yes);
      exchange.write("", More::Yes);
      exchange.write("more", More::No);
      return;
    case 't':
      exchange.expect_trailers();
      exchange.begin(200);
      exchange.write(told, More::No);
      exchange.exchange().add_trailer("x-sum", "1");
      return exchange.end_trailers();
    case 'e':
      return exchange.respond(204, "");
    case 'n':
      return exchange.respond(304, "", {{"content-length", "7"}});
    case 'i':
      exchange.begin(103, {{"link", "</a>"}});
      exchange.exchange().end_informational();
      return exchange.respond(200, told);
    case 'c':
      return exchange.respond(200, told, {{"connection", "close"}});
    default:
      return exchange.respond(200, told, {{"content-type", "text/plain"}});
  }
}

class PlayingApplication final : public http::Application {
 public:
  explicit PlayingApplication(Play play) : play_(play) {}

  const std::vector<std::unique_ptr<Recorded>>& exchanges() const { return exchanges_; }

 private:
  void on_request(http::Exchange& exchange) override {
    exchanges_.push_back(std::make_unique<Recorded>(exchange));
    Recorded& recorded = *exchanges_.back();
    switch (play_) {
      case Play::AnswerAtOnce:
        return answer(recorded);
      case Play::Flood:
        return recorded.respond(200, std::string(4096, 'x'));
      case Play::Stalled:
        return;
      case Play::Echo:
        return echo(recorded);
      case Play::Abort:
        recorded.on_complete = [](Recorded& it) { it.abort(); };
        break;
      default:
        recorded.on_complete = answer;
        break;
    }
    recorded.read();
  }

  static void echo(Recorded& recorded) {
    recorded.begin(200);
    recorded.on_piece = [](Recorded& it) {
      it.write(it.body, More::Yes);
      it.body.clear();
    };
    recorded.on_complete = [](Recorded& it) { it.write("", More::No); };
    recorded.read();
  }

  Play play_;
  std::vector<std::unique_ptr<Recorded>> exchanges_;
};

// One connection with its engine; what it left behind is checked at the end.
class Conversation {
 public:
  explicit Conversation(Play play) : application_(play), engine_(loop(), limits(), application_), client_(loop()) {
    engine_.service().sends_date = false;
    engine_.service().set_server({});
    engine_.serve(client_.take_stream());
  }

  testing::MemoryClient& client() { return client_; }
  server::Engine& engine() { return engine_; }
  const PlayingApplication& application() const { return application_; }

  static void settle() {
    int quiet = 0;
    while (quiet < 2) quiet = loop().pass().count() == 0 ? 0 : quiet + 1;
  }

  void send(const Fragments& fragments) {
    for (const std::string_view fragment : fragments) client_.send(fragment);
    settle();
  }

  // The peer goes: nothing may leave after that, and nothing may stay.
  void end() {
    const std::string before = client_.received();
    client_.end();
    settle();
    check(client_.received() == before, "the end of a peer that was answered is answered with nothing");
    check_gone();
  }

  void check_gone() {
    check(engine_.connection_count() == 0 && engine_.exchange_count() == 0, "nothing stays of a connection");
    for (const auto& exchange : application_.exchanges()) check(!exchange->is_open(), "no exchange stays open");
  }

  // Everything that left, read as a client does.
  void check_responses() const {
    std::string_view bytes = client_.received();
    std::size_t answered = 0;
    while (!bytes.empty()) {
      const bool is_exchange = answered < application_.exchanges().size();
      const std::string_view method = is_exchange ? std::string_view(application_.exchanges()[answered]->method) : "";
      std::optional<Response> response = take_response(bytes, method == "HEAD");
      if (!response && !is_exchange) {
        // A mistake within a head never became an exchange; it may have been a HEAD all the same.
        std::string_view rest = bytes;
        response = take_response(rest, true);
        if (response && !rest.empty()) response.reset();  // no, it was cut
        if (response) bytes = rest;
      }
      if (!response)
        return check(!client_.is_ended() || client_.was_reset() || has_framed_head(bytes),
                     "what is cut short shows it");
      if (response->is_informational()) continue;
      ++answered;
      if (!response->says_close) continue;
      check(bytes.empty(), "nothing follows the last response");
      // Content that only the close ends looks complete before it is.
      check(client_.is_ended() || engine_.exchange_count() > 0, "a close that was told comes");
    }
    check(answered <= application_.exchanges().size() + 1, "one response a request, and one for a mistake");
  }

 private:
  static loop::Loop& loop() {
    // Making one costs more than a run. It holds nothing of an engine that is gone.
    static loop::Loop shared;
    return shared;
  }
  static const Limits& limits() {
    static const Limits small = small_limits();
    return small;
  }

  PlayingApplication application_;
  server::Engine engine_;
  testing::MemoryClient client_;
};

std::string without_continue(std::string text) {
  const std::string_view response = "HTTP/1.1 100 Continue\r\n\r\n";
  for (std::size_t at = text.find(response); at != std::string::npos; at = text.find(response)) {
    text.erase(at, response.size());
  }
  return text;
}

struct Seen {
  std::string received;
  bool is_ended = false;

  bool operator==(const Seen&) const = default;
};

Seen converse(Play play, const Fragments& fragments) {
  Conversation conversation(play);
  conversation.send(fragments);
  conversation.check_responses();
  // A peer that sends its content without waiting isn't told to go on, and whether it waits depends on the cuts.
  Seen seen{without_continue(conversation.client().received()), conversation.client().is_ended()};
  conversation.end();
  return seen;
}

void play_slow_peer(const Fragments& fragments) {
  Conversation conversation(Play::SlowPeer);
  conversation.client().stop_taking();
  conversation.send(fragments);
  for (std::size_t step = 1; step < 1000; step *= 3) {
    conversation.client().allow(step);
    Conversation::settle();
  }
  conversation.client().go_on_taking();
  Conversation::settle();
  conversation.check_responses();
  conversation.end();
}

void play_broken_peer(const Fragments& fragments) {
  for (std::size_t sent = 0; sent < fragments.size() && sent < 8; ++sent) {
    Conversation conversation(Play::BrokenPeer);
    conversation.send({fragments.begin(), fragments.begin() + static_cast<std::ptrdiff_t>(sent)});
    if (sent % 2 == 0) conversation.client().break_writing();
    conversation.send({fragments[sent]});
    conversation.client().reset();
    Conversation::settle();
    conversation.check_gone();
  }
}

void play_drain(const Fragments& fragments) {
  Conversation conversation(Play::Drain);
  const std::size_t half = fragments.size() / 2;
  conversation.send({fragments.begin(), fragments.begin() + static_cast<std::ptrdiff_t>(half)});
  bool is_drained = false;
  conversation.engine().drain(StopPolicy{}, [&](const StopReport&) { is_drained = true; });
  conversation.send({fragments.begin() + static_cast<std::ptrdiff_t>(half), fragments.end()});
  conversation.check_responses();
  conversation.end();
  check(is_drained, "a drain is over when the last connection is gone");
}

// A peer that sends as long as it is read, to an application that doesn't answer (Stalled), or without taking what it
// is answered (Flood). The server may keep what its limits allow, and not what the peer likes.
void play_flood(Play play, std::string_view text) {
  constexpr std::size_t kSentMax = 160 * 1024;
  constexpr std::size_t kSentAtOnce = 4 * 1024;
  constexpr std::size_t kKeptMax = 64 * 1024;
  if (text.empty()) return;
  std::string block;
  while (block.size() < kSentAtOnce) block.append(text);
  Conversation conversation(play);
  if (play == Play::Flood) conversation.client().stop_taking();
  Conversation::settle();
  const std::size_t before = __sanitizer_get_current_allocated_bytes();
  std::size_t sent = 0;
  while (sent < kSentMax && conversation.client().is_being_read()) {
    conversation.send({block});
    sent += block.size();
    // What the test's own application writes down isn't the server's.
    const std::size_t written_down = conversation.application().exchanges().size() * sizeof(Recorded) * 2;
    const std::size_t now = __sanitizer_get_current_allocated_bytes();
    check(now < before + kKeptMax + written_down, "a connection's memory is bounded");
    if (conversation.application().exchanges().size() > 500) break;
  }
  conversation.client().reset();
  Conversation::settle();
  conversation.check_gone();
}

}  // namespace
}  // namespace outrider::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace outrider;
  using fuzz::Play;
  fuzz::Input input(data, size);
  const Play play = static_cast<Play>(input.byte() % fuzz::kPlays);
  const fuzz::Cut cut(input);
  const std::string_view text = input.rest();
  switch (play) {
    case Play::AnswerLate: {
      // What is answered once it is complete is the only play whose answers can't depend on the cuts.
      const fuzz::Seen whole = fuzz::converse(play, {text});
      fuzz::check(fuzz::converse(play, cut.of(text)) == whole, "fragments and the whole are answered the same");
      if (text.size() > 256) break;
      fuzz::check(fuzz::converse(play, fuzz::single_bytes(text)) == whole,
                  "bytes and the whole are answered the same");
      break;
    }
    case Play::SlowPeer:
      fuzz::play_slow_peer(cut.of(text));
      break;
    case Play::BrokenPeer:
      fuzz::play_broken_peer(cut.of(text));
      break;
    case Play::Drain:
      fuzz::play_drain(cut.of(text));
      break;
    case Play::Stalled:
    case Play::Flood:
      fuzz::play_flood(play, text);
      break;
    default:
      fuzz::converse(play, cut.of(text));
      break;
  }
  return 0;
}
