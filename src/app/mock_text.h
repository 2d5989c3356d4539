// SPDX-License-Identifier: MIT
#pragma once

// What a testing::Mock says to the people who read failed tests.
//
// Thread: any.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "outrider/testing.h"

namespace outrider::app {

/// The answer to a request that no route answers.
std::string no_route_text(const testing::MockRequest& request, const std::vector<std::string>& routes);

/// "POST /orders was asked for 3 times, expected 2". `expected`: nothing for at least once, of which there was none.
std::string failure_text(std::string_view method, std::string_view pattern, std::size_t found,
                         std::optional<std::size_t> expected);

/// All requests, a line each, the nearest to that method and pattern first; in their order where both are empty.
/// `forgotten`: so many there were before them.
std::string list_requests(std::vector<testing::MockRequest> requests, std::string_view method,
                          std::string_view pattern, std::size_t forgotten);

}  // namespace outrider::app
