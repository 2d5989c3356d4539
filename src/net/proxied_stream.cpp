// SPDX-License-Identifier: MIT
#include "net/proxied_stream.h"

#include <cerrno>
#include <optional>
#include <utility>

namespace outrider::net {

ProxiedStream::ProxiedStream(std::unique_ptr<Stream> below, ProxyReception& reception)
    : below_(std::move(below)), reception_(reception) {}

ProxiedStream::~ProxiedStream() { reception_.deadlines.clear(*this); }

void ProxiedStream::set_handler(StreamHandler* handler) {
  handler_ = handler;
  below_->set_handler(handler == nullptr || has_header_ ? handler : this);
}

void ProxiedStream::start_reading() {
  if (!has_header_) reception_.deadlines.set(*this, reception_.header_timeout_ms);
  below_->start_reading();
}

void ProxiedStream::stop_reading() {
  reception_.deadlines.clear(*this);
  below_->stop_reading();
}

void ProxiedStream::on_data(std::span<char> bytes) {
  const std::string_view input(bytes.data(), bytes.size());
  const std::size_t before = received_.size();
  if (before > 0) received_.append(input);
  Result<std::optional<ProxyHeader>, ProxyFault> header = parse_proxy_header(before > 0 ? received_.view() : input);
  if (!header) return refuse(sentence(header.error()), EPROTO);
  if (!header->has_value()) {
    if (before == 0) received_.append(input);
    return;
  }
  header_ = **header;
  has_header_ = true;
  received_.recycle(0);
  reception_.deadlines.clear(*this);
  below_->set_handler(handler_);
  // What was there before was no whole header, so its end lies in these bytes.
  const std::span<char> rest = bytes.subspan(header_.size - before);
  if (!rest.empty()) handler_->on_data(rest);
}

void ProxiedStream::on_deadline() { refuse("the PROXY header took too long", ETIMEDOUT); }

void ProxiedStream::refuse(std::string_view reason, int code) {
  stop_reading();
  if (reception_.on_refused) reception_.on_refused(below_->peer_address(), reason);
  handler_->on_error(code);
}

Address ProxiedStream::local_address() const { return is_named() ? header_.destination : below_->local_address(); }

Address ProxiedStream::peer_address() const { return is_named() ? header_.source : below_->peer_address(); }

PeerKnowledge ProxiedStream::peer_knowledge() const {
  switch (header_.client) {
    case ProxyHeader::Client::Named:
      return PeerKnowledge::Announced;
    case ProxyHeader::Client::Unnamed:
      return PeerKnowledge::Unknown;
    default:
      return PeerKnowledge::Connected;
  }
}

}  // namespace outrider::net
