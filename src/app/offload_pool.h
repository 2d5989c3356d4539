// SPDX-License-Identifier: MIT
#pragma once

// Threads for Request::offload(): what blocks or computes runs here, off the loops.
//
// Thread: any.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace outrider::app {

class OffloadPool {
 public:
  /// At most so many threads; each is started when there is work and no idle one.
  explicit OffloadPool(int threads_max) : threads_max_(static_cast<std::size_t>(threads_max)) {}
  /// Waits for all jobs.
  ~OffloadPool();
  OffloadPool(const OffloadPool&) = delete;
  OffloadPool& operator=(const OffloadPool&) = delete;

  /// Queues a job, which must not throw. Throws Error(Resource) when there is no thread and none can be started.
  void submit(std::function<void()> job);

 private:
  void work();

  const std::size_t threads_max_;
  std::mutex mutex_;  // guards everything below: submit() is called by several loops
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool is_ending_ = false;
};

}  // namespace outrider::app
