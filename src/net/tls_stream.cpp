// SPDX-License-Identifier: MIT
#include "net/tls_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "loop/host_lock.h"
#include "net/tls_info.h"

namespace outrider::net {
namespace {

// What is decrypted at once for one on_data(): as much as a read brings.
constexpr std::size_t kPlainBytes = 64 * 1024;
// What is encrypted at once, and waits here when the kernel doesn't take it.
constexpr std::size_t kChunkBytes = 64 * 1024;
// RFC 8446 §5.1.
constexpr std::size_t kRecordBytes = 16 * 1024;
// From here on it is worth releasing the host's lock for encryption and decryption.
constexpr std::size_t kLongBytes = 64 * 1024;
// What one call of try_write() takes at most, for others to have their turn.
constexpr std::size_t kTryWriteMax = 1024 * 1024;
// A peer can make us answer without reading the answers (key updates). So much of that, and it is cut off.
constexpr std::size_t kAnswersMax = 64 * 1024;
// The shared buffer keeps this much memory.
constexpr std::size_t kSealedKept = 2 * kChunkBytes;

constexpr std::string_view kHttpsAnswer =
    "HTTP/1.1 400 Bad Request\r\n"
    "content-type: text/plain; charset=utf-8\r\n"
    "content-length: 59\r\n"
    "connection: close\r\n\r\n"
    "this port speaks https, and the request came as plain http\n";

}  // namespace

TlsReception::TlsReception(loop::Loop& loop, loop::DeadlineWheel& deadlines,
                           std::shared_ptr<const TlsContexts> contexts, std::shared_ptr<TlsHandshakes> handshakes,
                           const Limits& limits, OnRefused on_refused)
    : loop_(loop),
      deadlines_(deadlines),
      contexts_(std::move(contexts)),
      handshakes_(std::move(handshakes)),
      limits_(limits),
      on_refused_(std::move(on_refused)),
      queue_(std::make_shared<HandshakeQueue>(loop.mailbox())),
      plain_(new char[kPlainBytes]),
      record_(new char[kRecordBytes]) {}

void TlsStream::Cursor::skip(std::size_t count) {
  offset += count;
  while (!pieces.empty() && offset >= pieces.front().size()) {
    offset -= pieces.front().size();
    pieces = pieces.subspan(1);
  }
}

TlsStream::TlsStream(std::unique_ptr<Stream> below, TlsReception& reception)
    : below_(std::move(below)),
      reception_(reception),
      bytes_{{}, &reception.sealed_},
      take_held_([](void* self) { static_cast<TlsStream*>(self)->take_held(); }, this),
      go_on_writing_([](void* self) { static_cast<TlsStream*>(self)->go_on_writing(); }, this) {
  below_->set_handler(this);
}

// An orderly close says so (RFC 8446 §6.1), as long as that needs no waiting. One in the middle of a write isn't
// orderly: the peer might take what came for all there is.
TlsStream::~TlsStream() {
  if (was_destroyed_ != nullptr) *was_destroyed_ = true;
  reception_.deadlines_.clear(*this);
  below_->set_handler(nullptr);
  if (state_ != State::Open || is_shut_ || resets_on_close_ || is_writing_ || is_below_busy()) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  const std::string_view notice = reception_.sealed_.view();
  if (!notice.empty()) below_->try_write({&notice, 1});
  reception_.sealed_.clear();
}

const TlsInfo* TlsStream::tls() const {
  if (!is_secured_) return nullptr;
  if (info_ == nullptr) info_ = std::make_unique<TlsInfo>(describe_session(ssl_.get()));
  return info_.get();
}

// --- input ---------------------------------------------------------------------------------------------------------

void TlsStream::start_reading() {
  is_reading_ = true;
  if (state_ < State::Open) reception_.deadlines_.set(*this, reception_.limits_.handshake_timeout_ms);
  if (state_ == State::Waiting) return;
  below_->start_reading();
  // No callback comes from within this call.
  const bool has_more = !held_.empty() || has_below_ended_ || (ssl_ != nullptr && SSL_has_pending(ssl_.get()) == 1);
  if (has_more) reception_.loop_.defer_step(take_held_);
}

void TlsStream::stop_reading() {
  is_reading_ = false;
  if (state_ < State::Open) reception_.deadlines_.clear(*this);
  below_->stop_reading();
}

void TlsStream::on_data(std::span<char> bytes) {
  const std::string_view input(bytes.data(), bytes.size());
  if (state_ == State::First) return take_first(input);
  if (state_ == State::Refused || state_ == State::Broken) return;  // dropped, so that the peer reads our last words
  if (held_.empty() && state_ != State::Waiting) return process(input);
  held_.append(input);
  take_held();
}

void TlsStream::take_first(std::string_view bytes) {
  // A record of a handshake begins with 22 (RFC 8446 §5.1), a method with a letter.
  if (bytes[0] >= 'A' && bytes[0] <= 'Z') return answer_http();
  TlsHandshakes& handshakes = *reception_.handshakes_;
  if (handshakes.has_limit()) place_ = handshakes.enter();
  if (place_ != nullptr || !handshakes.has_limit()) {
    begin_handshake();
    return process(bytes);
  }
  state_ = State::Waiting;
  held_.append(bytes);
  below_->stop_reading();
  reception_.queue_->push(*this);
  handshakes.wait(reception_.queue_);
}

void TlsStream::on_place(HandshakePlace place) {
  place_ = std::move(place);
  begin_handshake();
  if (!is_reading_) return;
  below_->start_reading();
  take_held();
}

void TlsStream::begin_handshake() {
  state_ = State::Handshaking;
  context_ = reception_.contexts_->current();
  ssl_ = context_->new_ssl();
  if (ssl_ != nullptr && !set_tls_bytes(ssl_.get(), bytes_)) ssl_.reset();
}

void TlsStream::take_held() {
  if (!is_reading_ || ssl_ == nullptr || state_ > State::Open) return;
  const Buffer held = std::move(held_);
  held_ = Buffer();
  process(held.view());
}

// What can't be used of the input is kept.
void TlsStream::process(std::string_view input) {
  bool was_destroyed = false;
  was_destroyed_ = &was_destroyed;
  bytes_.input = input;
  if (state_ != State::Handshaking || shake()) deliver();
  if (was_destroyed) return;
  if (!bytes_.input.empty() && state_ <= State::Open) held_.append(bytes_.input);
  bytes_.input = {};
  if (has_below_ended_ && held_.empty() && is_reading_) end_input();
  if (!was_destroyed) was_destroyed_ = nullptr;
}

// True when the handshake is done.
bool TlsStream::shake() {
  if (ssl_ == nullptr) {
    refuse("there is no memory for its handshake");
    return false;
  }
  int result = 0;
  int error = SSL_ERROR_NONE;
  {
    const loop::Unlocked unlocked(reception_.loop_);
    ERR_clear_error();
    result = SSL_do_handshake(ssl_.get());
    if (result != 1) error = SSL_get_error(ssl_.get(), result);
  }
  if (result != 1 && error != SSL_ERROR_WANT_READ) {
    refuse("the TLS handshake failed: " + describe_failure());
    return false;
  }
  if (const int broken = send_sealed(); broken != 0) {
    break_off(broken);
    return false;
  }
  if (result != 1) return false;
  state_ = State::Open;
  is_secured_ = true;
  place_.reset();
  reception_.deadlines_.clear(*this);
  if (is_writing_ && !is_below_busy()) reception_.loop_.defer_step(go_on_writing_);
  return true;
}

std::string TlsStream::describe_failure() const {
  const long verified = SSL_get_verify_result(ssl_.get());
  std::string reason = take_openssl_reason();
  if (verified != X509_V_OK) reason += std::string(" (") + X509_verify_cert_error_string(verified) + ")";
  return reason.empty() ? "the peer broke it off" : reason;
}

void TlsStream::deliver() {
  bool& was_destroyed = *was_destroyed_;
  Input input = Input::Full;
  while (input == Input::Full && is_reading_ && state_ == State::Open && handler_ != nullptr) {
    std::span<char> room = handler_->read_room();
    if (room.empty()) room = {reception_.plain_.get(), kPlainBytes};
    std::size_t count = 0;
    input = decrypt(room, count);
    const int broken = send_sealed();
    if (count > 0) handler_->on_data(room.first(count));
    if (was_destroyed || handler_ == nullptr) return;
    if (broken != 0 || queued_.size() > kAnswersMax) return break_off(broken != 0 ? broken : EPROTO);
    if (input == Input::Ended) return end_input();
    if (input == Input::Failed) return is_shut_ ? end_input() : break_off(EPROTO);
  }
}

TlsStream::Input TlsStream::decrypt(std::span<char> room, std::size_t& count) {
  const loop::Unlocked unlocked(reception_.loop_, bytes_.input.size() >= kLongBytes);
  ERR_clear_error();
  while (count < room.size()) {
    std::size_t more = 0;
    const int result = SSL_read_ex(ssl_.get(), room.data() + count, room.size() - count, &more);
    count += more;
    if (result == 1) continue;
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return Input::Wanted;
      case SSL_ERROR_ZERO_RETURN:
        return Input::Ended;
      default:
        take_openssl_reason();
        return Input::Failed;
    }
  }
  return Input::Full;
}

