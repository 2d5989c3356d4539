// SPDX-License-Identifier: MIT
// Listening sockets and the streams that they accept.
#include "net/listener.h"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "loop/loop.h"
#include "outrider/error.h"
#include "testing/client.h"
#include "testing/temporary_folder.h"

namespace outrider::net {
namespace {

using testing::Client;
using testing::TemporaryFolder;

// What a stream told.
struct Told final : StreamHandler {
  std::unique_ptr<Stream> stream;
  std::string data;
  bool is_ended = false;
  int error = 0;
  int writes_done = 0;
  int write_error = 0;

  explicit Told(std::unique_ptr<Stream> of) : stream(std::move(of)) {
    stream->set_handler(this);
    stream->start_reading();
  }
  void on_data(std::span<char> bytes) override { data.append(bytes.data(), bytes.size()); }
  void on_end() override { is_ended = true; }
  void on_error(int code) override { error = code; }
  void on_write_done(int code) override {
    ++writes_done;
    write_error = code;
  }
};

struct Listening {
  loop::Loop loop;
  std::vector<std::unique_ptr<Told>> accepted;
  std::vector<std::unique_ptr<Client>> clients;
  std::unique_ptr<Listener> listener;

  explicit Listening(BoundSocket socket)
      : listener(std::make_unique<Listener>(loop, std::move(socket), [this](std::unique_ptr<Stream> stream) {
          accepted.push_back(std::make_unique<Told>(std::move(stream)));
        })) {
    listener->start(16);
    loop.pass();
  }
  Client& connect() {
    clients.push_back(testing::connect_socket(listener->address()));
    return *clients.back();
  }
  template <class Condition>
  bool run_until(Condition is_there) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (std::chrono::steady_clock::now() < end) {
      for (const auto& client : clients) client->pump();
      loop.pass();
      if (is_there()) return true;
      pollfd entry{loop.backend_fd(), POLLIN, 0};
      ::poll(&entry, 1, 1);
    }
    return false;
  }
  Told& accept() {
    const std::size_t before = accepted.size();
    REQUIRE(run_until([&] { return accepted.size() > before; }));
    return *accepted.back();
  }
};

BoundSocket any_port(const std::string& host = "127.0.0.1") {
  return BoundSocket::tcp(host, 0, PortSharing::Exclusive);
}

bool has_ipv6() {
  try {
    any_port("::1");
    return true;
  } catch (const Error&) {
    return false;
  }
}

// Over each kind of socket that there is here.
template <class Visit>
void for_each_kind(Visit visit) {
  TemporaryFolder folder;
  for (const std::string kind : {"v4", "v6", "unix"}) {
    if (kind == "v6" && !has_ipv6()) continue;
    INFO(kind);
    Listening listening(kind == "unix" ? BoundSocket::unix_path(folder.path_of("s"))
                                       : any_port(kind == "v4" ? "127.0.0.1" : "::1"));
    visit(listening);
  }
}

std::string message_of(const std::function<void()>& call, ErrorKind kind) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.kind() == kind);
    return error.what();
  }
  FAIL("nothing was thrown");
  return "";
}

TEST_CASE("port 0 is a free port, which is known before anything listens") {
  const BoundSocket first = any_port();
  const BoundSocket second = any_port();
  CHECK(first.address().port() != 0);
  CHECK(first.address().port() != second.address().port());
  CHECK(first.address().host() == "127.0.0.1");
}

TEST_CASE("bytes go both ways, and the end each way") {
  for_each_kind([](Listening& listening) {
    Client& client = listening.connect();
    Told& server = listening.accept();
    client.send("ping");
    CHECK(listening.run_until([&] { return server.data == "ping"; }));
    const std::string_view pieces[] = {"po", "ng"};
    CHECK(server.stream->try_write(pieces) == 4);
    CHECK(listening.run_until([&] { return client.received() == "pong"; }));
    client.end();
    CHECK(listening.run_until([&] { return server.is_ended; }));
    CHECK(!client.is_ended());
    server.stream->shut_write();
    CHECK(listening.run_until([&] { return client.is_ended(); }));
    CHECK(!client.was_reset());
  });
}

std::string numbers(std::size_t size) {
  std::string text(size, ',');
  for (std::size_t i = 0; i + 8 < size; i += 9) std::to_chars(&text[i], &text[i + 8], i);
  return text;
}

TEST_CASE("what the kernel doesn't take at once is written when the peer reads") {
  for_each_kind([](Listening& listening) {
    Client& client = listening.connect();
    Told& server = listening.accept();
    client.stop_taking();
    const std::string content = numbers(20'000'000);
    const std::string_view whole[] = {content};
    const std::ptrdiff_t taken = server.stream->try_write(whole);
    REQUIRE(taken > 0);
    REQUIRE(static_cast<std::size_t>(taken) < content.size());
    const std::string_view rest[] = {std::string_view(content).substr(static_cast<std::size_t>(taken))};
    server.stream->write(rest);
    CHECK(server.stream->unwritten() > 0);
    CHECK(server.stream->try_write(whole) == 0);  // in order: nothing overtakes
    client.go_on_taking();
    CHECK(listening.run_until([&] { return server.writes_done == 1; }));
    CHECK(server.write_error == 0);
    CHECK(server.stream->unwritten() == 0);
    CHECK(listening.run_until([&] { return client.received().size() == content.size(); }));
    CHECK((client.received() == content));
  });
}

