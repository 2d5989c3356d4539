// SPDX-License-Identifier: MIT
#include "server/exchange_log.h"

#include <doctest/doctest.h>

#include <string>

namespace outrider::server {
namespace {

void add(ExchangeLog& log, const std::string& target) {
  log.add({.method = "GET",
           .target = target,
           .minor_version = 1,
           .status = 200,
           .microseconds = 7,
           .stop_stage = http::StopStage::None,
           .connection = nullptr,
           .application = nullptr,
           .request = nullptr,
           .response = nullptr,
           .request_id = {},
           .content_bytes = 0,
           .is_complete = true,
           .keeps_alive = true});
}

std::string targets(const ExchangeLog& log) {
  std::string text;
  for (const ExchangeLog::Entry& entry : log.entries()) text += entry.target;
  return text;
}

TEST_CASE("the last exchanges are kept, oldest first") {
  ExchangeLog log;
  add(log, "x");
  CHECK(log.entries().empty());
  log.keep(3);
  const char* expected[] = {"", "a", "ab", "abc", "bcd", "cde"};
  for (int i = 0; i < 6; ++i) {
    CHECK(targets(log) == expected[i]);
    add(log, std::string(1, static_cast<char>('a' + i)));
  }
  CHECK(log.entries()[0].method == "GET");
  CHECK(log.entries()[0].status == 200);
  CHECK(log.entries()[0].microseconds == 7);
  log.keep(0);
  add(log, "y");
  CHECK(log.entries().empty());
}

TEST_CASE("a long target is kept cut") {
  ExchangeLog log;
  log.keep(1);
  for (const std::size_t size : {511U, 512U, 513U, 10'000U}) {
    add(log, std::string(size, 't'));
    CHECK(log.entries()[0].target.size() == std::min<std::size_t>(size, 512));
  }
}

}  // namespace
}  // namespace outrider::server
