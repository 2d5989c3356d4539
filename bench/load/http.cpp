// SPDX-License-Identifier: MIT
#include "http.h"

#include "payload.h"
#include "response_reader.h"

namespace bench {
namespace {

// bench/servers.py knows the GET too, byte for byte, for the floor.
std::string request_of(const Options& options) {
  const bool has_body = options.body_bytes > 0;
  std::string head = (has_body ? "POST " : "GET ") + options.path +
                     " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options.port) +
                     "\r\nUser-Agent: bench\r\nAccept: */*\r\n";
  if (options.is_fresh) head += "Connection: close\r\n";
  if (!has_body) return head + "\r\n";
  head += "Content-Type: application/octet-stream\r\nContent-Length: " + std::to_string(options.body_bytes);
  return head + "\r\n\r\n" + pattern(static_cast<std::size_t>(options.body_bytes));
}

class HttpConversation : public Conversation {
 public:
  HttpConversation(std::string_view request, std::string_view expected_body, bool is_fresh)
      : request_(request), reader_(expected_body), is_fresh_(is_fresh) {}

  void ask(Output& output) override { output.push(request_); }
  Outcome feed(std::string_view& data, Output&) override {
    const Outcome outcome = reader_.feed(data);
    closes_ = outcome == Outcome::Complete && (is_fresh_ || reader_.closes());
    return outcome;
  }
  bool closes() const override { return closes_; }
  bool may_be_closed() const override { return true; }
  const char* trouble() const override { return reader_.trouble(); }

 private:
  const std::string_view request_;
  ResponseReader reader_;
  const bool is_fresh_;
  bool closes_ = false;
};

}  // namespace

HttpProtocol::HttpProtocol(const Options& options)
    : request_(request_of(options)),
      expected_body_(options.body_bytes > 0 ? pattern(static_cast<std::size_t>(options.body_bytes)) : options.expect),
      is_fresh_(options.is_fresh) {}

std::unique_ptr<Conversation> HttpProtocol::start() {
  return std::make_unique<HttpConversation>(request_, expected_body_, is_fresh_);
}

}  // namespace bench
