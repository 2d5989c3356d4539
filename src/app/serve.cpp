// SPDX-License-Identifier: MIT

// serve() and run(): where the App meets the Server.

#include <memory>
#include <utility>

#include "app/dispatcher.h"
#include "outrider/app.h"
#include "outrider/server.h"
#include "server/foreground.h"
#include "server/server_state.h"

namespace outrider {
namespace {

class AppSource final : public server::ApplicationSource {
 public:
  AppSource(const App& app, const Config& config)
      : site_(app.snapshot(), config.log, config.on_error, config.offload_threads) {}

  std::unique_ptr<server::HostedApplication> make(loop::Loop& loop, RequestStop request_stop) override {
    return std::make_unique<app::Dispatcher>(loop, site_, std::move(request_stop));
  }

 private:
  app::Site site_;
};

}  // namespace

Server serve(const App& app, Config config) {
  auto source = std::make_unique<AppSource>(app, config);
  return Server(server::ServerState::start(std::move(config), std::move(source)));
}

StopReport run(const App& app, Config config) {
  if (!config.stop_policy) config.stop_policy = StopPolicy::production();
  server::Foreground foreground;  // before serving, so that no signal is lost
  auto source = std::make_unique<AppSource>(app, config);
  const std::shared_ptr<server::ServerState> state = server::ServerState::start(std::move(config), std::move(source));
  return foreground.run(*state);
}

}  // namespace outrider
