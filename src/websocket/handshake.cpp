// SPDX-License-Identifier: MIT
#include "websocket/handshake.h"

#include <optional>

#include "base/ascii.h"
#include "base/check.h"
#include "base/sha1.h"
#include "http/exchange.h"

namespace outrider::websocket {
namespace {

constexpr std::string_view kVersion = "13";

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// RFC 6455 §4.2.1: base64 that decodes to 16 bytes. The four bits too many of its last digit are let be, as decoders
// do: clients that make a key of random digits don't know of them.
bool is_valid_key(std::string_view key) {
  constexpr std::size_t kDigits = 22;
  if (key.size() != kDigits + 2 || key.substr(kDigits) != "==") return false;
  return key.find_first_not_of(kBase64) == kDigits;
}

std::string base64(std::string_view bytes) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view group = bytes.substr(at, 3);
    uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) bits = bits << 8 | (i < group.size() ? static_cast<uint8_t>(group[i]) : 0);
    for (std::size_t i = 0; i < 4; ++i) text += i <= group.size() ? kBase64[(bits >> (18 - 6 * i)) & 63] : '=';
  }
  return text;
}

// The only field of that name: its data() is null when there is none, or several.
struct Single {
  std::string_view value;
  std::size_t count = 0;
};

Single find_single(const http::RequestHead& head, std::string_view name) {
  Single single;
  for (std::size_t i = 0; i < head.field_count(); ++i) {
    const http::Field field = head.field(i);
    if (field.name != name) continue;
    single.value = field.value;
    ++single.count;
  }
  return single;
}

std::optional<HandshakeFault> check_version(const http::RequestHead& head) {
  const Single version = find_single(head, "sec-websocket-version");
  if (version.count == 0) return HandshakeFault::VersionMissing;
  if (version.count > 1 || version.value != kVersion) return HandshakeFault::VersionUnsupported;
  return std::nullopt;
}

std::optional<HandshakeFault> check_key(const http::RequestHead& head) {
  const Single key = find_single(head, "sec-websocket-key");
  if (key.count == 0) return HandshakeFault::KeyMissing;
  if (key.count > 1 || !is_valid_key(key.value)) return HandshakeFault::KeyInvalid;
  return std::nullopt;
}

// RFC 6455 §4.1 step 10: tokens, in one field or in several.
std::optional<HandshakeFault> find_subprotocols(const http::RequestHead& head, Handshake& handshake) {
  bool are_tokens = true;
  for (std::size_t i = 0; i < head.field_count(); ++i) {
    const http::Field field = head.field(i);
    if (field.name != "sec-websocket-protocol") continue;
    ascii::for_each_element(field.value, [&](std::string_view element) {
      are_tokens = are_tokens && ascii::is_token(element);
      handshake.subprotocols.push_back(element);
    });
  }
  if (!are_tokens) return HandshakeFault::SubprotocolInvalid;
  return std::nullopt;
}

// RFC 6455 §9.1: in one field or in several.
std::optional<HandshakeFault> find_extensions(const http::RequestHead& head, Handshake& handshake) {
  for (std::size_t i = 0; i < head.field_count(); ++i) {
    const http::Field field = head.field(i);
    if (field.name != "sec-websocket-extensions") continue;
    if (!read_deflate_offers(field.value, handshake.deflate_offers)) return HandshakeFault::ExtensionInvalid;
  }
  return std::nullopt;
}

}  // namespace

std::string_view sentence(HandshakeFault fault) {
  switch (fault) {
    case HandshakeFault::MethodNotGet:
      return "a WebSocket is opened with GET";
    case HandshakeFault::VersionMissing:
      return "Sec-WebSocket-Version is missing";
    case HandshakeFault::VersionUnsupported:
      return "the only Sec-WebSocket-Version supported is 13";
    case HandshakeFault::KeyMissing:
      return "Sec-WebSocket-Key is missing";
    case HandshakeFault::KeyInvalid:
      return "Sec-WebSocket-Key is not 16 bytes in base64, or was sent twice";
    case HandshakeFault::SubprotocolInvalid:
      return "Sec-WebSocket-Protocol is not a list of tokens";
    case HandshakeFault::ExtensionInvalid:
      return "Sec-WebSocket-Extensions is not a list of extensions";
  }
  OUTRIDER_CHECK(false);
  return {};
}

bool is_websocket_request(const http::RequestHead& head) {
  bool is_asked_for = false;
  ascii::for_each_element(head.upgrade(), [&](std::string_view protocol) {
    is_asked_for = is_asked_for || ascii::equals_ignore_case(protocol, "websocket");
  });
  return is_asked_for;
}

// RFC 6455 §4.2.1. Upgrade, Connection, Host and the version of HTTP were looked at before: is_websocket_request().
Result<Handshake, HandshakeFault> read_handshake(const http::RequestHead& head) {
  if (head.method() != "GET") return HandshakeFault::MethodNotGet;
  if (const auto fault = check_version(head)) return *fault;
  if (const auto fault = check_key(head)) return *fault;
  Handshake handshake;
  handshake.key = head.find("sec-websocket-key");
  if (const auto fault = find_subprotocols(head, handshake)) return *fault;
  if (const auto fault = find_extensions(head, handshake)) return *fault;
  return handshake;
}

void refuse(http::Exchange& exchange, HandshakeFault fault) {
  const bool is_version = fault == HandshakeFault::VersionUnsupported;
  exchange.begin_head(is_version ? 426 : 400);
  exchange.add_field("content-type", "text/plain; charset=utf-8");
  if (is_version) {
    exchange.add_field("sec-websocket-version", kVersion);  // RFC 6455 §4.4
    exchange.add_field("upgrade", "websocket");             // RFC 9110 §15.5.22
  }
  const std::string content = std::string(sentence(fault)) + "\n";
  exchange.write({content, nullptr, nullptr}, http::More::No);
}

std::string accept_value(std::string_view key) {
  const std::array<uint8_t, 20> digest = sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  return base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace outrider::websocket
