// SPDX-License-Identifier: MIT
#pragma once

// The last exchanges of an engine, for Server.requests: a ring of records that reuses its
// memory, so that keeping it on costs a copy of the target a request and no allocation.
//
// Thread: loop only.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "http/served_connection.h"

namespace outrider::server {

class ExchangeLog {
 public:
  struct Entry {
    std::string method;
    std::string target;
    int status = 0;
    uint64_t microseconds = 0;
    std::string request_id;  // empty for none
  };

  /// How many entries are kept; 0 keeps none.
  void keep(std::size_t count);
  void add(const http::ExchangeRecord& record);
  void forget() { added_ = 0; }
  /// The kept entries, oldest first.
  std::vector<Entry> entries() const;

 private:
  std::vector<Entry> ring_;
  uint64_t added_ = 0;
};

}  // namespace outrider::server
