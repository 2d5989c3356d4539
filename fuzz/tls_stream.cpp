// SPDX-License-Identifier: MIT

// The server's side of TLS over a stream in memory, with a real client on the other end whose records are cut,
// changed, repeated and left out as the input says, with garbage between them, and breaks of either side at any
// point.
//
// Whatever comes, the owner gets nothing but what the client wrote, in order, and is told of the end and of an error
// once at most. (Keys and random numbers differ from run to run, so an input reaches the same code, but not with the
// same bytes.)

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "support.h"
#include "testing/tls_test_server.h"

namespace outrider::fuzz {
namespace {

constexpr std::size_t kStepsMax = 64;

// What the client writes: any part of it can be told from any other.
std::string make_text(std::size_t at, std::size_t size) {
  std::string text;
  while (text.size() < size) text += std::to_string(at + text.size()) + " ";
  return text.substr(0, size);
}

struct Play {
  explicit Play(testing::TlsTestServer& with, std::size_t choice)
      : server(with),
        connection(with, {.least_version = choice % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION,
                          .most_version = choice % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION,
                          .protocols = choice / 2 % 2 == 0 ? std::vector<std::string>{"http/1.1"}
                                                           : std::vector<std::string>{}}) {
    connection.owner.echoes = choice / 4 % 2 == 0;
    connection.owner.on_data_do = [this] { check(ends == 0, "nothing comes behind the end"); };
    connection.owner.on_end_do = [this] {
      check(ends == 0, "the end is told once, and not behind an error");
      ends = 1;
    };
    connection.owner.on_error_do = [this] {
      check(ends < 2, "an error is told once");
      ends = 2;
    };
  }

  void step(Input& input);
  void deliver(std::string output, Input& input);
  void look() { check(written.starts_with(connection.owner.data), "the owner gets what the client wrote, in order"); }

  testing::TlsTestServer& server;
  testing::TlsTestConnection connection;
  std::string written;
  std::size_t sent = 0;
  int ends = 0;  // 1: the end was told; 2: an error, after which nothing comes
};

// Perhaps not as the client meant it.
void Play::deliver(std::string output, Input& input) {
  const std::size_t how = input.byte();
  if (how % 8 == 1 && !output.empty()) output[input.byte() * 7 % output.size()] ^= static_cast<char>(input.byte());
  if (how % 8 == 2) output.resize(output.size() / 2);
  if (how % 8 == 3) output += output;
  if (how % 8 == 4) output.insert(0, input.text());
  if (how % 8 == 5) output.clear();
  connection.memory.send_cut(output, input.byte() * 3 + 1);
  server.settle();
  const std::string received = connection.memory.received();
  connection.memory.forget();
  connection.client.receive(received);
}

void Play::step(Input& input) {
  switch (input.byte() % 12) {
    case 0:
      if (!connection.client.is_connected()) break;
      written += make_text(written.size(), input.byte() * 100);
      connection.client.write(std::string_view(written).substr(sent));
      sent = written.size();
      break;
    case 1:
      connection.memory.send(input.text());
      break;
    case 2:
      connection.client.close();
      break;
    case 3:
      connection.memory.end();
      break;
    case 4:
      connection.memory.reset();
      break;
    case 5:
      connection.memory.allow(input.byte());
      break;
    case 6:
      connection.memory.go_on_taking();
      break;
    case 7:
      if (connection.stream != nullptr) connection.stream->stop_reading();
      break;
    case 8:
      if (connection.stream != nullptr && ends == 0) connection.stream->start_reading();
      break;
    case 9:
      if (connection.stream != nullptr && !connection.owner.queue.is_in_flight()) connection.stream->shut_write();
      break;
    default:
      break;
  }
  deliver(connection.client.take_output(), input);
  look();
}

}  // namespace
}  // namespace outrider::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace outrider::fuzz;
  static outrider::testing::TlsTestServer server;  // making one takes longer than all the rest
  Input input(data, size);
  server.refused.clear();
  Play play(server, input.byte());
  for (std::size_t i = 0; i < kStepsMax && !input.empty(); ++i) play.step(input);
  play.connection.stream.reset();
  server.settle();
  check(play.connection.memory.is_closed(), "the stream below goes with it");
  return 0;
}
