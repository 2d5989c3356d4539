// SPDX-License-Identifier: MIT
#include "websocket/deflate_offer.h"

#include <algorithm>

#include "base/ascii.h"

namespace outrider::websocket {
namespace {

// zlib compresses with no window of 2^8 bytes: it takes 2^9 instead, which a peer with the smaller one can't inflate.
constexpr int kCompressBitsMin = 9;
constexpr int kBitsMax = 15;

// RFC 6455 §9.1: extension *( ";" token [ "=" ( token | quoted-string ) ] ), separated by commas.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) { skip_space(); }

  bool at_end() const { return rest_.empty(); }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    skip_space();
    return true;
  }
  /// Empty when there is none.
  std::string_view take_token() {
    std::size_t size = 0;
    while (size < rest_.size() && ascii::is_token_char(rest_[size])) ++size;
    const std::string_view token = rest_.substr(0, size);
    rest_.remove_prefix(size);
    skip_space();
    return token;
  }
  /// A token, perhaps within quotes. Empty when there is none.
  std::string take_value() {
    if (rest_.empty() || rest_.front() != '"') return std::string(take_token());
    std::string value;
    std::size_t at = 1;
    for (; at < rest_.size() && rest_[at] != '"'; ++at) {
      if (rest_[at] == '\\') ++at;
      if (at < rest_.size()) value += rest_[at];
    }
    if (at >= rest_.size() || !ascii::is_token(value)) return {};
    rest_.remove_prefix(at + 1);
    skip_space();
    return value;
  }

 private:
  void skip_space() { rest_ = ascii::trim(rest_); }

  std::string_view rest_;
};

// 8 to 15 without a leading zero (RFC 7692 §7.1.2); 0 for anything else.
int window_bits(std::string_view value) {
  if (value == "8" || value == "9") return value[0] - '0';
  if (value.size() != 2 || value[0] != '1' || value[1] < '0' || value[1] > '5') return 0;
  return 10 + (value[1] - '0');
}

// An offer as it is read, with what was seen of it.
struct Reading {
  DeflateOffer offer;
  bool is_valid = true;
  bool has_server_bits = false;

  void take(std::string_view name, bool has_value, std::string_view value) {
    // RFC 7692 §7.1: what is unknown, given twice, or has a wrong value makes the offer one to decline.
    if (name == "server_no_context_takeover") {
      return set_once(offer.server_no_context_takeover, !has_value);
    }
    if (name == "client_no_context_takeover") {
      return set_once(offer.client_no_context_takeover, !has_value);
    }
    const int bits = window_bits(value);
    if (name == "server_max_window_bits") {
      set_once(has_server_bits, bits != 0);
      offer.server_max_window_bits = bits;
    } else if (name == "client_max_window_bits") {
      set_once(offer.takes_client_max_window_bits, bits != 0 || !has_value);
      offer.client_max_window_bits = has_value ? bits : kBitsMax;
    } else {
      is_valid = false;
    }
  }
  void set_once(bool& seen, bool is_right) {
    is_valid = is_valid && is_right && !seen;
    seen = true;
  }
};

// Parameters up to the end of an extension. False: that isn't how they are written.
bool read_parameters(Cursor& cursor, Reading& reading) {
  while (cursor.take(';')) {
    const std::string_view name = cursor.take_token();
    if (name.empty()) return false;
    const bool has_value = cursor.take('=');
    const std::string value = has_value ? cursor.take_value() : std::string();
    if (has_value && value.empty()) return false;
    reading.take(name, has_value, value);
  }
  return true;
}

std::optional<DeflateAgreement> take_offer(const WebSocketDeflate& config, const DeflateOffer& offer) {
  if (offer.server_max_window_bits < kCompressBitsMin) return std::nullopt;
  DeflateAgreement agreement;
  agreement.server_window_bits = std::min(config.server_max_window_bits, offer.server_max_window_bits);
  // RFC 7692 §7.1.2.2: a client that didn't offer it can't be told to use a smaller window.
  if (offer.takes_client_max_window_bits) {
    agreement.client_window_bits = std::min(config.client_max_window_bits, offer.client_max_window_bits);
  }
  // §7.1.1.1: must be kept to when asked for. §7.1.1.2: a client that says it doesn't need it is taken at its word,
  // and one may be told so unasked.
  agreement.server_no_context_takeover = config.server_no_context_takeover || offer.server_no_context_takeover;
  agreement.client_no_context_takeover = config.client_no_context_takeover || offer.client_no_context_takeover;
  return agreement;
}

std::string field_value(const DeflateAgreement& agreement) {
  std::string value = "permessage-deflate";
  if (agreement.server_no_context_takeover) value += "; server_no_context_takeover";
  if (agreement.client_no_context_takeover) value += "; client_no_context_takeover";
  const auto add_bits = [&value](std::string_view name, int bits) {
    if (bits < kBitsMax) value.append("; ").append(name).append("=").append(std::to_string(bits));
  };
  // §7.1.2.1: may be said unasked; a client saves memory by it.
  add_bits("server_max_window_bits", agreement.server_window_bits);
  add_bits("client_max_window_bits", agreement.client_window_bits);
  return value;
}

}  // namespace

bool read_deflate_offers(std::string_view value, std::vector<DeflateOffer>& offers) {
  Cursor cursor(value);
  while (!cursor.at_end()) {
    if (cursor.take(',')) continue;  // RFC 9110 §5.6.1: empty elements mean nothing
    const std::string_view extension = cursor.take_token();
    Reading reading;
    if (extension.empty() || !read_parameters(cursor, reading)) return false;
    if (!cursor.at_end() && !cursor.take(',')) return false;
    if (extension == "permessage-deflate" && reading.is_valid) offers.push_back(reading.offer);
  }
  return true;
}

std::optional<DeflateAgreement> agree(const WebSocketDeflate& config, const std::vector<DeflateOffer>& offers) {
  if (!config.is_enabled) return std::nullopt;
  for (const DeflateOffer& offer : offers) {
    if (std::optional<DeflateAgreement> agreement = take_offer(config, offer)) {
      agreement->field = field_value(*agreement);
      return agreement;
    }
  }
  return std::nullopt;
}

}  // namespace outrider::websocket
