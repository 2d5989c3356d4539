// SPDX-License-Identifier: MIT
#include "outrider/app.h"

#include <stdexcept>

#include "app/router.h"

namespace outrider {

App::App() : router_(std::make_unique<app::Router>()) {}
App::~App() = default;
App::App(App&& other) noexcept = default;
App& App::operator=(App&& other) noexcept = default;

std::shared_ptr<const app::Router> App::snapshot() const {
  if (router_ == nullptr) throw std::logic_error("the App was moved from: it has no routes to serve");
  return std::make_shared<const app::Router>(*router_);
}

void App::add(std::string_view method, std::string_view pattern, std::shared_ptr<detail::Handler> handler) {
  if (router_ == nullptr) router_ = std::make_unique<app::Router>();  // moved from
  router_->add(method, pattern, std::move(handler));
}

void App::set_fallback(std::shared_ptr<detail::Handler> handler) {
  if (router_ == nullptr) router_ = std::make_unique<app::Router>();  // moved from
  router_->set_fallback(std::move(handler));
}

void App::add_websocket(std::string_view pattern, std::shared_ptr<detail::Handler> handler,
                        WebSocketOptions options) {
  if (router_ == nullptr) router_ = std::make_unique<app::Router>();  // moved from
  router_->add_websocket(pattern, std::move(handler), std::move(options.subprotocols));
}

}  // namespace outrider
