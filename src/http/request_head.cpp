// SPDX-License-Identifier: MIT
#include "http/request_head.h"

#include <utility>

namespace outrider::http {
namespace {

// Storage kept for the next request. A browser's head is 0.5 to 2 KiB.
constexpr std::size_t kKeepBytes = 8 * 1024;

}  // namespace

std::string_view RequestHead::find(std::string_view name) const {
  for (const HeadLayout::FieldSpan& field : layout_.fields) {
    if (at(field.name) == name) return at(field.value);
  }
  return {};
}

void RequestHead::recycle() {
  storage_.recycle(kKeepBytes);
  HeadLayout empty;
  empty.fields = std::move(layout_.fields);  // keeps its capacity
  empty.fields.clear();
  layout_ = std::move(empty);
}

}  // namespace outrider::http
