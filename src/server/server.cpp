// SPDX-License-Identifier: MIT
#include "outrider/server.h"

#include <utility>

#include "server/server_state.h"

namespace outrider {

Server::Server(std::shared_ptr<server::ServerState> state) : state_(std::move(state)) {}

Server::Server(Server&& other) noexcept = default;

Server& Server::operator=(Server&& other) noexcept {
  if (this == &other) return *this;
  const Server before(std::move(*this));  // stops at the end of this function
  state_ = std::move(other.state_);
  return *this;
}

Server::~Server() {
  if (state_ != nullptr) stop();
}

const std::string& Server::url() const { return state_->url(); }
uint16_t Server::port() const { return state_->port(); }
const std::vector<std::string>& Server::addresses() const { return state_->addresses(); }
bool Server::is_running() const { return state_->is_running(); }

void Server::request_stop(const StopPolicy& policy) { state_->request_stop(policy); }
void Server::request_stop() { request_stop(state_->default_policy()); }

StopReport Server::stop(const StopPolicy& policy) {
  state_->request_stop(policy);
  return state_->is_own_thread() ? StopReport{} : state_->wait();
}
StopReport Server::stop() { return stop(state_->default_policy()); }

bool Server::quiesce(std::chrono::milliseconds timeout) {
  if (state_->is_own_thread()) throw Error(ErrorKind::State, "a server's own thread can't wait for its exchanges");
  return state_->quiesce(timeout);
}

StopReport Server::quiesce(const StopPolicy& policy) {
  if (state_->is_own_thread()) throw Error(ErrorKind::State, "a server's own thread can't wait for its exchanges");
  return state_->quiesce(policy);
}

std::string Server::ca_pem() const { return state_->tls() != nullptr ? state_->tls()->ca_pem() : std::string(); }
std::vector<std::string> Server::chromium_arguments() const {
  return state_->tls() != nullptr ? state_->tls()->chromium_arguments() : std::vector<std::string>();
}
void Server::reload_tls() { state_->reload_tls(std::nullopt); }
void Server::reload_tls(TlsConfig config) { state_->reload_tls(std::move(config)); }

void Server::reopen_access_log() { state_->reopen_access_log(); }

StopReport Server::wait() {
  if (state_->is_own_thread()) throw Error(ErrorKind::State, "a server's own thread can't wait for its end");
  return state_->wait();
}

}  // namespace outrider
