// SPDX-License-Identifier: MIT
#include "server/engine.h"

#include <utility>

#include "base/check.h"
#include "http1/connection.h"

namespace outrider::server {

Engine::Engine(loop::Loop& loop, const Limits& limits, http::Application& application)
    : loop_(loop),
      service_(loop, limits, *this),
      destroy_closed_([](void* self) { static_cast<Engine*>(self)->destroy_closed(); }, this) {
  service_.application = &application;
}

Engine::~Engine() {
  drain_.reset();
  listeners_.clear();
  connections_.for_each([](http::ServedConnection& connection) { connection.abort(); });
  destroy_closed();
}

void Engine::add_socket(net::BoundSocket socket) {
  auto on_connection = [this](std::unique_ptr<net::Stream> stream) { serve(std::move(stream)); };
  listeners_.push_back(std::make_unique<net::Listener>(loop_, std::move(socket), on_connection));
}

void Engine::start_listening(int backlog) {
  for (const auto& listener : listeners_) listener->start(backlog);
}

void Engine::serve(std::unique_ptr<net::Stream> stream) {
  const std::size_t most = service_.limits.connections_max;
  // The stream dies here: the connection closes.
  if (service_.is_draining || (most != 0 && connection_count_ >= most)) return;
  auto* connection = new http1::Connection(service_, std::move(stream));  // owned by the list it is in
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
  service_.is_draining = true;
  listeners_.clear();
  drain_ = std::make_unique<Drain>(*this, policy);
  drain_->begin(std::move(done));
}

void Engine::on_exchange_begin() {
  ++exchange_count_;
  ++exchanges_total_;
}

void Engine::on_exchange_end(const http::ExchangeRecord& record) {
  --exchange_count_;
  log_.add(record);
  if (on_record_) on_record_(record);
  if (drain_ != nullptr) drain_->on_exchange_end(record.stop_stage);
}

void Engine::on_idle() {
  if (drain_ != nullptr) drain_->check_soon();
}

void Engine::on_closed(http::ServedConnection& connection) {
  --connection_count_;
  connection.unlink();
  closed_.push_back(connection);
  loop_.defer_step(destroy_closed_);
  if (drain_ != nullptr) drain_->check_soon();
}

void Engine::destroy_closed() {
  while (http::ServedConnection* connection = closed_.pop_front()) delete connection;
}

}  // namespace outrider::server
