// SPDX-License-Identifier: MIT
#pragma once

// The format of an access log's lines, compiled once. docs/logs.md describes it for users: the names, the directives
// (Apache's letters, and gunicorn's way to write them) and the fields of the JSON form.
//
// Thread: one at a time.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "http/exchange.h"
#include "http/served_connection.h"

namespace outrider::server {

/// An exchange for the log.
struct AccessEntry {
  const http::ExchangeRecord& record;       // with its request, response and connection
  int64_t began_us;                         // when its head was there: microseconds since 1970
  std::optional<http::PeerName> told = {};  // who asked, as trusted proxies say

  /// Who asked: the one place that decides it.
  const http::PeerName& client() const { return told ? *told : record.connection->peer_name(); }
};

/// The entry of an exchange that has just ended.
AccessEntry entry_of(const http::ExchangeRecord& record);

class AccessFormat {
 public:
  /// "common", "combined", "json", "plain", or a string with directives. Throws Error(Option), which says what is
  /// wrong and what there is.
  explicit AccessFormat(std::string_view format);

  /// Appends a line, without its end. Allocates nothing once the buffer has grown.
  void append(const AccessEntry& entry, Buffer& out);

  /// A part of a line: text, a directive, or all of a named format.
  struct Segment {
    using Write = void (*)(Segment& segment, const AccessEntry& entry, Buffer& out);
    Write write;
    std::string argument;  // the text, or what stood in braces
    int64_t second = -1;   // that `time` is of
    std::string time = {};

    /// `make(second)`, made once a second.
    template <class Make>
    std::string_view time_of(int64_t of, Make make) {
      if (second != of) {
        time = make(of);
        second = of;
      }
      return time;
    }
  };

 private:
  void compile(std::string_view format);
  std::size_t take_directive(std::string_view text);

  std::vector<Segment> segments_;
};

}  // namespace outrider::server
