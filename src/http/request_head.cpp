// SPDX-License-Identifier: MIT
#include "http/request_head.h"

#include <string>
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

void RequestHead::set_authority(std::string_view authority) {
  constexpr std::string_view kName = "host";
  const std::string copy(authority);  // it may be a part of the storage, which moves
  const auto offset = static_cast<uint32_t>(storage_.size());
  storage_.append(kName);
  storage_.append(copy);
  const Span name{offset, kName.size()};
  layout_.authority = {offset + name.length, static_cast<uint32_t>(copy.size())};
  for (HeadLayout::FieldSpan& field : layout_.fields) {
    if (at(field.name) != kName) continue;
    field.value = layout_.authority;
    return;
  }
  layout_.fields.push_back({name, layout_.authority});
}

void RequestHead::replace(std::string_view name, std::string_view value) {
  const auto put = [this](std::string_view text) {
    const Span span{static_cast<uint32_t>(storage_.size()), static_cast<uint32_t>(text.size())};
    storage_.append(text);
    return span;
  };
  std::erase_if(layout_.fields, [&](const HeadLayout::FieldSpan& field) { return at(field.name) == name; });
  const Span placed = put(name);
  layout_.fields.push_back({placed, put(value)});
}

RequestHead RequestHead::copy() const {
  RequestHead copied;
  copied.storage_.append(storage_.view());
  copied.layout_ = layout_;
  return copied;
}

void RequestHead::recycle() {
  storage_.recycle(kKeepBytes);
  HeadLayout empty;
  empty.fields = std::move(layout_.fields);  // keeps its capacity
  empty.fields.clear();
  layout_ = std::move(empty);
}

}  // namespace outrider::http
