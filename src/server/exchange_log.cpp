// SPDX-License-Identifier: MIT
#include "server/exchange_log.h"

#include <algorithm>

namespace outrider::server {
namespace {

// A longer target is kept cut: the ring's memory must stay bounded whatever peers ask for.
constexpr std::size_t kTargetMax = 512;

}  // namespace

void ExchangeLog::keep(std::size_t count) {
  ring_.assign(count, Entry());
  added_ = 0;
}

void ExchangeLog::add(const http::ExchangeRecord& record) {
  if (ring_.empty()) return;
  Entry& entry = ring_[added_++ % ring_.size()];
  entry.method.assign(record.method);
  entry.target.assign(record.target.substr(0, kTargetMax));
  entry.status = record.status;
  entry.microseconds = record.microseconds;
  entry.request_id.assign(record.request_id);
}

std::vector<ExchangeLog::Entry> ExchangeLog::entries() const {
  const uint64_t count = std::min<uint64_t>(added_, ring_.size());
  std::vector<Entry> entries;
  for (uint64_t i = added_ - count; i < added_; ++i) entries.push_back(ring_[i % ring_.size()]);
  return entries;
}

}  // namespace outrider::server