void TlsStream::on_end() {
  if (state_ == State::Refused) return break_off(EPROTO);
  has_below_ended_ = true;
  if (ssl_ == nullptr) return end_input();
  take_held();  // also what OpenSSL still has
}

void TlsStream::end_input() {
  held_.recycle(0);
  bytes_.input = {};
  if (state_ == State::Broken || std::exchange(is_ended_, true) || handler_ == nullptr) return;
  handler_->on_end();
}

void TlsStream::on_error(int code) {
  if (state_ != State::Broken) break_off(code);
}

// --- output --------------------------------------------------------------------------------------------------------

// What is encrypted can't be taken back. So what the stream below doesn't take at once counts as not taken, and as
// `ahead_`: when the owner comes with it again, it isn't encrypted twice.
std::ptrdiff_t TlsStream::try_write(std::span<const std::string_view> pieces) {
  if (state_ == State::Broken || state_ == State::Refused) return -EPIPE;
  if (state_ != State::Open || is_below_busy() || is_writing_) return 0;
  Cursor cursor{pieces};
  cursor.skip(ahead_);
  std::size_t taken = std::exchange(ahead_, 0);
  while (!cursor.empty() && taken < kTryWriteMax) {
    const std::size_t sealed = seal(cursor);
    if (sealed == 0) return -EPROTO;
    if (const int broken = send_sealed(); broken != 0) return -broken;
    if (is_below_busy()) {
      ahead_ = sealed;
      break;
    }
    taken += sealed;
  }
  return static_cast<std::ptrdiff_t>(taken);
}

