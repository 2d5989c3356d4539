// SPDX-License-Identifier: MIT
#pragma once

// A connection's bytes, both ways. TCP, Unix sockets, TLS and memory plug in here; everything above knows only this
// interface.
//
// Thread: loop only. Callbacks come from inside a pass, never from inside a call of the stream's own methods.

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "net/address.h"

namespace outrider {
struct TlsInfo;
}

namespace outrider::net {

class FilePart;

/// What a stream tells its owner. The owner may destroy the stream inside any of these.
class StreamHandler {
 public:
  /// Where the bytes that come next are to be put, for an owner that knows what they will be and has a place for
  /// them; empty: in the loop's scratch memory. Asked before each read, and used by the next on_data() or not at all.
  virtual std::span<char> read_room() { return {}; }
  /// Bytes arrived. They lie in read_room() or in the loop's scratch memory: valid, and free to be overwritten, until
  /// return.
  virtual void on_data(std::span<char> bytes) = 0;
  /// The peer sends no more. It may still read.
  virtual void on_end() = 0;
  /// The connection broke (reset, unreachable; `code` is an errno). No further callbacks but on_write_done().
  virtual void on_error(int code) = 0;
  /// The bytes given to write() were taken by the kernel, or never will be (`code` is an errno, 0 for success).
  virtual void on_write_done(int code) = 0;

 protected:
  ~StreamHandler() = default;
};

/// How peer_address() is known.
enum class PeerKnowledge {
  Connected,  ///< it is the one at the other end
  Announced,  ///< a trusted proxy, which is at the other end, says that it speaks for it
  Unknown,    ///< a trusted proxy speaks for somebody whom it doesn't name; peer_address() is the proxy's own
};

class Stream {
 public:
  /// Closes the connection in order; what write() still holds is lost. No callback comes afterwards.
  virtual ~Stream() = default;

  virtual void set_handler(StreamHandler* handler) = 0;

  /// Reading is off at first.
  virtual void start_reading() = 0;
  virtual void stop_reading() = 0;
  /// The peer has broken the connection off: for somebody who doesn't read, whom no callback may tell.
  virtual bool is_peer_gone() const = 0;

  /// The most pieces that one try_write() takes.
  static constexpr std::size_t kPiecesMax = 64;
  /// Writes what the kernel takes at once. Returns how many bytes that were (perhaps 0), or -errno when the
  /// connection is broken.
  virtual std::ptrdiff_t try_write(std::span<const std::string_view> pieces) = 0;
  /// Sends the beginning of a file's part without its bytes going through this process, as try_write() does, as much
  /// as the kernel takes at once and is fair to others. Returns how much that was, perhaps 0: write() takes anything.
  virtual std::ptrdiff_t try_send_file(const FilePart& part) {
    static_cast<void>(part);
    return 0;
  }
  /// Writes all of it; on_write_done() comes once. One such write at a time; the bytes must stay until then.
  virtual void write(std::span<const std::string_view> pieces) = 0;

  /// How much of the write() under way the kernel hasn't taken yet.
  virtual std::size_t unwritten() const = 0;

  /// Sends the end of our bytes after what was written; reading goes on.
  virtual void shut_write() = 0;
  /// Makes the close a reset, so that the peer sees an error instead of an end.
  virtual void reset_on_close() = 0;

  virtual Address local_address() const = 0;
  virtual Address peer_address() const = 0;
  virtual PeerKnowledge peer_knowledge() const { return PeerKnowledge::Connected; }
  /// Nobody on the way can read or change its bytes: TLS.
  virtual bool is_secured() const { return false; }
  /// What the connection's TLS handshake came to; null without TLS, and until it is complete. As long as the stream.
  virtual const TlsInfo* tls() const { return nullptr; }
};

}  // namespace outrider::net
