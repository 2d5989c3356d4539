// SPDX-License-Identifier: MIT
#pragma once

// The ways in which a network may cut a run of bytes: whole, byte by byte, and in two at every offset. A codec must
// come to the same verdict with each.

#include <string_view>
#include <vector>

namespace outrider::testing {

using Fragments = std::vector<std::string_view>;

/// Calls visit(fragments) for each way. No fragment is empty.
template <class Visit>
void for_each_fragmentation(std::string_view bytes, Visit visit) {
  visit(Fragments{bytes});
  Fragments single;
  for (std::size_t i = 0; i < bytes.size(); ++i) single.push_back(bytes.substr(i, 1));
  visit(single);
  for (std::size_t i = 1; i < bytes.size(); ++i) visit(Fragments{bytes.substr(0, i), bytes.substr(i)});
}

}  // namespace outrider::testing