void TlsStream::write(std::span<const std::string_view> pieces) {
  OUTRIDER_CHECK(!is_writing_);
  is_writing_ = true;
  writing_.assign(pieces.begin(), pieces.end());
  to_write_ = {writing_};
  to_write_.skip(std::exchange(ahead_, 0));
  if (!is_below_busy() && state_ >= State::Open) reception_.loop_.defer_step(go_on_writing_);
}

// Encrypts what is one chunk at most; returns how much that was. 0: it can't be.
std::size_t TlsStream::seal(Cursor& cursor) {
  std::size_t wanted = 0;
  for (std::size_t i = 0; i < cursor.pieces.size() && wanted < kLongBytes; ++i) wanted += cursor.pieces[i].size();
  const loop::Unlocked unlocked(reception_.loop_, wanted >= kLongBytes + cursor.offset);
  ERR_clear_error();
  std::size_t count = 0;
  while (!cursor.empty() && count < kChunkBytes) {
    const std::size_t before = count;
    seal_record(cursor, count, kChunkBytes - count);
    if (count == before) {
      reception_.sealed_.clear();  // it is shared: no other stream may send what this one made
      return 0;
    }
  }
  return count;
}

// Small pieces become one record: a head and its content, as a rule.
void TlsStream::seal_record(Cursor& cursor, std::size_t& count, std::size_t most) {
  std::string_view bytes = cursor.front().substr(0, most);
  if (bytes.size() < kRecordBytes && cursor.pieces.size() > 1) {
    std::size_t size = 0;
    char* const record = reception_.record_.get();
    for (Cursor from = cursor; !from.empty() && size < std::min(most, kRecordBytes);) {
      const std::string_view piece = from.front().substr(0, std::min(most, kRecordBytes) - size);
      std::memcpy(record + size, piece.data(), piece.size());
      size += piece.size();
      from.skip(piece.size());
    }
    bytes = {record, size};
  }
  std::size_t written = 0;
  if (SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written) != 1) return;
  cursor.skip(written);
  count += written;
}

