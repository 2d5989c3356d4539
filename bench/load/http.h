// SPDX-License-Identifier: MIT
#pragma once
// HTTP/1.1: a GET with a known answer, or a POST whose body must come back.

#include <string>

#include "protocol.h"

namespace bench {

class HttpProtocol : public Protocol {
 public:
  explicit HttpProtocol(const Options& options);
  std::unique_ptr<Conversation> start() override;

 private:
  const std::string request_;
  const std::string expected_body_;
  const bool is_fresh_;
};

}  // namespace bench
