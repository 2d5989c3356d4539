// SPDX-License-Identifier: MIT
#pragma once

// The answer to requests beyond Limits::exchanges_max: 503 (Service Unavailable), and to come again in a second
// (RFC 9110 §15.6.4, §10.2.3). An application like any other, so that it is reported and counted like their answers.
//
// Thread: loop only.

#include "http/exchange.h"

namespace outrider::server {

class Overload final : public http::Application {
 public:
  void on_request(http::Exchange& exchange) override;
};

}  // namespace outrider::server