// What OpenSSL has written goes out, or waits its turn. Returns an errno.
int TlsStream::send_sealed() {
  Buffer& sealed = reception_.sealed_;
  if (wants_shut_below_) sealed.clear();  // there is no sending behind the end
  if (!sealed.empty() && !is_below_busy()) {
    const std::string_view bytes = sealed.view();
    const std::ptrdiff_t written = below_->try_write({&bytes, 1});
    if (written < 0) {
      sealed.clear();
      return static_cast<int>(-written);
    }
    sealed.consume(static_cast<std::size_t>(written));
  }
  if (!sealed.empty()) {
    queued_.append(sealed.view());
    if (!is_below_busy()) write_below();
  }
  sealed.recycle(kSealedKept);
  return 0;
}

void TlsStream::write_below() {
  in_flight_ = std::move(queued_);
  queued_ = Buffer();
  const std::string_view bytes = in_flight_.view();
  below_->write({&bytes, 1});
}

void TlsStream::on_write_done(int code) {
  in_flight_ = Buffer();
  if (state_ == State::Broken) return;
  if (code != 0) return break_off(code);
  if (!queued_.empty()) return write_below();
  if (wants_shut_below_) below_->shut_write();
  if (is_writing_ && state_ == State::Open) go_on_writing();
}

void TlsStream::go_on_writing() {
  if (!is_writing_ || is_below_busy()) return;
  if (state_ != State::Open) return break_off(EPIPE);
  for (std::size_t written = 0; !to_write_.empty();) {
    if (written >= kTryWriteMax) return reception_.loop_.defer_to_next_pass(go_on_writing_);
    const std::size_t sealed = seal(to_write_);
    if (const int broken = sealed == 0 ? EPROTO : send_sealed(); broken != 0) return break_off(broken);
    if (is_below_busy()) return;
    written += sealed;
  }
  is_writing_ = false;
  writing_.clear();
  if (handler_ != nullptr) handler_->on_write_done(0);
}

std::size_t TlsStream::unwritten() const {
  if (!is_writing_) return 0;
  std::size_t size = queued_.size() + below_->unwritten() - to_write_.offset;
  for (const std::string_view piece : to_write_.pieces) size += piece.size();
  return size;
}

void TlsStream::shut_write() {
  if (std::exchange(is_shut_, true)) return;
  if (state_ == State::Open) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    if (send_sealed() != 0) return;  // who reads hears of it
  }
  wants_shut_below_ = true;
  if (!is_below_busy()) below_->shut_write();
}

void TlsStream::reset_on_close() {
  resets_on_close_ = true;
  below_->reset_on_close();
}

// --- the end -------------------------------------------------------------------------------------------------------

void TlsStream::on_deadline() {
  if (state_ == State::Refused) return break_off(EPROTO);
  if (reception_.on_refused_) reception_.on_refused_(peer_address(), "the TLS handshake took too long");
  break_off(ETIMEDOUT);
}

// nginx does so, too: who forgot the s is told.
void TlsStream::answer_http() {
  reception_.sealed_.append(kHttpsAnswer);
  refuse("it speaks http, and this port https");
}

// The peer is to read why: an alert, or a sentence. Were the connection closed now, the reset could overtake it.
void TlsStream::refuse(std::string_view reason) {
  state_ = State::Refused;
  place_.reset();
  held_.recycle(0);
  if (reception_.on_refused_) reception_.on_refused_(peer_address(), reason);
  if (send_sealed() != 0) return break_off(EPROTO);
  shut_write();
  reception_.deadlines_.set(*this, std::max<uint64_t>(reception_.limits_.linger_timeout_ms, 1));
}

// The owner hears of it by its write(), if there is one under way.
void TlsStream::break_off(int code) {
  state_ = State::Broken;
  place_.reset();
  reception_.deadlines_.clear(*this);
  HandshakeWaiter::unlink();
  if (is_reading_) stop_reading();
  if (handler_ == nullptr) return;
  if (std::exchange(is_writing_, false)) return handler_->on_write_done(code);
  handler_->on_error(code);
}

}  // namespace outrider::net
