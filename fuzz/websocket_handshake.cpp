// SPDX-License-Identifier: MIT
// What a handshake's fields say: subprotocols are tokens of the request, and what is agreed upon of compression is
// what the client offered, within what the server wants, and reads as an offer again.
//
// Input: a byte of choices, two of windows, then five texts: version, key, two of subprotocols and of extensions.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "support.h"
#include "websocket/handshake.h"

namespace outrider::fuzz {
namespace {

void fill(http::RequestHead& head, const std::vector<std::pair<std::string, std::string>>& fields) {
  const auto add = [&](std::string_view text) {
    const http::Span span{static_cast<uint32_t>(head.storage().size()), static_cast<uint32_t>(text.size())};
    head.storage().append(text);
    return span;
  };
  head.layout().method = add("GET");
  for (const auto& [name, value] : fields) {
    const http::Span name_span = add(name);
    head.layout().fields.push_back({name_span, add(value)});
  }
}

void check_agreement(const WebSocketDeflate& config, const std::vector<websocket::DeflateOffer>& offers) {
  const auto agreement = websocket::agree(config, offers);
  check(bool(agreement) ==
            std::any_of(offers.begin(), offers.end(), [](const auto& o) { return o.server_max_window_bits >= 9; }),
        "there is an agreement if an offer can be kept");
  if (!agreement) return;
  check(agreement->server_window_bits >= 9 && agreement->server_window_bits <= config.server_max_window_bits,
        "the server's window is one that it wants");
  check(agreement->client_window_bits >= 8 && agreement->client_window_bits <= 15, "the client's window is one");
  std::vector<websocket::DeflateOffer> read;
  check(websocket::read_deflate_offers(agreement->field, read) && read.size() == 1, "the answer is a list of one");
  check(read[0].server_max_window_bits == agreement->server_window_bits, "it says the server's window");
  check(read[0].client_max_window_bits == agreement->client_window_bits, "and the client's");
  check(read[0].server_no_context_takeover == agreement->server_no_context_takeover, "and the server's context");
  check(read[0].client_no_context_takeover == agreement->client_no_context_takeover, "and the client's");
  const bool was_offered =
      std::any_of(offers.begin(), offers.end(), [](const auto& o) { return o.takes_client_max_window_bits; });
  check(was_offered || !read[0].takes_client_max_window_bits,
        "the client's window is limited only if that was offered");
}

}  // namespace
}  // namespace outrider::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace outrider;
  fuzz::Input input(data, size);
  const std::size_t choices = input.byte();
  WebSocketDeflate config;
  config.server_max_window_bits = 9 + static_cast<int>(input.byte() % 7);
  config.client_max_window_bits = 9 + static_cast<int>(input.byte() % 7);
  config.server_no_context_takeover = (choices & 1) != 0;
  config.client_no_context_takeover = (choices & 2) != 0;
  const auto value = [&input] {
    std::string text(input.text());
    for (char& c : text) c = ascii::is_field_byte(c) ? c : ' ';
    return std::string(ascii::trim(text));
  };
  const std::string version = (choices & 4) != 0 ? "13" : value();
  const std::string key = (choices & 8) != 0 ? "dGhlIHNhbXBsZSBub25jZQ==" : value();
  http::RequestHead head;
  fuzz::fill(head, {{"sec-websocket-version", version},
                    {"sec-websocket-key", key},
                    {"sec-websocket-protocol", value()},
                    {"sec-websocket-extensions", value()},
                    {"sec-websocket-extensions", value()}});
  const auto handshake = websocket::read_handshake(head);
  if (!handshake) {
    fuzz::check(!websocket::sentence(handshake.error()).empty(), "a fault has a sentence");
    return 0;
  }
  fuzz::check(version == "13", "the version is ours");
  fuzz::check(key.size() == 24 && key.ends_with("=="), "a key has 16 bytes");
  fuzz::check(websocket::accept_value(key).size() == 28, "a digest has 20");
  for (const std::string_view protocol : handshake.value().subprotocols) {
    fuzz::check(ascii::is_token(protocol), "a subprotocol is a token");
  }
  fuzz::check_agreement(config, handshake.value().deflate_offers);
  return 0;
}
