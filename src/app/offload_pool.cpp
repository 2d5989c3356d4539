// SPDX-License-Identifier: MIT
#include "app/offload_pool.h"

#include <system_error>
#include <utility>

#include "outrider/error.h"
#include "server/own_thread.h"
#include "server/thread_signals.h"

namespace outrider::app {

OffloadPool::~OffloadPool() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void OffloadPool::submit(std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  jobs_.push_back(std::move(job));
  if (jobs_.size() > idle_ && threads_.size() < threads_max_) {
    try {
      const server::ThreadSignals blocked;
      threads_.emplace_back([this, server = server::current_server] {
        server::current_server = server;
        work();
      });
    } catch (const std::system_error& error) {
      if (threads_.empty()) {
        jobs_.pop_back();
        throw Error(ErrorKind::Resource, "can't start a thread for offload()", error.code().value());
      }
    }
  }
  wake_.notify_one();
}

void OffloadPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    wake_.wait(lock, [this] { return !jobs_.empty() || is_ending_; });
    --idle_;
    if (jobs_.empty()) return;
    const std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

}  // namespace outrider::app
