// SPDX-License-Identifier: MIT
#include "http1/body_pace.h"

#include <doctest/doctest.h>

namespace outrider::http1 {
namespace {

Limits limits(int seconds, std::size_t rate) {
  Limits limits;
  limits.body_timeout = std::chrono::seconds(seconds);
  limits.body_rate_min = rate;
  return limits;
}

TEST_CASE("a body at the least rate goes on, one byte less and it is too slow") {
  for (const bool is_enough : {true, false}) {
    BodyPace pace(limits(10, 100));
    pace.wait(5000);
    pace.add(is_enough ? 1000 : 999);
    CHECK(pace.left_ms(5000) == 10'000);
    CHECK(!pace.is_too_slow(14'999));
    CHECK(pace.is_too_slow(15'000) == !is_enough);
  }
}

TEST_CASE("each window is judged by itself: what came before doesn't help") {
  BodyPace pace(limits(10, 100));
  pace.wait(0);
  pace.add(1'000'000);
  CHECK(!pace.is_too_slow(10'000));
  CHECK(pace.left_ms(10'000) == 10'000);
  pace.add(999);
  CHECK(pace.is_too_slow(20'000));
}

TEST_CASE("time in which nobody waits for the body doesn't count") {
  BodyPace pace(limits(10, 100));
  CHECK(pace.left_ms(0) == 0);
  pace.wait(0);
  pace.pause(4000);
  CHECK(pace.left_ms(50'000) == 0);
  CHECK(!pace.is_too_slow(50'000));
  pace.wait(100'000);
  pace.wait(103'000);  // waits already
  CHECK(pace.left_ms(103'000) == 3000);
  CHECK(pace.is_too_slow(106'000));
}

TEST_CASE("without a least rate a single byte is enough, and none is not") {
  BodyPace pace(limits(10, 0));
  pace.wait(0);
  pace.add(1);
  CHECK(!pace.is_too_slow(10'000));
  CHECK(pace.is_too_slow(20'000));
}

TEST_CASE("without a time-out there is nothing to ask") {
  BodyPace pace(limits(0, 100));
  pace.wait(0);
  CHECK(pace.left_ms(1'000'000) == 0);
}

TEST_CASE("a pace that is reset knows nothing of the body before") {
  BodyPace pace(limits(10, 100));
  pace.wait(0);
  pace.pause(9000);
  pace.reset();
  pace.wait(20'000);
  CHECK(pace.left_ms(20'000) == 10'000);
}

}  // namespace
}  // namespace outrider::http1
