// SPDX-License-Identifier: MIT
#include "http/request_id.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <iterator>

#include "base/ascii.h"
#include "outrider/error.h"

namespace outrider::http {
namespace {

// More would be a way to fill logs.
constexpr std::size_t kIdMax = 128;

bool is_id_char(char c) {
  return ascii::is_alpha(c) || ascii::is_digit(c) || std::string_view("-._~+/=:;@").find(c) != std::string_view::npos;
}

std::mt19937_64 seeded() {
  std::random_device device;
  std::array<std::random_device::result_type, 8> values;
  std::generate(values.begin(), values.end(), std::ref(device));
  std::seed_seq seeds(values.begin(), values.end());
  return std::mt19937_64(seeds);
}

// The last `digits` hexadecimal digits of the number; returns the place behind them.
char* put_hex(uint64_t number, int digits, char* to) {
  for (int i = digits - 1; i >= 0; --i, number >>= 4) to[i] = "0123456789abcdef"[number & 15];
  return to + digits;
}

}  // namespace

bool is_valid_request_id(std::string_view value) {
  return !value.empty() && value.size() <= kIdMax && std::all_of(value.begin(), value.end(), is_id_char);
}

std::string request_id_field(std::string_view name) {
  static constexpr std::string_view kTaken[] = {"connection", "content-length",    "date",   "expect",
                                                "host",       "keep-alive",        "server", "te",
                                                "trailer",    "transfer-encoding", "upgrade"};
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), ascii::to_lower);
  const bool is_taken = std::find(std::begin(kTaken), std::end(kTaken), lower) != std::end(kTaken);
  if (ascii::is_token(lower) && !is_taken) return lower;
  throw Error(ErrorKind::Option, "request_id is '" + std::string(name) + "', which " +
                                     (is_taken ? "has a meaning of its own" : "is not the name of a header field") +
                                     ": try x-request-id");
}

RequestIds::RequestIds(std::string_view name, bool trusts_peer)
    : name_(request_id_field(name)), trusts_peer_(trusts_peer), random_(seeded()) {}

void RequestIds::assign(RequestHead& head) {
  if (trusts_peer_) {
    std::size_t count = 0;  // two different ids are none
    for (std::size_t i = 0; i < head.field_count(); ++i) count += head.field(i).name == name_ ? 1 : 0;
    if (count == 1 && is_valid_request_id(head.find(name_))) return;
  }
  char id[kIdSize];
  make(id);
  head.replace(name_, {id, kIdSize});
}

void RequestIds::make(char* to) {
  using namespace std::chrono;
  const auto now = system_clock::now().time_since_epoch();
  const auto milliseconds = static_cast<uint64_t>(duration_cast<std::chrono::milliseconds>(now).count());
  const uint64_t high = random_();
  const uint64_t low = random_();
  to = put_hex(milliseconds >> 16, 8, to);
  *to++ = '-';
  to = put_hex(milliseconds, 4, to);
  *to++ = '-';
  to = put_hex(0x7000 | (high & 0xfff), 4, to);  // the version
  *to++ = '-';
  to = put_hex(0x8000 | ((high >> 16) & 0x3fff), 4, to);  // the variant
  *to++ = '-';
  put_hex(low, 12, to);
}

}  // namespace outrider::http
