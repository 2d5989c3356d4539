// SPDX-License-Identifier: MIT
#include "server/proxies.h"

#include <string>

#include "outrider/error.h"

namespace outrider::server {
namespace {

template <class Parse>
auto parse(const char* option, Parse parse_it) {
  try {
    return parse_it();
  } catch (const Error& error) {
    throw Error(error.kind(), "Config::" + std::string(option) + ": " + error.what());
  }
}

}  // namespace

http::ProxyRules read_proxy_rules(const Config& config) {
  return {parse("trusted_proxies", [&] { return net::TrustedProxies::parse(config.trusted_proxies); }),
          parse("proxy_headers", [&] { return http::ForwardedFields::parse(config.proxy_headers); })};
}

}  // namespace outrider::server
