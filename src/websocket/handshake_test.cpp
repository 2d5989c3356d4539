// SPDX-License-Identifier: MIT
#include "websocket/handshake.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

namespace outrider::websocket {
namespace {

using FieldList = std::vector<std::pair<std::string, std::string>>;

const FieldList kGood = {{"sec-websocket-version", "13"}, {"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="}};

void fill_head(http::RequestHead& head, const FieldList& fields, const std::string& method = "GET") {
  const auto add = [&](const std::string& text) {
    const http::Span span{static_cast<uint32_t>(head.storage().size()), static_cast<uint32_t>(text.size())};
    head.storage().append(text);
    return span;
  };
  head.recycle();
  head.layout().method = add(method);
  for (const auto& [name, value] : fields) {
    const http::Span name_span = add(name);
    const http::Span value_span = add(value);
    head.layout().fields.push_back({name_span, value_span});
    if (name == "upgrade") head.layout().upgrade = value_span;
  }
}

// "fine", or the fault's sentence.
std::string verdict(FieldList fields, const std::string& method = "GET") {
  http::RequestHead head;
  fill_head(head, fields, method);
  const auto handshake = read_handshake(head);
  return handshake ? "fine" : std::string(sentence(handshake.error()));
}

std::string verdict_with(const FieldList& further) {
  FieldList fields = kGood;
  fields.insert(fields.end(), further.begin(), further.end());
  return verdict(fields);
}

std::string key_verdict(const std::string& key) {
  return verdict({{"sec-websocket-version", "13"}, {"sec-websocket-key", key}});
}

TEST_CASE("the accept value is that of RFC 6455 §1.3") {
  CHECK(accept_value("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_CASE("a request asks for a WebSocket when its Upgrade field says so") {
  http::RequestHead head;
  for (const std::string value : {"websocket", "WebSocket", "h2c, websocket", "websocket ,x"}) {
    fill_head(head, {{"upgrade", value}});
    CHECK(is_websocket_request(head));
  }
  for (const std::string value : {"", "h2c", "websocket2", "websocket/13"}) {
    fill_head(head, {{"upgrade", value}});
    CHECK_FALSE(is_websocket_request(head));
  }
}

TEST_CASE("a right handshake is taken, and each mistake is told") {
  CHECK(verdict(kGood) == "fine");
  CHECK(verdict(kGood, "POST") == "a WebSocket is opened with GET");
  CHECK(verdict({kGood[1]}) == "Sec-WebSocket-Version is missing");
  for (const std::string version : {"8", "12", "14", "", "13, 8", "013"}) {
    CHECK(verdict({{"sec-websocket-version", version}, kGood[1]}) ==
          "the only Sec-WebSocket-Version supported is 13");
  }
  CHECK(verdict({kGood[0], kGood[0], kGood[1]}) == "the only Sec-WebSocket-Version supported is 13");
  CHECK(verdict({kGood[0]}) == "Sec-WebSocket-Key is missing");
  CHECK(verdict({kGood[0], kGood[1], kGood[1]}) == sentence(HandshakeFault::KeyInvalid));
}

TEST_CASE("a key is 16 bytes in base64") {
  CHECK(key_verdict("AAAAAAAAAAAAAAAAAAAAAA==") == "fine");
  CHECK(key_verdict("+/+/+/+/+/+/+/+/+/+/+/==") == "fine");
  for (const std::string key :
       {"", "AAAA", "AAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAA===", "AAAAAAAAAAA*AAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAA==AA=="}) {
    CHECK(key_verdict(key) == sentence(HandshakeFault::KeyInvalid));
  }
}

TEST_CASE("subprotocols are listed in the client's order") {
  http::RequestHead head;
  fill_head(head,
            {kGood[0], kGood[1], {"sec-websocket-protocol", "chat, superchat"}, {"sec-websocket-protocol", "x"}});
  const auto handshake = read_handshake(head);
  REQUIRE(handshake);
  CHECK(handshake.value().subprotocols == std::vector<std::string_view>{"chat", "superchat", "x"});
  CHECK(handshake.value().key == kGood[1].second);
  CHECK(verdict_with({{"sec-websocket-protocol", "a b"}}) == "Sec-WebSocket-Protocol is not a list of tokens");
  CHECK(verdict_with({{"sec-websocket-protocol", "a, b/c"}}) == "Sec-WebSocket-Protocol is not a list of tokens");
}

TEST_CASE("offers of compression are read, and a list that is none is a fault") {
  http::RequestHead head;
  fill_head(head, {kGood[0],
                   kGood[1],
                   {"sec-websocket-extensions", "x-other; a=1, permessage-deflate; server_max_window_bits=10"},
                   {"sec-websocket-extensions", "permessage-deflate"}});
  const auto handshake = read_handshake(head);
  REQUIRE(handshake);
  REQUIRE(handshake.value().deflate_offers.size() == 2);
  CHECK(handshake.value().deflate_offers[0].server_max_window_bits == 10);
  CHECK(verdict_with({{"sec-websocket-extensions", "a; ="}}) == sentence(HandshakeFault::ExtensionInvalid));
}

TEST_CASE("every fault of a handshake has a sentence") {
  for (int i = 0; i <= static_cast<int>(HandshakeFault::ExtensionInvalid); ++i) {
    CHECK_FALSE(sentence(static_cast<HandshakeFault>(i)).empty());
  }
}

}  // namespace
}  // namespace outrider::websocket
