// SPDX-License-Identifier: MIT
#include "outrider/app.h"

#include "app/router.h"

namespace outrider {

App::App() : router_(std::make_unique<app::Router>()) {}
App::~App() = default;
App::App(App&& other) noexcept = default;
App& App::operator=(App&& other) noexcept = default;

std::shared_ptr<const app::Router> App::snapshot() const { return std::make_shared<const app::Router>(*router_); }

void App::add(std::string_view method, std::string_view pattern, std::shared_ptr<detail::Handler> handler) {
  router_->add(method, pattern, std::move(handler));
}

}  // namespace outrider
