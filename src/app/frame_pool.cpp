// SPDX-License-Identifier: MIT

// Coroutine frames come in a few sizes, again and again, on the same thread: a free list for each size of a thread
// makes an allocation two loads and a store. Blocks are ordinary ones of operator new, so a frame may be freed on
// another thread: it then serves there.
//
// Under a sanitizer nothing is kept, so that it sees frames come and go.

#include <array>
#include <cstddef>
#include <new>

#include "outrider/task.h"

namespace outrider::detail {
namespace {

constexpr std::size_t kGranule = 64;
constexpr std::size_t kPooledMax = 2048;           // a larger frame has arrays in it; it is allocated each time
constexpr std::size_t kKeptBytesMax = 512 * 1024;  // of a thread: some 1000 handlers in flight

struct Block {
  Block* next;
};

// Trivial, so that it can still be used by what dies after the thread's other objects; Cleaner then closes it.
struct Pool {
  std::array<Block*, kPooledMax / kGranule> free_blocks;
  std::size_t kept_bytes;
  bool is_watched;
  bool is_closed;
};

thread_local constinit Pool pool{};

struct Cleaner {
  ~Cleaner() {
    pool.is_closed = true;
    for (Block*& first : pool.free_blocks) {
      while (first != nullptr) {
        Block* block = first;
        first = block->next;
        ::operator delete(block);
      }
    }
  }
};

void watch() {
  thread_local Cleaner cleaner;
  static_cast<void>(cleaner);
  pool.is_watched = true;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kKeeps = false;
#else
constexpr bool kKeeps = true;
#endif

constexpr std::size_t index_of(std::size_t size) { return (size - 1) / kGranule; }
constexpr std::size_t rounded(std::size_t size) { return (index_of(size) + 1) * kGranule; }

}  // namespace

void* allocate_frame(std::size_t size) {
  if (size > kPooledMax) return ::operator new(size);
  Block*& first = pool.free_blocks[index_of(size)];
  if (first == nullptr) return ::operator new(rounded(size));
  Block* block = first;
  first = block->next;
  pool.kept_bytes -= rounded(size);
  return block;
}

void release_frame(void* frame, std::size_t size) noexcept {
  if (!kKeeps || size > kPooledMax || pool.is_closed || pool.kept_bytes + rounded(size) > kKeptBytesMax) {
    return ::operator delete(frame);
  }
  if (!pool.is_watched) watch();
  Block*& first = pool.free_blocks[index_of(size)];
  first = ::new (frame) Block{first};
  pool.kept_bytes += rounded(size);
}

}  // namespace outrider::detail