TEST_CASE("reading can be held up") {
  for_each_kind([](Listening& listening) {
    Client& client = listening.connect();
    Told& server = listening.accept();
    server.stream->stop_reading();
    client.send("ping");
    for (int i = 0; i < 20; ++i) listening.loop.pass();
    CHECK(server.data.empty());
    server.stream->start_reading();
    CHECK(listening.run_until([&] { return server.data == "ping"; }));
  });
}

TEST_CASE("a stream that dies closes, or resets when it was told to") {
  for_each_kind([](Listening& listening) {
    for (const bool resets : {false, true}) {
      Client& client = listening.connect();
      Told& server = listening.accept();
      if (resets) server.stream->reset_on_close();
      server.stream.reset();
      CHECK(listening.run_until([&] { return client.is_ended(); }));
      CHECK(client.was_reset() == (resets && !listening.listener->address().is_unix()));
    }
  });
}

TEST_CASE("a stream may die while it writes, and inside of its own callback") {
  for_each_kind([](Listening& listening) {
    Client& client = listening.connect();
    Told& writing = listening.accept();
    client.stop_taking();
    const std::string content(20'000'000, 'x');
    const std::string_view pieces[] = {content};
    writing.stream->write(pieces);
    listening.loop.pass();
    writing.stream.reset();
    listening.loop.pass();
    CHECK(writing.writes_done == 0);  // no callback comes afterwards

    struct Dying final : StreamHandler {
      std::unique_ptr<Stream> stream;
      int calls = 0;
      void on_data(std::span<char>) override {
        ++calls;
        stream.reset();
      }
      void on_end() override { ++calls; }
      void on_error(int) override { ++calls; }
      void on_write_done(int) override { ++calls; }
    } dying;
    Client& second = listening.connect();
    dying.stream = std::move(listening.accept().stream);
    dying.stream->set_handler(&dying);
    second.send("x");
    CHECK(listening.run_until([&] { return second.is_ended(); }));
    CHECK(dying.calls == 1);
  });
}

TEST_CASE("a reset by the peer is told as an error") {
  Listening listening(any_port());
  Client& client = listening.connect();
  Told& server = listening.accept();
  client.reset();
  CHECK(listening.run_until([&] { return server.error != 0; }));
  CHECK(server.error == ECONNRESET);
  CHECK(!server.is_ended);
  const std::string_view pieces[] = {"x"};
  CHECK(server.stream->try_write(pieces) < 0);
}

TEST_CASE("both ends of a connection have addresses") {
  for_each_kind([](Listening& listening) {
    listening.connect();
    Told& server = listening.accept();
    const Address& bound = listening.listener->address();
    CHECK(server.stream->local_address().to_string() == bound.to_string());
    CHECK(server.stream->peer_address().family() == bound.family());
    if (!bound.is_unix()) CHECK(server.stream->peer_address().host() == bound.host());
  });
}

// --- what can go wrong ---------------------------------------------------------------------------------------------

TEST_CASE("a port that is taken is an error that names it, and is free again afterwards") {
  auto listening = std::make_unique<Listening>(any_port());
  const Address address = listening->listener->address();
  const std::string message = message_of([&] { BoundSocket::tcp(address, PortSharing::Exclusive); }, ErrorKind::Bind);
  CHECK(message.find(address.to_string()) != std::string::npos);
  CHECK(message.find("another server has it") != std::string::npos);
  listening.reset();
  CHECK(BoundSocket::tcp(address, PortSharing::Exclusive).address().port() == address.port());
}

TEST_CASE("of two that are bound to a port before either listens, the later one is told when it listens") {
  loop::Loop loop;
  const auto ignore = [](std::unique_ptr<Stream>) {};
  BoundSocket bound = any_port();
  const Address address = bound.address();
  Listener first(loop, std::move(bound), ignore);
  Listener second(loop, BoundSocket::tcp(address, PortSharing::Exclusive), ignore);
  first.start(16);
  const std::string message = message_of([&] { second.start(16); }, ErrorKind::Bind);
  CHECK(message.find(address.to_string()) != std::string::npos);
}

TEST_CASE("out of descriptors, connections wait until there are some again, and it is told once") {
  loop::Loop loop;
  std::vector<std::unique_ptr<Stream>> streams;
  std::vector<int> told;
  Listener listener(
      loop, BoundSocket::tcp("127.0.0.1", 0, PortSharing::Exclusive),
      [&](std::unique_ptr<Stream> stream) { streams.push_back(std::move(stream)); },
      [&](int code) { told.push_back(code); });
  listener.start(16);
  std::vector<std::unique_ptr<testing::Client>> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(testing::connect_socket(listener.address()));
  std::vector<int> fillers;
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit low{256, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &low);
  for (int fd = ::open("/dev/null", O_RDONLY); fd >= 0; fd = ::open("/dev/null", O_RDONLY)) fillers.push_back(fd);
  int passes = 0;
  while (told.empty() && ++passes < 1000) loop.pass();
  for (int i = 0; i < 100; ++i) loop.pass();
  CHECK(told == std::vector<int>{EMFILE});
  CHECK(streams.empty());
  for (const int fd : fillers) ::close(fd);
  ::setrlimit(RLIMIT_NOFILE, &before);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (streams.size() < 3 && std::chrono::steady_clock::now() < end) loop.pass();
  CHECK(streams.size() == 3);
  CHECK(told.size() == 1);
}

