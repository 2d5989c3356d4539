// SPDX-License-Identifier: MIT
#include "server/drain.h"

#include <utility>

#include "server/engine.h"

namespace outrider::server {

using http::ServedConnection;

Drain::Drain(Engine& engine, const StopPolicy& policy, Done done)
    : engine_(engine),
      policy_(policy),
      began_(std::chrono::steady_clock::now()),
      timer_(engine.loop_, [this] { next_stage(); }),
      check_([](void* self) { static_cast<Drain*>(self)->check(); }, this) {
  done_.push_back(std::move(done));
  begin();
}

void Drain::begin() {
  engine_.connections_.for_each([](ServedConnection& connection) { connection.begin_drain(); });
  if (!policy_.streams_have_grace) {
    engine_.connections_.for_each([](ServedConnection& connection) {
      if (connection.is_streaming()) connection.tell_stop();
    });
  }
  timer_.start(policy_.grace);
  check_soon();
}

void Drain::hurry(const StopPolicy& policy, Done done) {
  done_.push_back(std::move(done));
  policy_ = policy;
  switch (stage_) {
    case Stage::Grace:
      return timer_.start(policy.grace);
    case Stage::Disconnect:
      return timer_.start(policy.disconnect);
    case Stage::Cancel:
      return timer_.start(policy.cancel);
    case Stage::Done:
      return;
  }
}

void Drain::on_exchange_end(http::StopStage stage) {
  switch (stage) {
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
      stage_ = Stage::Disconnect;
      engine_.connections_.for_each([](ServedConnection& connection) { connection.tell_stop(); });
      timer_.start(policy_.disconnect);
      break;
    case Stage::Disconnect:
      stage_ = Stage::Cancel;
      engine_.connections_.for_each([](ServedConnection& connection) { connection.cancel(); });
      timer_.start(policy_.cancel);
      break;
    case Stage::Cancel:
      return finish();
    case Stage::Done:
      return;
  }
  check_soon();
}

void Drain::check_soon() {
  if (stage_ != Stage::Done) engine_.loop_.defer_step(check_);
}

void Drain::check() {
  bool is_busy = false;
  engine_.connections_.for_each([&](const ServedConnection& connection) { is_busy |= connection.is_busy(); });
  if (!is_busy) finish();
}

// What is idle or lingers is closed, what is busy is cut off.
void Drain::finish() {
  if (std::exchange(stage_, Stage::Done) == Stage::Done) return;
  timer_.stop();
  engine_.connections_.for_each([this](ServedConnection& connection) {
    if (!connection.is_busy()) return connection.close();
    const uint64_t counted = report_.aborted;
    connection.abort();
    // A response that was complete here but hadn't left was cut off as well.
    if (report_.aborted == counted) ++report_.aborted;
  });
  report_.elapsed =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began_);
  const std::vector<Done> done = std::move(done_);
  for (const Done& call : done) call(report_);
}

}  // namespace outrider::server
