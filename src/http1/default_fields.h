// SPDX-License-Identifier: MIT
#pragma once

// Fields that every response of a server has, its errors included, unless the application set one of that name.
// Tested by http1/default_fields_test.cpp.
//
// Thread: one at a time.

#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "http/exchange.h"

namespace outrider::http1 {

class DefaultFields {
 public:
  /// Adds one; a name may come again, and is then sent again. Not those that the server itself must decide on.
  http::ResponseFault add(std::string_view name, std::string_view value);
  bool is_empty() const { return fields_.empty(); }
  bool has(std::string_view name) const;
  /// Appends those that are missing to a head that has a status line and whole field lines.
  void complete(Buffer& head) const;

 private:
  struct Field {
    std::string name;
    std::string line;  // with its CRLF
  };
  std::vector<Field> fields_;
};

}  // namespace outrider::http1
