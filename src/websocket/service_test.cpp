// SPDX-License-Identifier: MIT
#include "websocket/service.h"

#include <doctest/doctest.h>

#include <poll.h>

#include <chrono>
#include <string>
#include <utility>

#include "loop/loop.h"

namespace outrider::websocket {
namespace {

TEST_CASE("a large message's memory is kept, and given back when none needed it for a while") {
  loop::Loop loop;
  loop::DeadlineWheel deadlines(loop);
  const Limits limits;
  Service service(loop, deadlines, limits);
  Buffer large;
  large.append(std::string(100'000, 'x'));
  service.release(std::move(large));
  loop.pass();
  CHECK(service.messages.has_large());
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (service.messages.has_large() && std::chrono::steady_clock::now() < end) {
    loop.pass();
    pollfd entry{loop.backend_fd(), POLLIN, 0};
    ::poll(&entry, 1, 50);
  }
  CHECK(!service.messages.has_large());
}

}  // namespace
}  // namespace outrider::websocket
