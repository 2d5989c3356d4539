// SPDX-License-Identifier: MIT
#include "server/access_log.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace outrider::server {
namespace {

// A pipe's reader is expected back soon, a disk's space isn't.
constexpr std::chrono::milliseconds kRetryFull{50};
constexpr std::chrono::milliseconds kRetryFailed{1000};

}  // namespace

AccessLog::AccessLog(loop::Loop& loop, AccessFormat format, std::shared_ptr<AccessFile> file, Trouble trouble)
    : loop_(loop),
      format_(std::move(format)),
      file_(std::move(file)),
      trouble_(std::move(trouble)),
      write_([](void* self) { static_cast<AccessLog*>(self)->write(); }, this),
      retry_(loop, [this] { write(); }) {}

AccessLog::AccessLog(loop::Loop& loop, AccessFormat format, WriteLine write_line)
    : AccessLog(loop, std::move(format), nullptr, {}) {
  write_line_ = std::move(write_line);
}

AccessLog::~AccessLog() {
  if (file_ == nullptr) return;
  write();
  if (lines_.empty() && lost_ == 0) return;
  const auto left = static_cast<uint64_t>(std::count(lines_.data(), lines_.data() + lines_.size(), '\n'));
  trouble_("the access log " + file_->name() + " ends without " + std::to_string(lost_ + left) +
           " lines that it didn't take");
}

void AccessLog::add(const http::ExchangeRecord& record) {
  const std::size_t before = lines_.size();
  format_.append(entry_of(record), lines_);
  if (file_ == nullptr) {
    write_line_(lines_.view());
    return lines_.clear();
  }
  lines_.append('\n');
  if (is_stuck_) {
    if (lines_.size() <= kWaitingBytesMax) return;  // the timer goes on
    lines_.truncate(before);
    if (lost_++ == 0 && !std::exchange(has_told_, true)) {
      trouble_("the access log " + file_->name() + " takes nothing: lines are lost until its reader goes on");
    }
    return;
  }
  if (lines_.size() >= kWriteBytes) return write();
  // What ends outside of a pass, in a callback of a host's loop, waits for the others of the next one.
  if (loop_.is_in_pass()) return loop_.defer_flush(write_);
  loop_.defer_step(write_);
}

void AccessLog::write() {
  while (!lines_.empty()) {
    const long written = file_->write(lines_.view());
    if (written <= 0) return on_failure(written == 0 ? EAGAIN : static_cast<int>(-written));
    lines_.consume(static_cast<std::size_t>(written));
  }
  if (is_stuck_) on_recovered();
}

void AccessLog::on_failure(int code) {
  is_stuck_ = true;
  const bool is_full = code == EAGAIN || code == EWOULDBLOCK;
  retry_.start(is_full ? kRetryFull : kRetryFailed);
  if (is_full || std::exchange(has_told_, true)) return;
  trouble_("can't write to the access log " + file_->name() + ": " + std::strerror(code) +
           "; requests are served all the same, and their lines wait as long as there is room for them");
}

void AccessLog::on_recovered() {
  is_stuck_ = false;
  retry_.stop();
  lines_.recycle(kWriteBytes);
  if (std::exchange(has_told_, false)) {
    trouble_("the access log " + file_->name() + " is written again; " + std::to_string(lost_) + " lines were lost");
  }
  lost_ = 0;
}

}  // namespace outrider::server
