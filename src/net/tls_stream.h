// SPDX-License-Identifier: MIT
#pragma once

// A Stream that is TLS, the server's side, over any other. Its owner gets no bytes before the handshake is complete,
// and none of a connection whose handshake fails: that ends in on_error().
//
//   First ──first bytes──► Waiting ──a place among the handshakes──► Handshaking ──done──► Open
//   First ──first bytes are HTTP──► Refused        Handshaking ──failed──► Refused        Open ──failed──► Broken
//   Refused ──the peer has read why, or linger_timeout──► Broken
//
// The end of the peer's bytes without a close_notify is on_end() as well: HTTP's framing tells whether a message is
// whole, and many clients leave without a word.
//
// Memory: an idle connection has OpenSSL's session and no buffers; what is decrypted and encrypted lies in buffers
// that all streams of an engine share (TlsReception). While the kernel doesn't take all, one chunk waits here.
//
// Thread: loop only. The host's lock is released for handshakes and for large chunks (loop/host_lock.h).

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "loop/deadline.h"
#include "loop/loop.h"
#include "net/stream.h"
#include "net/tls_bio.h"
#include "net/tls_context.h"
#include "net/tls_handshakes.h"

namespace outrider::net {

/// What the TLS streams of an engine share. Lives longer than any of them.
class TlsReception {
 public:
  struct Limits {
    uint64_t handshake_timeout_ms;  // from the start of reading to the end of the handshake; 0: no limit
    uint64_t linger_timeout_ms;     // for the peer to read why it is refused
  };
  /// Called with the peer of a connection that is refused.
  using OnRefused = std::function<void(const Address& peer, std::string_view reason)>;

  TlsReception(loop::Loop& loop, loop::DeadlineWheel& deadlines, std::shared_ptr<const TlsContexts> contexts,
               std::shared_ptr<TlsHandshakes> handshakes, const Limits& limits, OnRefused on_refused = {});
  ~TlsReception() { queue_->close(); }

 private:
  friend class TlsStream;

  loop::Loop& loop_;
  loop::DeadlineWheel& deadlines_;
  const std::shared_ptr<const TlsContexts> contexts_;  // shared with the server's other engines
  const std::shared_ptr<TlsHandshakes> handshakes_;    // likewise
  const Limits limits_;
  const OnRefused on_refused_;
  const std::shared_ptr<HandshakeQueue> queue_;
  const std::unique_ptr<char[]> plain_;   // what was decrypted, for on_data()
  const std::unique_ptr<char[]> record_;  // small pieces that become one record
  Buffer sealed_;                         // what OpenSSL wrote; empty between the calls of a stream
};

class TlsStream final : public Stream, private StreamHandler, private loop::Deadline, private HandshakeWaiter {
 public:
  TlsStream(std::unique_ptr<Stream> below, TlsReception& reception);
  ~TlsStream() override;

  void set_handler(StreamHandler* handler) override { handler_ = handler; }
  void start_reading() override;
  void stop_reading() override;
  bool is_peer_gone() const override { return below_->is_peer_gone(); }
  std::ptrdiff_t try_write(std::span<const std::string_view> pieces) override;
  void write(std::span<const std::string_view> pieces) override;
  std::size_t unwritten() const override;
  void shut_write() override;
  void reset_on_close() override;
  Address local_address() const override { return below_->local_address(); }
  Address peer_address() const override { return below_->peer_address(); }
  PeerKnowledge peer_knowledge() const override { return below_->peer_knowledge(); }
  bool is_secured() const override { return is_secured_; }
  const TlsInfo* tls() const override;

 private:
  enum class State { First, Waiting, Handshaking, Open, Refused, Broken };
  enum class Input { Wanted, Full, Ended, Failed };

  // What is to be written, from its front.
  struct Cursor {
    std::span<const std::string_view> pieces;
    std::size_t offset = 0;  // in the first one

    void skip(std::size_t count);
    std::string_view front() const { return pieces.front().substr(offset); }
    bool empty() const { return pieces.empty(); }
  };

  // StreamHandler, of the stream below
  void on_data(std::span<char> bytes) override;
  void on_end() override;
  void on_error(int code) override;
  void on_write_done(int code) override;
  // loop::Deadline
  void on_deadline() override;
  // HandshakeWaiter
  void on_place(HandshakePlace place) override;

  void take_first(std::string_view bytes);
  void begin_handshake();
  void take_held();
  void process(std::string_view input);
  bool shake();
  void deliver();
  Input decrypt(std::span<char> room, std::size_t& count);
  void end_input();
  std::size_t seal(Cursor& cursor);
  void seal_record(Cursor& cursor, std::size_t& count, std::size_t most);
  int send_sealed();
  void write_below();
  void go_on_writing();
  void answer_http();
  void refuse(std::string_view reason);
  void break_off(int code);
  std::string describe_failure() const;
  bool is_below_busy() const { return in_flight_.size() > 0; }

  const std::unique_ptr<Stream> below_;
  TlsReception& reception_;
  std::shared_ptr<const TlsContext> context_;  // shared with those of the same time; ssl_ refers to it
  SslPtr ssl_;                                 // null before the handshake
  TlsBytes bytes_;
  HandshakePlace place_;
  StreamHandler* handler_ = nullptr;
  Buffer held_;                            // input that can't be worked on yet
  Buffer in_flight_;                       // what below_->write() refers to
  Buffer queued_;                          // what follows it
  std::vector<std::string_view> writing_;  // what is left of the owner's write()
  Cursor to_write_;                        // in writing_
  std::size_t ahead_ = 0;                  // of what the owner writes next, so much is encrypted already
  loop::Deferred take_held_;
  loop::Deferred go_on_writing_;
  mutable std::unique_ptr<TlsInfo> info_;  // made when first asked for
  bool* was_destroyed_ = nullptr;          // of the call of the owner that is under way
  State state_ = State::First;
  bool is_reading_ = false;
  bool is_secured_ = false;        // the handshake was completed
  bool is_writing_ = false;        // the owner's write() isn't done
  bool is_ended_ = false;          // the owner was told of the end
  bool has_below_ended_ = false;   // the stream below was
  bool is_shut_ = false;           // shut_write()
  bool wants_shut_below_ = false;  // once everything has left
  bool resets_on_close_ = false;
};

}  // namespace outrider::net
