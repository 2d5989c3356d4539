// SPDX-License-Identifier: MIT
#pragma once
// What the messages are made of: the same bytes on every machine and in every run.

#include <cstddef>
#include <string>

namespace bench {

// Letters without a short period, so that a body reassembled in the wrong order doesn't pass for the right one.
std::string pattern(std::size_t size);

// A piece of JSON as programs send it, cut off at `size`: names that repeat, values that don't. Different for
// each `number`. zlib makes a sixth of it.
std::string json_text(std::size_t size, unsigned number);

}  // namespace bench
