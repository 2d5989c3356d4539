// SPDX-License-Identifier: MIT
// Responses that are written while they are made.

#include <outrider/outrider.h>

#include <chrono>
#include <string>
#include <thread>

#include "client.h"

using client::expect;
using outrider::App;
using outrider::Cancelled;
using outrider::Response;
using outrider::ResponseWriter;
using outrider::Task;
using namespace std::chrono_literals;

namespace {

App make_app() {
  App app;
  app.get("/countdown/{from}", [](int from) {
    return Response::stream([from](ResponseWriter& out) -> Task<void> {
      for (int i = from; i > 0; --i) co_await out.write(std::to_string(i) + "\n");
    });
  });

  app.get("/events", [] {
    const auto stream = [](ResponseWriter& out) -> Task<void> {
      try {
        for (int i = 0;; ++i) {
          co_await out.write("data: tick " + std::to_string(i) + "\n\n");  // waits when the peer reads slowly
          co_await out.request().sleep(5ms);
        }
      } catch (const Cancelled&) {
        if (out.request().is_disconnected()) throw;  // nobody is left to be told
      }
      co_await out.write("data: the server stops\n\n");
    };
    return Response::stream(stream, "text/event-stream").add_header("cache-control", "no-store");
  });

  app.get("/sized", [] {
    const auto stream = [](ResponseWriter& out) -> Task<void> {
      co_await out.write("exactly ");
      co_await out.write("16 bytes");
    };
    return Response::stream(stream).set_content_length(16);  // instead of chunks
  });

  app.get("/summed", [] {
    const auto stream = [](ResponseWriter& out) -> Task<void> {
      co_await out.write("content");
      out.add_trailer("checksum", "8d777f38");
    };
    return Response::stream(stream).announce_trailers();
  });
  return app;
}

}  // namespace

int main() {
  auto server = outrider::serve(make_app());
  const uint16_t port = server.port();
  expect(client::get(port, "/countdown/3").body == "3\n2\n1\n", "a countdown");
  expect(client::get(port, "/sized").body == "exactly 16 bytes", "a known length");
  expect(client::get(port, "/sized").head.find("content-length: 16") != std::string::npos, "a known length");
  expect(client::get(port, "/summed").body == "content", "content before trailers");

  std::string heard;
  std::thread listener([&] {
    expect(client::listen(port, "/events", [&](std::string_view bytes) { return !(heard += bytes).empty(); }),
           "a stream that ends in order");
  });
  std::this_thread::sleep_for(50ms);
  const outrider::StopReport report = server.stop();
  listener.join();
  expect(heard.find("data: tick 1\n") != std::string::npos, "some ticks");
  expect(heard.find("data: the server stops") != std::string::npos, "a last word");
  expect(report.disconnected == 1 && report.aborted == 0, "a report of it");
}
