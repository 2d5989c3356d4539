// SPDX-License-Identifier: MIT
#include "server/drain.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "server/engine.h"

namespace outrider::server {

using http::ServedConnection;

Drain::Drain(Engine& engine, const StopPolicy& policy, const http::Application* only)
    : engine_(engine),
      only_(only),
      policy_(policy),
      began_(std::chrono::steady_clock::now()),
      timer_(engine.loop_, [this] { next_stage(); }),
      watch_(engine.loop_, [this] { tell_who_holds_up(); }),
      check_([](void* self) { static_cast<Drain*>(self)->check(); }, this) {}

bool Drain::concerns(const ServedConnection& connection) const {
  if (only_ == nullptr) return true;
  const std::optional<http::RunningExchange> running = connection.running();
  return running && running->application == only_;
}

template <class Function>
void Drain::for_each(Function function) {
  engine_.connections_.for_each([&](ServedConnection& connection) {
    if (concerns(connection)) function(connection);
  });
}

void Drain::begin(Done done) {
  done_.push_back(std::move(done));
  enter(Stage::Grace, policy_.grace);
  if (only_ == nullptr) {
    if (engine_.on_held_up_) watch_.start(engine_.held_up_after_);
    for_each([](ServedConnection& connection) { connection.begin_drain(); });
  }
  // A download may be over soon, a WebSocket isn't: in a stop it is told at once under any policy.
  for_each([this](ServedConnection& connection) {
    const bool ends_by_itself = policy_.streams_have_grace && !(connection.is_tunnelled() && only_ == nullptr);
    if (connection.is_streaming() && !ends_by_itself) connection.tell_stop();
  });
  check_soon();
}

void Drain::enter(Stage stage, std::chrono::milliseconds length) {
  // Longer than anybody waits, and far from what a time point can hold.
  length = std::clamp<std::chrono::milliseconds>(length, {}, std::chrono::hours(24 * 365));
  stage_ = stage;
  stage_ends_ = std::chrono::steady_clock::now() + length;
  timer_.start(length);
}

void Drain::hurry(const StopPolicy& policy, Done done) {
  if (stage_ == Stage::Done) return done(report_);
  done_.push_back(std::move(done));
  policy_.grace = std::min(policy_.grace, policy.grace);
  policy_.disconnect = std::min(policy_.disconnect, policy.disconnect);
  policy_.cancel = std::min(policy_.cancel, policy.cancel);
  const auto length = stage_ == Stage::Grace        ? policy_.grace
                      : stage_ == Stage::Disconnect ? policy_.disconnect
                                                    : policy_.cancel;
  if (std::chrono::steady_clock::now() + length < stage_ends_) enter(stage_, length);
}

void Drain::on_exchange_end(const http::ExchangeRecord& record) {
  if (only_ != nullptr && record.application != only_) return;
  switch (record.stop_stage) {
    case http::StopStage::None:
      ++report_.completed;
      break;
    case http::StopStage::Told:
      ++report_.disconnected;
      break;
    case http::StopStage::Cancelled:
      ++report_.cancelled;
      break;
    case http::StopStage::Aborted:
      ++report_.aborted;
      break;
  }
  check_soon();
}

void Drain::next_stage() {
  switch (stage_) {
    case Stage::Grace:
      report_.held_up = engine_.describe_running();
      enter(Stage::Disconnect, policy_.disconnect);
      for_each([this](ServedConnection& connection) {
        // What isn't taken has had its grace, and there is nobody to tell.
        if (connection.is_flushing()) return cut_off(connection);
        connection.tell_stop();
      });
      break;
    case Stage::Disconnect:
      enter(Stage::Cancel, policy_.cancel);
      for_each([](ServedConnection& connection) { connection.cancel(); });
      break;
    case Stage::Cancel:
      return finish();
    case Stage::Done:
      return;
  }
  check_soon();
}

void Drain::tell_who_holds_up() { engine_.on_held_up_(engine_.describe_running()); }

void Drain::check_soon() {
  if (stage_ != Stage::Done) engine_.loop_.defer_step(check_);
}

void Drain::check() {
  bool is_busy = false;
  for_each([&](const ServedConnection& connection) { is_busy |= connection.is_busy(); });
  if (!is_busy) finish();
}

void Drain::cut_off(ServedConnection& connection) {
  const uint64_t counted = report_.aborted;
  connection.abort();
  // A response that was complete here but hadn't left was cut off as well.
  if (report_.aborted == counted) ++report_.aborted;
}

// What is idle or lingers is closed, what is busy is cut off.
void Drain::finish() {
  if (std::exchange(stage_, Stage::Done) == Stage::Done) return;
  timer_.stop();
  watch_.stop();
  for_each([this](ServedConnection& connection) {
    if (!connection.is_busy()) return connection.close();
    cut_off(connection);
  });
  report_.elapsed = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began_);
  const std::vector<Done> done = std::move(done_);
  for (const Done& call : done) call(report_);
}

}  // namespace outrider::server
