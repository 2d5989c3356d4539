// SPDX-License-Identifier: MIT
#pragma once

// The lock that a loop's host holds while it runs a pass: Python's GIL. Work that is long lets go of it, so that the
// program's other threads go on meanwhile; everything else in a pass keeps it (docs/design/gil.md).
//
//   {
//     const loop::Unlocked unlocked(loop);
//     status = SSL_do_handshake(ssl);  // touches the codec's own state, and nothing else
//   }
//
// While the lock is released only the codec's own state may be touched: no handler is called, nothing is deferred or
// posted, no pass is asked for, nothing of the application's is read or freed. The loop stays in its pass, on its
// thread; other threads of the program run, and may end up in what they may call of the server from any thread.
//
// Worth it from some tens of microseconds on: a TLS handshake's step, 64 KiB to encrypt, decrypt, compress or
// inflate. For less, getting the lock back from a busy program costs more than it gives.
//
// Thread: the loop's, inside a pass or outside of one (a host's callback that writes).

#include "loop/loop.h"

namespace outrider::loop {

class HostLock {
 public:
  virtual void release() = 0;
  /// May not return: an interpreter that ends takes its threads along, by unwinding them.
  virtual void acquire() = 0;

 protected:
  ~HostLock() = default;
};

/// Releases the lock of the loop's host, if it has one, and takes it again at the end of the scope. Not nested.
class Unlocked {
 public:
  explicit Unlocked(Loop& loop) : Unlocked(loop, true) {}
  /// Does nothing unless `is_worth_it`: for work that is long only sometimes.
  Unlocked(Loop& loop, bool is_worth_it) : lock_(is_worth_it ? loop.host_lock() : nullptr) {
    if (lock_ != nullptr) lock_->release();
  }
  ~Unlocked() noexcept(false) {
    if (lock_ != nullptr) lock_->acquire();
  }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  HostLock* lock_;
};

}  // namespace outrider::loop
