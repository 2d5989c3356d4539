// SPDX-License-Identifier: MIT
#include "app/socket_group.h"

#include <algorithm>
#include <utility>

#include "app/dispatcher.h"
#include "app/handler_run.h"
#include "app/socket_run.h"
#include "loop/mailbox.h"
#include "outrider/websocket.h"

namespace outrider::app {
namespace {

using websocket::MessageType;

// What a message costs besides its bytes, in bytes: small ones are many.
constexpr std::size_t kBytesOfItem = 128;

// In one step: as much as a member's buffer takes by default, so that one that reads gets all of it away before more
// comes, and as much for all members together as doesn't keep others waiting.
constexpr std::size_t kBytesOfMember = 128 * 1024;
constexpr std::size_t kBytesOfStep = 8 * 1024 * 1024;

constexpr uint16_t kTryAgainLater = 1013;

}  // namespace

// --- the shard -----------------------------------------------------------------------------------------------------

Shard::Shard(SocketGroup& group, loop::Loop& loop)
    : group_(group),
      loop_(loop),
      thread_(std::this_thread::get_id()),
      step_([](void* self) { static_cast<Shard*>(self)->deliver(); }, this) {}

void Shard::deliver() {
  for (const OutgoingRef& item : group_.take(*this)) {
    members_.for_each([&](Member& member) { member.send(item); });
  }
}

// --- the member ----------------------------------------------------------------------------------------------------

Member::Member(std::shared_ptr<SocketGroup> group, Shard& shard, SocketRun& socket)
    : group_(std::move(group)), shard_(shard), socket_(socket) {
  shard_.members_.push_back(*this);
}

Member::~Member() {
  unlink();
  group_->leave(shard_);
}

void Member::send(const OutgoingRef& item) {
  if (!socket_.can_send()) return;
  websocket::Session& session = socket_.session();
  if (!waiting_.empty() || !session.is_writable()) return wait(item);
  if (item->message) {
    session.send(*item->message);
  } else {
    session.close(item->close_code, item->close_reason);
  }
}

void Member::wait(const OutgoingRef& item) {
  if (!waiting_.empty() && !waiting_.back()->message) return;  // nothing is sent behind a close frame
  const WebSocketGroupOptions& options = group_->options();
  waiting_.push_back(item);
  waiting_bytes_ += item->bytes;
  if (!item->message || waiting_bytes_ <= options.waiting_bytes_max) return;
  if (options.slow == SlowMember::Close) {
    waiting_.clear();
    waiting_bytes_ = 0;
    return socket_.session().close(kTryAgainLater, "too slow");
  }
  while (waiting_bytes_ > options.waiting_bytes_max) {
    waiting_bytes_ -= waiting_.front()->bytes;
    waiting_.pop_front();
  }
}

void Member::on_writable() {
  while (!waiting_.empty() && socket_.can_send() && socket_.session().is_writable()) {
    const OutgoingRef item = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= item->bytes;
    if (item->message) {
      socket_.session().send(*item->message);
    } else {
      socket_.session().close(item->close_code, item->close_reason);
    }
  }
}

// --- the group -----------------------------------------------------------------------------------------------------

void SocketGroup::join(SocketRun& socket) {
  socket.open();
  if (!socket.can_send() || socket.member_of(*this) != nullptr) return;
  loop::Loop& loop = socket.run().dispatcher().loop();
  std::shared_ptr<Shard> shard;
  {
    const std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(shards_.begin(), shards_.end(), [&](const auto& s) { return &s->loop_ == &loop; });
    if (found != shards_.end()) {
      shard = *found;
    } else {
      shard = shards_.emplace_back(std::make_shared<Shard>(*this, loop));
    }
    ++shard->member_count_;
  }
  socket.add_member(std::make_unique<Member>(shared_from_this(), *shard, socket));
}

void SocketGroup::leave(Shard& shard) {
  std::shared_ptr<Shard> last;  // destroyed without the lock
  const std::lock_guard lock(mutex_);
  if (--shard.member_count_ > 0) return;
  const auto found = std::find_if(shards_.begin(), shards_.end(), [&](const auto& s) { return s.get() == &shard; });
  last = std::move(*found);
  shards_.erase(found);
}

std::size_t SocketGroup::size() const {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const std::shared_ptr<Shard>& shard : shards_) count += shard->member_count_;
  return count;
}

bool SocketGroup::send(MessageType type, std::string_view bytes) {
  check_message(type, bytes);
  auto item = std::make_shared<Outgoing>();
  item->message.emplace(type, bytes);
  item->bytes = bytes.size() + kBytesOfItem;
  return send(std::move(item));
}

void SocketGroup::close(int code, std::string_view reason) {
  check_closure(code, reason);
  auto item = std::make_shared<Outgoing>();
  item->close_code = static_cast<uint16_t>(code);
  item->close_reason = reason;
  send(std::move(item));
}

bool SocketGroup::send(OutgoingRef item) {
  const std::lock_guard lock(mutex_);
  for (const std::shared_ptr<Shard>& shard : shards_) {
    if (!shard->queue_.empty() && shard->queued_bytes_ + item->bytes > options_.queue_bytes_max && item->message) {
      return false;
    }
  }
  for (const std::shared_ptr<Shard>& shard : shards_) {
    shard->queue_.push_back(item);
    shard->queued_bytes_ += item->bytes;
    if (!std::exchange(shard->is_woken_, true)) wake(shard);
  }
  return true;
}

void SocketGroup::wake(const std::shared_ptr<Shard>& shard) {
  if (shard->thread_ == std::this_thread::get_id()) return shard->loop_.defer_step(shard->step_);
  shard->loop_.mailbox().post([waking = std::weak_ptr(shard)] {
    if (const auto woken = waking.lock()) woken->loop_.defer_step(woken->step_);
  });
}

// The rest is for the next pass: what was written must have had its chance to leave.
std::vector<OutgoingRef> SocketGroup::take(Shard& shard) {
  std::vector<OutgoingRef> taken;
  const std::lock_guard lock(mutex_);
  const std::size_t most = std::min(kBytesOfMember, kBytesOfStep / std::max<std::size_t>(shard.member_count_, 1));
  for (std::size_t bytes = 0;
       !shard.queue_.empty() && (taken.empty() || bytes + shard.queue_.front()->bytes <= most);) {
    bytes += shard.queue_.front()->bytes;
    taken.push_back(std::move(shard.queue_.front()));
    shard.queue_.pop_front();
  }
  for (const OutgoingRef& item : taken) shard.queued_bytes_ -= item->bytes;
  shard.is_woken_ = !shard.queue_.empty();
  if (shard.is_woken_) shard.loop_.defer_to_next_pass(shard.step_);
  return taken;
}

}  // namespace outrider::app