TEST_CASE("a shared port is served by several") {
  const BoundSocket first = BoundSocket::tcp("127.0.0.1", 0, PortSharing::Shared);
  Listening one(BoundSocket::tcp(first.address(), PortSharing::Shared));
  Listening two(BoundSocket::tcp(first.address(), PortSharing::Shared));
  CHECK(one.listener->address().port() == two.listener->address().port());
}

TEST_CASE("an address that isn't of this machine, and a path that can't be, are errors that name them") {
  CHECK(message_of([] { BoundSocket::tcp("192.0.2.1", 0, PortSharing::Exclusive); }, ErrorKind::Bind)
            .find("192.0.2.1") != std::string::npos);
  CHECK(message_of([] { BoundSocket::unix_path("/no such folder/s"); }, ErrorKind::Bind).find("/no such folder/s") !=
        std::string::npos);
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

TEST_CASE("a Unix socket's file is there as long as its server, and one that is dead is replaced") {
  TemporaryFolder folder;
  const std::string path = folder.path_of("s");
  {
    // A dead server leaves its file behind.
    const Address address = Address::unix_path(path);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    REQUIRE(::bind(fd, address.raw(), address.length()) == 0);
    ::close(fd);
  }
  REQUIRE(exists(path));
  {
    Listening listening(BoundSocket::unix_path(path));
    Client& client = listening.connect();
    listening.accept();
    CHECK(!client.is_ended());
    // The living one isn't replaced.
    CHECK(message_of([&] { BoundSocket::unix_path(path); }, ErrorKind::Bind).find(path) != std::string::npos);
    CHECK(exists(path));
  }
  CHECK(!exists(path));
  {
    auto first = std::make_unique<BoundSocket>(BoundSocket::unix_path(path));
    ::unlink(path.c_str());
    const BoundSocket second = BoundSocket::unix_path(path);
    first.reset();
    CHECK(exists(path));  // it is the second one's by now
  }
  CHECK(!exists(path));
}

TEST_CASE("a file that is no socket is never replaced") {
  TemporaryFolder folder;
  const std::string path = folder.path_of("precious");
  ::close(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  const std::string message = message_of([&] { BoundSocket::unix_path(path); }, ErrorKind::Bind);
  CHECK(message.find("no socket") != std::string::npos);
  CHECK(message.find("port") == std::string::npos);
  CHECK(exists(path));
}

TEST_CASE("a socket that the caller bound is served, and stays the caller's") {
  BoundSocket mine = any_port();
  {
    Listening listening(BoundSocket::adopt(mine.fd()));
    CHECK(listening.listener->address().port() == mine.address().port());
    listening.connect();
    listening.accept();
  }
  CHECK(Address::of_socket(mine.fd()).port() == mine.address().port());
}

TEST_CASE("an adopted Unix socket's file is the caller's, too") {
  TemporaryFolder folder;
  const BoundSocket mine = BoundSocket::unix_path(folder.path_of("s"));
  {
    Listening listening(BoundSocket::adopt(mine.fd()));
    listening.connect();
    listening.accept();
  }
  CHECK(exists(mine.address().host()));
}

TEST_CASE("a descriptor that can't be served is refused with its number") {
  CHECK(message_of([] { BoundSocket::adopt(-1); }, ErrorKind::Bind).find("descriptor -1") != std::string::npos);
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  message_of([&] { BoundSocket::adopt(pipe[0]); }, ErrorKind::Bind);
  const int datagram = ::socket(AF_INET, SOCK_DGRAM, 0);
  CHECK(message_of([&] { BoundSocket::adopt(datagram); }, ErrorKind::Bind).find("not a stream socket") !=
        std::string::npos);
  for (const int family : {AF_UNIX, AF_INET}) {
    const int unbound = ::socket(family, SOCK_STREAM, 0);
    CHECK(message_of([&] { BoundSocket::adopt(unbound); }, ErrorKind::Bind).find("bind it first") !=
          std::string::npos);
    ::close(unbound);
  }
  for (const int fd : {pipe[0], pipe[1], datagram}) ::close(fd);
}

TEST_CASE("a socket that was moved isn't closed twice") {
  BoundSocket first = any_port();
  const int fd = first.fd();
  BoundSocket second = std::move(first);
  CHECK(second.fd() == fd);
  CHECK(first.fd() == -1);  // NOLINT: a moved-from socket is none
  first = std::move(second);
  CHECK(first.fd() == fd);
  CHECK(::fcntl(fd, F_GETFD) >= 0);
}

}  // namespace
}  // namespace outrider::net
