// SPDX-License-Identifier: MIT
#include "server/overload.h"

namespace outrider::server {

void Overload::on_request(http::Exchange& exchange) {
  exchange.begin_head(503);
  exchange.add_field("content-type", "text/plain; charset=utf-8");
  exchange.add_field("retry-after", "1");
  exchange.write({"this server is answering as many requests as it can\n", nullptr, nullptr}, http::More::No);
}

}  // namespace outrider::server
