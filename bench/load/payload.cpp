// SPDX-License-Identifier: MIT
#include "payload.h"

namespace bench {
namespace {

class Random {
 public:
  explicit Random(unsigned seed) : state_(seed) {}
  unsigned below(unsigned bound) {
    state_ = state_ * 1664525u + 1013904223u;
    return (state_ >> 8) % bound;
  }

 private:
  unsigned state_;
};

constexpr const char* kKinds[] = {"trade", "quote", "order", "cancel"};
constexpr const char* kCities[] = {"Amsterdam", "Bologna", "Cracow", "Dresden", "Edinburgh", "Freiburg"};

std::string record(Random& random) {
  std::string text = "{\"type\":\"";
  text += kKinds[random.below(4)];
  text += "\",\"id\":" + std::to_string(random.below(1u << 24));
  text += ",\"price\":" + std::to_string(random.below(1000)) + "." + std::to_string(10 + random.below(90));
  text += ",\"amount\":" + std::to_string(random.below(500));
  text += ",\"city\":\"";
  text += kCities[random.below(6)];
  text += "\",\"time\":\"2026-03-" + std::to_string(10 + random.below(20)) + "T" +
          std::to_string(10 + random.below(14)) + ":" + std::to_string(10 + random.below(50)) + ":00Z\",\"is_open\":";
  text += random.below(2) ? "true}," : "false},";
  return text;
}

}  // namespace

std::string pattern(std::size_t size) {
  std::string body(size, '\0');
  unsigned state = 1;
  for (char& byte : body) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<char>('a' + (state >> 24) % 26);
  }
  return body;
}

std::string json_text(std::size_t size, unsigned number) {
  Random random(number + 1);
  std::string text = "[";
  while (text.size() < size) text += record(random);
  text.resize(size);
  return text;
}

}  // namespace bench
