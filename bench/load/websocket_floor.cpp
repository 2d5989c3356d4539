// SPDX-License-Identifier: MIT
// The floor of a WebSocket's echo: what the kernel costs, and the mask. One thread, one epoll; a message is received
// where it is sent from, nothing of it is validated, and the client must wait for each echo. Usage: websocket_floor
// PORT

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "epoll_loop.h"

namespace {

// The answer to the load client's key, which is always the same one.
constexpr std::string_view kAccepted =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
constexpr std::string_view kReady = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
constexpr std::size_t kMaskBytes = 4;
constexpr std::size_t kHeadMax = 14;
constexpr std::size_t kFirstBytes = 64 * 1024;

struct Peer {
  std::vector<char> bytes = std::vector<char>(kFirstBytes);
  std::size_t received = 0;
  std::string_view unsent;  // of the echo, in `bytes`
  bool is_open = false;
};

struct Frame {
  std::size_t head = 0;  // without the mask
  std::size_t payload = 0;

  std::size_t size() const { return head + kMaskBytes + payload; }
};

Frame read_head(const Peer& peer) {
  const auto at = [&peer](std::size_t index) { return static_cast<uint8_t>(peer.bytes[index]); };
  const std::size_t extra = at(1) == 0xff ? 8 : at(1) == 0xfe ? 2 : 0;
  Frame frame{.head = 2 + extra, .payload = extra == 0 ? at(1) & 0x7fU : 0};
  for (std::size_t index = 0; index < extra; ++index) frame.payload = frame.payload << 8 | at(2 + index);
  return frame;
}

// The server's head has the client's length, and goes where the mask was.
void make_echo(Peer& peer, const Frame& frame) {
  char* payload = peer.bytes.data() + frame.head + kMaskBytes;
  uint64_t mask = 0;
  std::memcpy(&mask, payload - kMaskBytes, kMaskBytes);
  mask |= mask << 32;
  std::size_t at = 0;
  for (; at + sizeof mask <= frame.payload; at += sizeof mask) {
    uint64_t word;
    std::memcpy(&word, payload + at, sizeof word);
    word ^= mask;
    std::memcpy(payload + at, &word, sizeof word);
  }
  for (; at < frame.payload; ++at) payload[at] = static_cast<char>(payload[at] ^ (mask >> (at % 4 * 8)));
  char* head = peer.bytes.data() + kMaskBytes;
  std::memmove(head, peer.bytes.data(), frame.head);
  head[1] = static_cast<char>(head[1] & 0x7f);
  peer.unsent = {head, frame.head + frame.payload};
}

struct Floor {
  bench::EpollLoop loop;
  std::unordered_map<int, std::unique_ptr<Peer>> peers;

  void drop(int fd) {
    peers.erase(fd);
    close(fd);
  }

  void answer_head(int fd, Peer& peer) {
    const std::string_view head(peer.bytes.data(), peer.received);
    if (!head.ends_with("\r\n\r\n")) return;
    peer.is_open = head.find("Sec-WebSocket-Key") != head.npos;
    const std::string_view answer = peer.is_open ? kAccepted : kReady;
    peer.received = 0;
    if (send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) drop(fd);
  }

  // True when all of it has left.
  bool send_echo(int fd, Peer& peer) {
    const auto sent = send(fd, peer.unsent.data(), peer.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) peer.unsent = {};  // what is wrong shows when it is read from
    if (sent > 0) peer.unsent.remove_prefix(static_cast<std::size_t>(sent));
    if (peer.unsent.empty()) peer.received = 0;
    return peer.unsent.empty();
  }

  void serve(int fd) {
    Peer& peer = *peers[fd];
    if (!peer.unsent.empty()) {
      if (send_echo(fd, peer)) loop.wait_for(fd, EPOLLIN);
      return;
    }
    const auto size = recv(fd, peer.bytes.data() + peer.received, peer.bytes.size() - peer.received, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return drop(fd);
    peer.received += static_cast<std::size_t>(size);
    if (!peer.is_open) return answer_head(fd, peer);
    if (peer.received < kHeadMax) return;  // no message is as short
    const Frame frame = read_head(peer);
    if (peer.bytes.size() < frame.size()) peer.bytes.resize(frame.size());
    if (peer.received < frame.size()) return;
    make_echo(peer, frame);
    if (!send_echo(fd, peer)) loop.wait_for(fd, EPOLLOUT);
  }

  void run() {
    loop.run([this](int fd) { peers[fd] = std::make_unique<Peer>(); }, [this](int fd) { serve(fd); });
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: websocket_floor PORT\n"), 2;
  Floor floor;
  if (!floor.loop.listen("websocket_floor", std::atoi(argv[1]))) return 1;
  floor.run();
}
