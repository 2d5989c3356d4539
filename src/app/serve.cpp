// SPDX-License-Identifier: MIT

// serve() and run(): where the App meets the Server.

#include <memory>
#include <utility>

#include "app/dispatcher.h"
#include "http/request_id.h"
#include "outrider/app.h"
#include "outrider/error.h"
#include "outrider/server.h"
#include "server/foreground.h"
#include "server/server_state.h"

namespace outrider {
namespace {

class AppSource final : public server::ApplicationSource {
 public:
  AppSource(const App& app, const Config& config)
      : site_(app.snapshot(), config.log, config.on_error, config.offload_threads) {
    if (!config.request_id.empty()) site_.request_id_field = http::request_id_field(config.request_id);
  }

  std::unique_ptr<server::HostedApplication> make(loop::Loop& loop, RequestStop request_stop) override {
    return std::make_unique<app::Dispatcher>(loop, site_, std::move(request_stop));
  }

 private:
  app::Site site_;
};

}  // namespace

Server serve(const App& app, Config config) {
  auto source = std::make_unique<AppSource>(app, config);
  Server server(server::ServerState::start(std::move(config), std::move(source)));
  if (server.state_->config().on_ready) server.state_->config().on_ready(server);
  return server;
}

StopReport Server::swap(const App& app, const StopPolicy& policy) {
  if (state_->is_own_thread()) throw Error(ErrorKind::State, "a server's own thread can't wait for its exchanges");
  return state_->swap(std::make_unique<AppSource>(app, state_->config()), policy);
}

StopReport run(const App& app, Config config) {
  if (!config.stop_policy) config.stop_policy = StopPolicy::production();
  server::Foreground foreground;  // before serving, so that no signal is lost
  const Server server = serve(app, std::move(config));
  return foreground.run(*server.state_);
}

}  // namespace outrider
