// SPDX-License-Identifier: MIT
#pragma once

// What every fuzzer needs: a check that ends the program, bytes that decide, and the cuts of an input.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/ascii.h"
#include "http/request_head.h"

namespace outrider::fuzz {

/// A property that doesn't hold is a finding: libFuzzer keeps the input of a program that aborts.
inline void check(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: this doesn't hold: %s\n", property);
  std::abort();
}

/// The input, taken from its front. Where nothing is left, zeros and empty strings come.
class Input {
 public:
  Input(const uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  std::size_t byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::string_view take(std::size_t count) {
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  /// As long as its first byte says.
  std::string_view text() { return take(byte()); }
  std::string_view rest() const { return rest_; }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

using Fragments = std::vector<std::string_view>;

/// How an input wants to be cut: three lengths in turn, so that a few bytes describe cuts of any input.
struct Cut {
  std::size_t lengths[3];

  explicit Cut(Input& input) : lengths{input.byte() + 1, input.byte() + 1, input.byte() + 1} {}

  Fragments of(std::string_view bytes) const {
    Fragments fragments;
    for (std::size_t i = 0; !bytes.empty(); ++i) {
      fragments.push_back(bytes.substr(0, lengths[i % 3]));
      bytes.remove_prefix(fragments.back().size());
    }
    return fragments;
  }
};

inline Fragments single_bytes(std::string_view bytes) {
  Fragments fragments;
  for (std::size_t i = 0; i < bytes.size(); ++i) fragments.push_back(bytes.substr(i, 1));
  return fragments;
}

/// Reads the text whole, then cut, then byte by byte, which must come to the same; returns what it comes to.
template <class Read>
auto read_cut_anywhere(std::string_view text, const Cut& cut, Read read) {
  const auto whole = read(Fragments{text});
  check(read(cut.of(text)) == whole, "fragments and the whole come to the same");
  check(read(single_bytes(text)) == whole, "bytes and the whole come to the same");
  return whole;
}

inline bool is_field_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), ascii::is_field_byte);
}

/// What holds for each field that a codec let pass, of a head or of a trailer section (RFC 9110 §5.1 and §5.5).
inline void check_fields(const http::RequestHead& head) {
  for (std::size_t i = 0; i < head.field_count(); ++i) {
    const auto [name, value] = head.field(i);
    check(ascii::is_token(name), "a field name is a token");
    check(std::none_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; }),
          "names are lower case");
    check(is_field_text(value), "a field value has no control characters");
    check(ascii::trim(value) == value, "a field value has no whitespace at its ends");
  }
}

}  // namespace outrider::fuzz
