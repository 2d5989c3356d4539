// SPDX-License-Identifier: MIT
#include "websocket_handshake.h"

#include <charconv>

#include "text.h"

namespace bench {
namespace {

// The example of RFC 6455 §1.3: the server has to compute all the same, and the client needs no SHA-1.
constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

std::string_view next_part(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return trimmed(part);
}

bool read_parameter(std::string_view parameter, Negotiated& negotiated) {
  const std::string_view name = next_part(parameter, '=');
  if (name == "server_no_context_takeover") return negotiated.server_no_context_takeover = true;
  // Every message of this client is compressed for itself, whatever was agreed.
  if (name == "client_no_context_takeover" || name == "server_max_window_bits") return true;
  if (name != "client_max_window_bits") return false;
  if (parameter.starts_with('"')) parameter = parameter.substr(1, parameter.size() - 2);
  const auto [end, error] =
      std::from_chars(parameter.data(), parameter.data() + parameter.size(), negotiated.client_max_window_bits);
  // zlib can't compress with a window of 2^8.
  return error == std::errc() && negotiated.client_max_window_bits >= 9 && negotiated.client_max_window_bits <= 15;
}

bool read_extensions(std::string_view value, Negotiated& negotiated) {
  if (negotiated.has_deflate || next_part(value, ';') != "permessage-deflate") return false;
  negotiated.has_deflate = true;
  while (!value.empty()) {
    if (!read_parameter(next_part(value, ';'), negotiated)) return false;
  }
  return true;
}

}  // namespace

std::string websocket_opening(const Options& options, bool offers_deflate) {
  std::string head = "GET " + options.path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options.port) +
                     "\r\nUser-Agent: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
                     "\r\nSec-WebSocket-Key: " +
                     std::string(kKey) + "\r\n";
  if (offers_deflate) head += "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
  return head + "\r\n";
}

Negotiated read_opening_answer(std::string_view head, bool offered_deflate) {
  Negotiated negotiated;
  bool is_accepted = false;
  if (!head.starts_with("HTTP/1.1 101")) negotiated.trouble = "the server didn't accept the WebSocket";
  head.remove_prefix(head.find('\n') + 1);
  while (!head.empty() && negotiated.trouble == nullptr) {
    std::string_view line = next_part(head, '\n');
    const std::string_view value = trimmed(line.substr(line.find(':') + 1));
    const std::string_view name = next_part(line, ':');
    if (equals_ignoring_case(name, "sec-websocket-accept")) is_accepted = value == kAccept;
    if (!equals_ignoring_case(name, "sec-websocket-extensions")) continue;
    if (!read_extensions(value, negotiated)) negotiated.trouble = "the server's extensions can't be followed";
  }
  if (negotiated.trouble != nullptr) return negotiated;
  if (!is_accepted) negotiated.trouble = "the server's Sec-WebSocket-Accept is wrong";
  else if (offered_deflate && !negotiated.has_deflate) negotiated.trouble = "it doesn't do permessage-deflate";
  else if (!offered_deflate && negotiated.has_deflate) negotiated.trouble = "the server compresses without an offer";
  return negotiated;
}

}  // namespace bench
