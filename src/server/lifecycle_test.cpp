// SPDX-License-Identifier: MIT
#include "server/lifecycle.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace outrider::server {
namespace {

constexpr State kStates[] = {State::Created,  State::Starting, State::Ready,
                             State::Draining, State::Stopped,  State::Failed};
static_assert(std::size(kStates) == kStateCount);

// The drawing in lifecycle.h, edge by edge, and the starts over.
const std::set<std::pair<State, State>> kEdges{
    {State::Created, State::Starting},  {State::Created, State::Stopped},  {State::Starting, State::Ready},
    {State::Starting, State::Draining}, {State::Starting, State::Failed},  {State::Ready, State::Draining},
    {State::Ready, State::Failed},      {State::Draining, State::Stopped}, {State::Draining, State::Failed},
    {State::Stopped, State::Starting},  {State::Failed, State::Starting}};

// The shortest way to each state.
Lifecycle in(State state) {
  Lifecycle lifecycle;
  const std::vector<State> ways[] = {{},
                                     {State::Starting},
                                     {State::Starting, State::Ready},
                                     {State::Starting, State::Draining},
                                     {State::Stopped},
                                     {State::Starting, State::Failed}};
  for (const State step : ways[static_cast<int>(state)]) REQUIRE(lifecycle.advance(step));
  return lifecycle;
}

TEST_CASE("each pair of states is allowed or not as drawn, and a refused step changes nothing") {
  for (const State from : kStates) {
    for (const State to : kStates) {
      INFO(std::string(name(from)), " -> ", std::string(name(to)));
      const bool is_allowed = kEdges.contains({from, to});
      CHECK(may_follow(from, to) == is_allowed);
      Lifecycle lifecycle = in(from);
      CHECK(lifecycle.advance(to) == is_allowed);
      CHECK(lifecycle.state() == (is_allowed ? to : from));
    }
  }
}

TEST_CASE("every state has a name of its own") {
  std::set<std::string_view> names;
  for (const State state : kStates) names.insert(name(state));
  CHECK(names == std::set<std::string_view>{"created", "starting", "ready", "draining", "stopped", "failed"});
}

}  // namespace
}  // namespace outrider::server
