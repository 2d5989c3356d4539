// SPDX-License-Identifier: MIT
// What the options call protocols and transports.

#include <cstdio>
#include <cstdlib>

#include "http.h"
#include "tls.h"
#include "transport.h"
#include "websocket.h"

namespace bench {
namespace {

class PlainTransport : public Transport {
 public:
  std::unique_ptr<Stream> over(int fd, std::unique_ptr<Stream>) override { return std::make_unique<Stream>(fd); }
};

[[noreturn]] void refuse(const char* option, const std::string& value) {
  std::fprintf(stderr, "load: %s: no such value: %s\n", option, value.c_str());
  std::exit(2);
}

}  // namespace

std::unique_ptr<Protocol> make_protocol(const Options& options) {
  if (options.protocol == "http") return std::make_unique<HttpProtocol>(options);
  if (options.protocol == "websocket") return std::make_unique<WebSocketProtocol>(options, false);
  if (options.protocol == "websocket-deflate") return std::make_unique<WebSocketProtocol>(options, true);
  refuse("--protocol", options.protocol);
}

std::unique_ptr<Transport> make_transport(const Options& options) {
  if (options.transport == "plain") return std::make_unique<PlainTransport>();
  if (options.transport == "tls") return std::make_unique<TlsTransport>(Resumption::Never);
  if (options.transport == "tls-resumed") return std::make_unique<TlsTransport>(Resumption::Always);
  refuse("--transport", options.transport);
}

}  // namespace bench
