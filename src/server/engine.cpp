// SPDX-License-Identifier: MIT
#include "server/engine.h"

#include <cstdio>
#include <optional>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "http1/connection.h"
#include "net/tls_stream.h"

namespace outrider::server {

std::string describe_exhaustion(int code) {
  return "new connections wait: " + std::system_category().message(code) +
         "; raise the limit of open files (ulimit -n), or set a limit of connections below it";
}

std::string describe_refusal(http::ServedConnection& connection, int status, std::string_view sentence) {
  const http::PeerName& peer = connection.peer_name();
  const std::string how = status == 0
                              ? std::string("cut a response to ") + peer.to_string()
                              : "refused a request of " + peer.to_string() + " with " + std::to_string(status);
  return how + ": " + std::string(sentence);
}

Engine::Engine(loop::Loop& loop, const Limits& limits, http::Application& application)
    : Engine(loop, limits, application, std::make_shared<Admission>(limits)) {}

Engine::Engine(loop::Loop& loop, const Limits& limits, http::Application& application,
               std::shared_ptr<Admission> admission)
    : loop_(loop),
      service_(loop, limits, *this),
      websockets_(loop, service_.deadlines, service_.limits),
      application_(&application),
      admission_(std::move(admission)),
      destroy_closed_([](void* self) { static_cast<Engine*>(self)->destroy_closed(); }, this),
      check_quiet_([](void* self) { static_cast<Engine*>(self)->check_quiet(); }, this) {
  service_.websockets = &websockets_;
}

Engine::~Engine() {
  drain_.reset();
  handover_.reset();
  listeners_.clear();
  connections_.for_each([](http::ServedConnection& connection) { connection.abort(); });
  destroy_closed();
}

void Engine::add_socket(net::BoundSocket socket) {
  auto on_connection = [this](std::unique_ptr<net::Stream> stream) { serve(std::move(stream)); };
  auto on_exhausted = [this](int code) {
    if (on_exhausted_) on_exhausted_(code);
  };
  listeners_.push_back(std::make_unique<net::Listener>(loop_, std::move(socket), on_connection, on_exhausted));
}

void Engine::start_listening(int backlog) {
  for (const auto& listener : listeners_) listener->start(backlog);
}

void Engine::trust(http::ProxyRules rules, ProxyHeader header) {
  service_.proxies = std::move(rules);
  proxy_reception_.reset();
  if (header == ProxyHeader::None) return;
  proxy_reception_.emplace(net::ProxyReception{
      service_.deadlines, static_cast<uint64_t>(service_.limits.head_timeout.count()),
      [this](const net::Address& proxy, std::string_view reason) { tell_refused(proxy, reason); }});
}

void Engine::secure(const Tls& tls) {
  tls_reception_ =
      tls.reception(loop_, service_.deadlines, service_.limits,
                    [this](const net::Address& peer, std::string_view reason) { tell_refused(peer, reason); });
}

std::unique_ptr<net::Stream> Engine::take_proxied(std::unique_ptr<net::Stream> stream, const net::Address& peer) {
  if (!service_.proxies.trusted.trusts_peer(peer)) {
    tell_refused(peer, "it is none of the trusted proxies, and only these can speak the PROXY protocol");
    return nullptr;
  }
  return std::make_unique<net::ProxiedStream>(std::move(stream), *proxy_reception_);
}

void Engine::tell_refused(const net::Address& peer, std::string_view reason) {
  if (!on_refused_) return;
  on_refused_([&] { return "closed a connection of " + peer.to_string() + ": " + std::string(reason); });
}

void Engine::serve(std::unique_ptr<net::Stream> stream) {
  if (service_.is_draining) return;  // the stream dies here: the connection closes
  const net::Address peer =
      proxy_reception_ || admission_->limits_addresses() ? stream->peer_address() : net::Address();
  if (proxy_reception_) stream = take_proxied(std::move(stream), peer);
  if (stream == nullptr) return;
  std::shared_ptr<const void> admission;
  if (admission_->limits_connections()) {
    // A proxy stands for many clients: its address isn't counted as if it were one.
    admission = admission_->admit(service_.proxies.trusted.trusts_named(peer) ? net::Address() : peer);
    if (admission == nullptr) return;
  }
  if (tls_reception_ != nullptr) stream = std::make_unique<net::TlsStream>(std::move(stream), *tls_reception_);
  auto* connection = new http1::Connection(service_, std::move(stream));  // owned by the list it is in
  connection->admission = std::move(admission);
  connections_.push_back(*connection);
  ++connection_count_;
}

std::vector<net::Address> Engine::addresses() const {
  std::vector<net::Address> addresses;
  for (const auto& listener : listeners_) addresses.push_back(listener->address());
  return addresses;
}

void Engine::drain(const StopPolicy& policy, std::function<void(const StopReport&)> done) {
  if (drain_ != nullptr) return drain_->hurry(policy, std::move(done));
  end_hold();
  service_.is_draining = true;
  listeners_.clear();
  drain_ = std::make_unique<Drain>(*this, policy);
  drain_->begin(std::move(done));
}

void Engine::end_exchanges(const http::Application& application, const StopPolicy& policy,
                           std::function<void(const StopReport&)> done) {
  handover_ = std::make_unique<Drain>(*this, policy, &application);
  handover_->begin(std::move(done));
}

void Engine::hold(std::function<void(bool)> quiet) {
  if (is_held_ || drain_ != nullptr) return quiet(false);
  is_held_ = true;
  quiet_ = std::move(quiet);
  service_.is_draining = true;
  for (const auto& listener : listeners_) listener->pause();
  connections_.for_each([](http::ServedConnection& connection) { connection.hold(); });
  check_quiet();
}

void Engine::check_quiet() {
  if (quiet_ == nullptr) return;
  bool is_busy = false;
  connections_.for_each([&](const http::ServedConnection& connection) { is_busy |= connection.is_busy(); });
  if (!is_busy) std::exchange(quiet_, nullptr)(true);
}

void Engine::go_on() {
  if (!is_held_) return;
  service_.is_draining = false;
  for (const auto& listener : listeners_) listener->resume();
  connections_.for_each([](http::ServedConnection& connection) { connection.go_on(); });
  end_hold();
  loop_.need_pass();
}

void Engine::end_hold() {
  is_held_ = false;
  if (quiet_ != nullptr) std::exchange(quiet_, nullptr)(false);
}

std::vector<std::string> Engine::describe_running(std::size_t most) {
  std::vector<std::string> texts;
  connections_.for_each([&](const http::ServedConnection& connection) {
    if (texts.size() == most) return;
    if (connection.is_flushing()) {
      const net::Address peer = connection.peer_address();
      texts.push_back("a response that " + (peer.port() != 0 ? peer.to_string() : "its client") + " doesn't take");
    }
    const std::optional<http::RunningExchange> running = connection.running();
    if (!running) return;
    char age[32];
    std::snprintf(age, sizeof age, " (%.1f s)", static_cast<double>(running->age_ms) / 1000.0);
    texts.push_back(std::string(running->method) + " " + std::string(running->target) + age);
  });
  return texts;
}

http::Application& Engine::on_exchange_begin() {
  ++exchange_count_;
  ++exchanges_total_;
  return admission_->begin_exchange() ? *application_ : overload_;
}

void Engine::on_exchange_end(const http::ExchangeRecord& record) {
  --exchange_count_;
  admission_->end_exchange();
  log_.add(record);
  if (access_log_ != nullptr) access_log_->add(record);
  if (on_record_) on_record_(record);
  if (drain_ != nullptr) drain_->on_exchange_end(record);
  if (handover_ != nullptr) handover_->on_exchange_end(record);
}

void Engine::on_refused(http::ServedConnection& connection, int status, std::string_view sentence) {
  if (on_refused_) on_refused_([&] { return describe_refusal(connection, status, sentence); });
}

void Engine::on_idle() {
  if (quiet_ != nullptr) loop_.defer_step(check_quiet_);
  if (drain_ != nullptr) drain_->check_soon();
}

void Engine::on_closed(http::ServedConnection& connection) {
  --connection_count_;
  connection.unlink();
  closed_.push_back(connection);
  loop_.defer_step(destroy_closed_);
  if (quiet_ != nullptr) loop_.defer_step(check_quiet_);
  if (drain_ != nullptr) drain_->check_soon();
}

void Engine::destroy_closed() {
  while (http::ServedConnection* connection = closed_.pop_front()) delete connection;
}

}  // namespace outrider::server
