// SPDX-License-Identifier: MIT

// Streamed responses.

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include "app/dispatcher.h"
#include "outrider/outrider.h"
#include "server/engine.h"
#include "testing/app_harness.h"

namespace outrider::app {
namespace {

using namespace std::chrono_literals;
using Served = testing::AppHarness<server::Engine, Dispatcher, Site>;
using testing::MemoryClient;

Task<void> three_lines(ResponseWriter& out) {
  co_await out.write("one\n");
  co_await out.write("");
  co_await out.write_owned("two\n");
  co_await out.write("three\n");
}

TEST_CASE("a stream is sent in chunks, its head with the first") {
  App app;
  app.get("/", [] { return Response::stream(three_lines, "text/csv").add_header("x-a", "1").set_status(206); });
  Served served(app);
  CHECK(served.get("/") ==
        "HTTP/1.1 206 Partial Content\r\ncontent-type: text/csv\r\nx-a: 1\r\ntransfer-encoding: chunked\r\n\r\n"
        "4\r\none\n\r\n4\r\ntwo\n\r\n6\r\nthree\n\r\n0\r\n\r\n");
  CHECK(served.dispatcher().run_count() == 0);
}

TEST_CASE("a stream whose length is known has Content-Length") {
  App app;
  app.get("/", [] { return Response::stream(three_lines).set_content_length(14); });
  Served served(app);
  CHECK(served.get("/").ends_with("content-length: 14\r\n\r\none\ntwo\nthree\n"));
}

TEST_CASE("a stream that breaks its promised length is an error") {
  App app;
  app.get("/long", [] { return Response::stream(three_lines).set_content_length(10); });
  app.get("/short", [] { return Response::stream(three_lines).set_content_length(20); });
  Served served(app);
  for (const char* path : {"/long", "/short"}) {
    CAPTURE(path);
    MemoryClient& client = served.connect();
    client.send(Served::request("GET", path));
    served.settle();
    CHECK(client.is_ended());  // before the length that it had promised
  }
  REQUIRE(served.errors().size() == 2);
  CHECK(served.errors()[0].find("longer than content-length") != std::string::npos);
  CHECK(served.errors()[1].find("shorter than content-length") != std::string::npos);
}

TEST_CASE("a handler that gives its exchange up ends the connection without an answer, and it is no error") {
  App app;
  app.get("/now", []() -> std::string { throw Abort(); });
  app.get("/later", [](Request& request) -> Task<std::string> {
    co_await request.sleep(1ms);
    throw Abort();
  });
  Served served(app);
  for (const char* path : {"/now", "/later"}) {
    CAPTURE(path);
    MemoryClient& client = served.connect();
    client.send(Served::request("GET", path));
    CHECK(served.run_until([&] { return client.was_reset(); }));
    CHECK(client.received() == "");
  }
  CHECK(served.errors().empty());
  CHECK(served.dispatcher().run_count() == 0);
}

TEST_CASE("a stream that gives its exchange up sends what it wrote, and no more") {
  App app;
  const auto cut = [](ResponseWriter& out) -> Task<void> {
    co_await out.write("half");
    throw Abort();
  };
  app.get("/sized", [cut] { return Response::stream(cut).set_content_length(8); });
  app.get("/chunked", [cut] { return Response::stream(cut); });
  Served served(app);
  for (const std::string path : {"/sized", "/chunked"}) {
    CAPTURE(path);
    MemoryClient& client = served.connect();
    client.send(Served::request("GET", path));
    served.settle();
    CHECK(client.is_ended());
    CHECK(!client.was_reset());  // the framing shows the cut
    CHECK(client.received().ends_with(path == "/sized" ? "content-length: 8\r\n\r\nhalf" : "\r\n4\r\nhalf\r\n"));
  }
  CHECK(served.errors().empty());
}

TEST_CASE("a stream may begin with its head alone") {
  App app;
  app.get("/", [] {
    return Response::stream([](ResponseWriter& out) -> Task<void> {
      co_await out.write("");
      co_await out.request().sleep(20ms);
      co_await out.write("later");
    });
  });
  Served served(app);
  MemoryClient& client = served.connect();
  client.send(Served::request("GET", "/"));
  served.settle();
  CHECK(client.received().ends_with("transfer-encoding: chunked\r\n\r\n"));
  CHECK(served.run_until([&] { return client.received().ends_with("5\r\nlater\r\n0\r\n\r\n"); }));
}

TEST_CASE("HEAD doesn't start the stream") {
  App app;
  bool was_started = false;
  app.get("/", [&] {
    return Response::stream([&](ResponseWriter&) -> Task<void> {
      was_started = true;
      co_return;
    });
  });
  Served served(app);
  CHECK(served.exchange(Served::request("HEAD", "/")).starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(!was_started);
}

TEST_CASE("trailers follow the content") {
  App app;
  app.get("/", [] {
    const auto stream = [](ResponseWriter& out) -> Task<void> {
      co_await out.write("x");
      out.add_trailer("checksum", "abc");
    };
    return Response::stream(stream).announce_trailers();
  });
  app.get("/unannounced", [] {
    return Response::stream([](ResponseWriter& out) -> Task<void> {
      out.add_trailer("checksum", "abc");
      co_return;
    });
  });
  app.get("/{name}", [](std::string name) {
    return Response::stream([name](ResponseWriter& out) -> Task<void> {
             out.add_trailer(name, name == "value" ? "a\r\nb: c" : "1");
             co_return;
           })
        .announce_trailers();
  });
  Served served(app);
  std::size_t errors = 0;
  for (const std::string path : {"/content-length", "/Transfer-Encoding", "/host", "/a%20b", "/value"}) {
    CAPTURE(path);
    CHECK(!served.get(path).ends_with("\r\n\r\n0\r\n\r\n"));
    CHECK(served.errors().size() == ++errors);
  }
  CHECK(served.get("/").ends_with("1\r\nx\r\n0\r\nchecksum: abc\r\n\r\n"));
  CHECK(served.get("/unannounced").starts_with("HTTP/1.1 500 "));
  CHECK(served.exchange("GET / HTTP/1.0\r\n\r\n").ends_with("\r\n\r\nx"));  // HTTP/1.0 has no place for them
}

TEST_CASE("writing waits for a peer that doesn't read, and memory stays bounded") {
  App app;
  std::size_t written = 0;
  app.get("/", [&] {
    return Response::stream([&](ResponseWriter& out) -> Task<void> {
      const std::string piece(10'000, 'x');
      for (int i = 0; i < 1000; ++i) {
        co_await out.write(piece);
        written += piece.size();
      }
    });
  });
  Limits limits;
  limits.write_buffer_bytes_max = 100'000;
  Served served(app, limits);
  MemoryClient& client = served.connect();
  client.stop_taking();
  client.send(Served::request("GET", "/"));
  served.settle();
  CHECK(written >= 50'000);
  CHECK(written <= 120'000);
  client.allow(500'000);
  served.settle();
  CHECK(written >= 500'000);
  CHECK(written <= 640'000);
  client.go_on_taking();
  CHECK(served.run_until([&] { return client.received().ends_with("0\r\n\r\n"); }));
  CHECK(written == 10'000'000);
}

TEST_CASE("a peer that reads as fast as it is written to doesn't keep the loop from others") {
  App app;
  bool goes_on = true;
  std::size_t size = 50'000;
  SUBCASE("in large pieces") {}
  SUBCASE("in small ones") { size = 1; }
  std::size_t pieces = 0;
  app.get("/endless", [&] {
    return Response::stream([&](ResponseWriter& out) -> Task<void> {
      const std::string piece(size, 'x');
      for (; goes_on; ++pieces) co_await out.write(piece);
    });
  });
  app.get("/other", [&] {
    goes_on = false;
    return "other";
  });
  Served served(app);
  served.connect().send(Served::request("GET", "/endless"));
  MemoryClient& other = served.connect();
  other.send(Served::request("GET", "/other"));
  CHECK(served.run_until([&] { return other.received().ends_with("other"); }));
  CHECK(pieces < 10'000);  // a few passes' worth
  served.settle();
  CHECK(served.dispatcher().run_count() == 0);
}

TEST_CASE("an exception in the middle of a stream cuts the connection, before its head it is a 500") {
  App app;
  app.get("/middle", [] {
    return Response::stream([](ResponseWriter& out) -> Task<void> {
      co_await out.write("some");
      throw std::runtime_error("broken");
    });
  });
  app.get("/start", [] {
    return Response::stream([](ResponseWriter&) -> Task<void> {
      throw std::runtime_error("broken");
      co_return;
    });
  });
  Served served(app);
  MemoryClient& client = served.connect();
  client.send(Served::request("GET", "/middle"));
  served.settle();
  CHECK(client.is_ended());
  CHECK(client.received().ends_with("\r\n\r\n4\r\nsome\r\n"));  // what it had written before, and no last chunk
  CHECK(served.get("/start").starts_with("HTTP/1.1 500 "));
  CHECK(served.errors() == std::vector<std::string>{"GET /middle: broken", "GET /start: broken"});
  CHECK(served.dispatcher().run_count() == 0);
}

TEST_CASE("a stream that writes on in spite of everything doesn't keep the others, nor the end, waiting") {
  App app;
  const auto witness = std::make_shared<int>(0);
  app.get("/", [witness] {
    return Response::stream([witness](ResponseWriter& out) -> Task<void> {
      while (true) {
        try {
          co_await out.write("x");
          co_await out.request().sleep(5ms);
        } catch (const Cancelled&) {
        }
      }
    });
  });
  app.get("/other", [] { return "other"; });
  {
    Served served(app);
    MemoryClient& client = served.connect();
    client.send(Served::request("GET", "/"));
    served.settle();
    client.reset();
    MemoryClient& other = served.connect();
    other.send(Served::request("GET", "/other"));
    CHECK(served.run_until([&] { return other.received().ends_with("other"); }));
    CHECK(served.stop({1ms, 1ms, 1ms, false}));
  }
  app = App();
  CHECK(witness.use_count() == 1);
}

TEST_CASE("a stream ends when its peer goes") {
  App app;
  std::string outcome;
  app.get("/", [&] {
    return Response::stream([&](ResponseWriter& out) -> Task<void> {
      try {
        while (true) {
          co_await out.write("tick\n");
          co_await out.request().sleep(1ms);
        }
      } catch (const Cancelled&) {
        outcome = out.request().is_disconnected() ? "disconnected" : "cancelled";
        throw;
      }
    });
  });
  for (const bool resets : {true, false}) {
    outcome.clear();
    Served served(app);
    MemoryClient& client = served.connect();
    client.send(Served::request("GET", "/"));
    served.settle();
    if (resets) {
      client.reset();
    } else {
      client.end();
    }
    CHECK(served.run_until([&] { return served.dispatcher().run_count() == 0; }));
    CHECK(outcome == "disconnected");
    CHECK(served.errors().empty());
  }
}

TEST_CASE("a stream that is told to stop can end in order") {
  App app;
  app.get("/", [] {
    return Response::stream([](ResponseWriter& out) -> Task<void> {
      try {
        while (true) {
          co_await out.write("tick\n");
          co_await out.request().sleep(1ms);
        }
      } catch (const Cancelled&) {
      }
      co_await out.write("bye\n");
    });
  });
  Served served(app);
  MemoryClient& client = served.connect();
  client.send(Served::request("GET", "/"));
  CHECK(served.run_until([&] { return client.received().find("tick") != std::string::npos; }));
  CHECK(served.stop(StopPolicy::beside_program()));
  CHECK(client.received().ends_with("4\r\nbye\n\r\n0\r\n\r\n"));
  CHECK(served.report().disconnected == 1);
  CHECK(served.report().aborted == 0);
}

TEST_CASE("a stream that only writes is told by its next write, once") {
  bool takes = false;
  SUBCASE("whose peer takes everything") { takes = true; }
  SUBCASE("whose peer takes nothing") {}
  App app;
  int times_told = 0;
  app.get("/", [&] {
    return Response::stream([&](ResponseWriter& out) -> Task<void> {
      const std::string piece(16 * 1024, 'x');
      try {
        while (true) co_await out.write(piece);
      } catch (const Cancelled&) {
        ++times_told;
      }
      co_await out.write("bye\n");
    });
  });
  Served served(app);
  MemoryClient& client = served.connect();
  client.send(Served::request("GET", "/"));
  CHECK(served.run_until([&] { return client.received().size() > 100'000; }));
  if (!takes) {
    client.stop_taking();
    served.settle();
  }
  served.begin_stop({1h, 1h, 1h});
  CHECK(served.run_until([&] { return times_told > 0; }));
  client.go_on_taking();
  CHECK(served.finish_stop());
  CHECK(times_told == 1);
  CHECK(client.received().ends_with("4\r\nbye\n\r\n0\r\n\r\n"));
  CHECK(served.report().disconnected == 1);
}

TEST_CASE("a stream that lets its cancellation pass is cut off, and counted as told") {
  App app;
  app.get("/", [] {
    return Response::stream([](ResponseWriter& out) -> Task<void> {
      co_await out.write("tick\n");
      co_await out.request().sleep(1h);
    });
  });
  Served served(app);
  MemoryClient& client = served.connect();
  client.send(Served::request("GET", "/"));
  served.settle();
  CHECK(served.stop(StopPolicy::beside_program()));
  CHECK(client.is_ended());
  CHECK(client.received().ends_with("\r\n5\r\ntick\n\r\n"));  // no last chunk
  CHECK(served.report().disconnected == 1);
  CHECK(served.report().aborted == 0);
}

TEST_CASE("a stream's captures live until its coroutine has ended") {
  App app;
  const auto witness = std::make_shared<std::string>(100, 'w');
  app.get("/", [&]() -> Task<Response> {
    co_return Response::stream([held = witness](ResponseWriter& out) -> Task<void> {
      co_await out.request().sleep(2ms);
      co_await out.write(*held);
    });
  });
  Served served(app);
  MemoryClient& client = served.connect();
  client.send(Served::request("GET", "/"));
  served.settle();
  CHECK(witness.use_count() == 2);
  CHECK(served.run_until([&] { return client.received().ends_with("0\r\n\r\n"); }));
  CHECK(client.received().find(*witness) != std::string::npos);
  CHECK(witness.use_count() == 1);
}

}  // namespace
}  // namespace outrider::app
