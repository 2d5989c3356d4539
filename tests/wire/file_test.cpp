// SPDX-License-Identifier: MIT
// Responses that are files: their bytes go from the file to the socket, or through memory where that can't be.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "routes.h"

namespace outrider::testing {
namespace {

using http::More;
using http::ResponseFault;

const std::string kGet = "GET /later HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string kNext = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

// A file whose content says where each of its bytes belongs.
class File {
 public:
  explicit File(std::size_t size) : path_(folder_.path_of("file")) {
    while (content.size() < size) content += std::to_string(content.size()) + " ";
    content.resize(size);
    std::ofstream(path_) << content;
  }

  net::FilePart part(uint64_t offset, uint64_t size) const {
    return {::open(path_.c_str(), O_RDONLY | O_CLOEXEC), offset, size};
  }
  net::FilePart whole() const { return part(0, content.size()); }
  void truncate() const { CHECK(::truncate(path_.c_str(), 0) == 0); }

  std::string content;

 private:
  TemporaryFolder folder_;
  std::string path_;
};

int descriptor_count() {
  int count = 0;
  for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

struct RoutedServer : Server {
  explicit RoutedServer(Transport transport = Transport::Memory, const Limits& limits = {})
      : Server(limits, transport) {
    add_routes(application());
  }
  Recorded& ask(Client& client, const std::string& request) {
    client.send(request);
    const std::size_t before = application().count();
    CHECK(run_until([&] { return application().count() > before; }));
    return application().last();
  }
};

TEST_CASE("a file is sent whole, whatever its size, over whatever there is") {
  for (const Transport transport : {Transport::Memory, Transport::Tcp, Transport::Unix}) {
    for (const std::size_t size : {1, 65'535, 65'536, 65'537, 10'000'000}) {
      CAPTURE(static_cast<int>(transport));
      CAPTURE(size);
      const File file(size);
      RoutedServer server(transport);
      Client& client = server.connect();
      Recorded& exchange = server.ask(client, kGet + kNext);
      exchange.begin(200);
      CHECK(exchange.write_file(file.whole(), More::No) == ResponseFault::None);
      CHECK(server.run_until([&] { return client.received().ends_with("hello\n"); }));
      const std::string head = "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(size) + "\r\n\r\n";
      CHECK((client.received().substr(0, head.size() + size) == head + file.content));
    }
  }
}

TEST_CASE("parts of files and other content keep their order") {
  for (const Transport transport : {Transport::Memory, Transport::Tcp}) {
    const File file(300'000);
    RoutedServer server(transport);
    Client& client = server.connect();
    Recorded& exchange = server.ask(client, kGet);
    exchange.begin(200);
    exchange.write("first ", More::Yes);
    exchange.write_file(file.part(100'000, 200'000), More::Yes);
    exchange.write(" then ", More::Yes);
    exchange.write_file(file.part(5, 0), More::Yes);
    exchange.write_file(file.part(7, 3), More::Yes);
    exchange.write(std::string(100'000, 'x'), More::No);
    CHECK(server.run_until([&] { return client.received().ends_with("0\r\n\r\n"); }));
    CHECK((client.received() == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nfirst \r\n30d40\r\n" +
                                    file.content.substr(100'000) + "\r\n6\r\n then \r\n3\r\n" +
                                    file.content.substr(7, 3) + "\r\n186a0\r\n" + std::string(100'000, 'x') +
                                    "\r\n0\r\n\r\n"));
  }
}

TEST_CASE("a file that nobody takes holds its writer up, and is closed when the client goes") {
  const int before = descriptor_count();
  {
    const File file(3'000'000);
    RoutedServer server;
    MemoryClient& client = server.connect_memory();
    client.stop_taking();
    Recorded& exchange = server.ask(client, kGet);
    exchange.begin(200, {{"content-length", "6000000"}});
    exchange.write_file(file.whole(), More::Yes);
    exchange.write_file(file.whole(), More::No);
    CHECK(descriptor_count() > before);
    server.settle();
    client.reset();
    server.settle();
    CHECK(server.engine().connection_count() == 0);
  }
  CHECK(descriptor_count() == before);
}

TEST_CASE("a file that has become shorter cuts the connection") {
  for (const Transport transport : {Transport::Memory, Transport::Tcp}) {
    const File file(20'000'000);
    RoutedServer server(transport);
    Client& client = server.connect();
    client.stop_taking();
    Recorded& exchange = server.ask(client, kGet);
    exchange.begin(200);
    exchange.write_file(file.whole(), More::No);
    server.settle();
    file.truncate();
    client.go_on_taking();
    CHECK(server.run_until([&] { return client.is_ended(); }));
    CHECK(client.received().size() < file.content.size());
    CHECK(server.engine().connection_count() == 0);
  }
}

TEST_CASE("a file isn't sent where there is no content, and is closed") {
  const int before = descriptor_count();
  {
    const File file(1000);
    RoutedServer server;
    MemoryClient& client = server.connect_memory();
    Recorded& head = server.ask(client, "HEAD /later HTTP/1.1\r\nHost: a\r\n\r\n");
    head.begin(200);
    head.write_file(file.whole(), More::No);
    Recorded& wrong = server.ask(client, kGet);
    wrong.begin(200, {{"content-length", "999"}});
    CHECK(wrong.write_file(file.whole(), More::No) == ResponseFault::BodyTooLong);
    CHECK(wrong.is_open());
    wrong.write_file(file.part(1, 999), More::No);
    server.settle();
    CHECK((client.received() == "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nHTTP/1.1 200 OK\r\n"
                                "content-length: 999\r\n\r\n" +
                                    file.content.substr(1)));
  }
  CHECK(descriptor_count() == before);
}

}  // namespace
}  // namespace outrider::testing
