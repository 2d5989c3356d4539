// SPDX-License-Identifier: MIT
// A PROXY header comes to the same end however it is cut and whatever follows, takes no more than it says, and one
// that is made for two addresses names them. Through a proxied stream the owner gets what follows, and nothing else.
//
// Input: a byte that chooses, three lengths of fragments, then what the proxy sends, or what a valid header is made
// of.

#include "net/proxy_protocol.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "loop/loop.h"
#include "net/proxied_stream.h"
#include "support.h"
#include "testing/memory_stream.h"
#include "testing/proxy_header.h"

namespace outrider::fuzz {
namespace {

using Parsed = Result<std::optional<net::ProxyHeader>, net::ProxyFault>;

// From memory of that very size, so that the sanitizer sees what is read beyond it.
Parsed parse(std::string_view bytes) {
  const std::unique_ptr<char[]> copy(new char[bytes.size()]);
  std::copy(bytes.begin(), bytes.end(), copy.get());
  return net::parse_proxy_header({copy.get(), bytes.size()});
}

bool same(const net::ProxyHeader& a, const net::ProxyHeader& b) {
  return a.client == b.client && a.size == b.size && a.source.to_string() == b.source.to_string() &&
         a.destination.to_string() == b.destination.to_string();
}

void check_header(std::string_view bytes, const net::ProxyHeader& header) {
  const bool is_line = bytes.starts_with("PROXY ");
  check(header.size >= (is_line ? 15 : 16) && header.size <= bytes.size(), "a header is within what came");
  check(header.size <= (is_line ? 107 : net::kProxyHeaderBytesMax), "a header is bounded");
  if (is_line) check(bytes.substr(0, header.size).ends_with("\r\n"), "a line ends in CRLF");
  const bool is_named = header.client == net::ProxyHeader::Client::Named;
  check(is_named == (header.source.family() != AF_UNSPEC), "a named client has an address");
  check(header.source.family() == header.destination.family(), "both ends are of a family");
  const Parsed alone = parse(bytes.substr(0, header.size));
  check(alone && alone.value().has_value() && same(*alone.value(), header), "what follows a header changes nothing");
}

// The prefixes up to the first with a verdict and a few behind it: the verdict is the whole's, and isn't withdrawn.
void check_prefixes(std::string_view bytes, const Parsed& whole) {
  constexpr int kBehind = 4;
  int decided = 0;
  for (std::size_t size = 0; size <= bytes.size() && decided < kBehind; ++size) {
    const Parsed partial = parse(bytes.substr(0, size));
    const bool decides = !partial || partial.value().has_value();
    check(decided == 0 || decides, "a verdict isn't withdrawn");
    if (!decides) continue;
    ++decided;
    check(bool(partial) == bool(whole), "a part and the whole come to the same");
    if (!partial) check(partial.error() == whole.error(), "a fault is the same with more bytes");
    if (partial) check(same(*partial.value(), *whole.value()), "a header is the same with more bytes");
  }
  const bool has_verdict = !whole || whole.value().has_value();
  check((decided > 0) == has_verdict, "a verdict comes at some byte");
}

struct Owner final : net::StreamHandler {
  void on_data(std::span<char> bytes) override { data.append(bytes.data(), bytes.size()); }
  void on_end() override { is_ended = true; }
  void on_error(int) override { has_error = true; }
  void on_write_done(int) override {}

  std::string data;
  bool is_ended = false;
  bool has_error = false;
};

void check_stream(const Fragments& fragments, std::string_view bytes, const Parsed& whole) {
  static loop::Loop loop;  // making one takes longer than all the rest
  static loop::DeadlineWheel deadlines(loop);
  net::ProxyReception reception{deadlines, 0, {}};
  testing::MemoryClient client(loop);
  Owner owner;
  net::ProxiedStream stream(client.take_stream(), reception);
  stream.set_handler(&owner);
  stream.start_reading();
  for (const std::string_view fragment : fragments) client.send(fragment);
  client.end();
  for (int quiet = 0; quiet < 3;) quiet = loop.pass().count() == 0 ? 0 : quiet + 1;
  check(owner.has_error == !whole, "a fault is an error");
  check(owner.is_ended == bool(whole), "what is no fault comes to its end");
  const bool is_complete = whole && whole.value().has_value();
  const std::string_view rest = is_complete ? bytes.substr(whole.value()->size) : std::string_view();
  check(owner.data == rest, "the owner gets what follows the header, and nothing else");
}

// A header that a proxy could send, of whatever the input has.
std::string make_header(Input& input) {
  const auto address = [&](bool is_ipv4) {
    std::array<uint8_t, 16> bytes{};
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(input.byte());
    const auto port = static_cast<uint16_t>(input.byte() << 8 | input.byte());
    return is_ipv4 ? net::Address::ipv4(std::span(bytes).first<4>(), port) : net::Address::ipv6(bytes, port);
  };
  const std::size_t kind = input.byte();
  const bool is_ipv4 = kind % 2 == 0;
  const net::Address source = address(is_ipv4);
  const net::Address destination = address(is_ipv4);
  std::string header;
  if (kind / 2 % 2 == 0) {
    header = "PROXY " + std::string(is_ipv4 ? "TCP4 " : "TCP6 ") + source.host() + " " + destination.host() + " " +
             std::to_string(source.port()) + " " + std::to_string(destination.port()) + "\r\n";
  } else {
    std::string extensions;
    for (std::size_t count = input.byte() % 4; count > 0; --count) {
      const int type = static_cast<int>(input.byte());
      extensions += testing::extension(type == 3 ? 4 : type, input.text());
    }
    header = testing::binary_header(source, destination, extensions);
  }
  const Parsed parsed = parse(header);
  check(parsed && parsed.value().has_value(), "a valid header is accepted");
  check(parsed.value()->size == header.size(), "all of it");
  check(parsed.value()->source.to_string() == source.to_string(), "its source is what it was made of");
  check(parsed.value()->destination.to_string() == destination.to_string(), "and so is its destination");
  return header;
}

}  // namespace
}  // namespace outrider::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace outrider::fuzz;
  Input input(data, size);
  const std::size_t choice = input.byte();
  const Cut cut(input);
  std::string bytes;
  if (choice % 4 == 1) bytes = make_header(input);
  bytes += input.rest();
  const Parsed whole = parse(bytes);
  check_prefixes(bytes, whole);
  if (whole && whole.value().has_value()) check_header(bytes, *whole.value());
  check_stream(cut.of(bytes), bytes, whole);
  return 0;
}
