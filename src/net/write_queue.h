// SPDX-License-Identifier: MIT
#pragma once

// What is on its way to a peer: small things copied into one buffer, large ones kept by reference, parts of files, in
// order. One flush is one system call where the kernel takes it all and there are no files.
//
// Thread: loop only.

#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "net/file_part.h"

namespace outrider::net {

class Stream;

/// Buffers that are lent to connections while they have something to write, so that idle ones keep none.
class BufferPool {
 public:
  Buffer acquire();
  void release(Buffer&& buffer);

 private:
  std::vector<Buffer> spare_;
};

class WriteQueue {
 public:
  explicit WriteQueue(BufferPool& pool) : pool_(pool) {}
  ~WriteQueue();

  /// Where to append what is to be copied. Valid until the next call of another method.
  Buffer& buffer();
  /// Appends bytes that are to be copied, and many: only those are that the stream doesn't take at once. What waits
  /// goes before them. A broken stream is found by the next flush().
  void append_through(Stream& stream, std::string_view bytes);
  /// Appends bytes that are kept by reference until they left; then release(owner) is called.
  void append_owned(std::string_view bytes, void* owner, void (*release)(void*));

  /// Appends a part of a file. It is closed once its bytes left.
  void append_file(FilePart part);

  enum class Flush { Done, Pending, Broken };
  /// Writes what can be written. Pending: the stream holds the rest and calls its handler's on_write_done(), which
  /// must lead to on_write_done() here.
  Flush flush(Stream& stream);
  void on_write_done() { drop(in_flight_); }
  bool is_in_flight() const { return in_flight_.size() > 0; }

  /// Bytes not yet taken by the kernel, roughly: a write that is under way counts in full, files as what is left.
  std::size_t size() const { return waiting_.size() + in_flight_.size() + behind_bytes(); }

 private:
  struct Owned {
    std::size_t buffered_before;  // bytes of the buffer that go first
    std::string_view bytes;
    void* owner;
    void (*release)(void*);
  };
  struct Batch {
    Buffer buffer;
    std::vector<Owned> owned;
    std::size_t owned_bytes = 0;

    std::size_t size() const { return buffer.size() + owned_bytes; }
  };

  // A file, and what follows it until the next one.
  struct Behind {
    FilePart file;
    Batch batch;
  };

  Batch& last() { return behind_.empty() ? waiting_ : behind_.back().batch; }
  std::size_t behind_bytes() const;
  Flush flush_waiting(Stream& stream);
  Flush flush_file(Stream& stream);
  void drop(Batch& batch);
  static void collect(const Batch& batch, std::vector<std::string_view>& pieces);

  BufferPool& pool_;
  Batch waiting_;
  std::vector<Behind> behind_;  // what follows waiting_
  Batch in_flight_;             // what Stream::write() refers to
};

}  // namespace outrider::net
