// SPDX-License-Identifier: MIT
#include "websocket/deflate.h"

#include <zlib.h>

#include <algorithm>
#include <new>
#include <utility>

#include "base/check.h"

namespace outrider::websocket {
namespace {

// RFC 7692 §7.2.1: what a flush ends in is taken off, and put back on the other side.
constexpr std::string_view kTail("\x00\x00\xff\xff", 4);

constexpr int kLargestWindow = 15;
// Inflating with more than is needed does no harm, and 8 is not what every version of zlib takes.
constexpr int kInflateBitsMin = 9;

// The least room that zlib is given.
constexpr std::size_t kRoomMin = 1024;
// The most: a bomb is found before much more than this of it was inflated.
constexpr std::size_t kRoomMax = 64 * 1024;

constexpr std::size_t kSpareInflatersMax = 8;

// What zlib calls its input isn't const, and is.
void set_input(z_stream_s& stream, std::string_view bytes) {
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
}

void set_output(z_stream_s& stream, char* to, std::size_t size) {
  stream.next_out = reinterpret_cast<Bytef*>(to);
  stream.avail_out = static_cast<uInt>(size);
}

// zlib counts in 32 bits: longer payloads go in pieces.
constexpr std::size_t kPieceMax = std::size_t{1} << 30;

}  // namespace

// --- compressing ---------------------------------------------------------------------------------------------------

Deflater::Deflater(const WebSocketDeflate& config, int window_bits) : stream_(new z_stream_s{}) {
  // Negative: without zlib's own head and checksum.
  const int status =
      deflateInit2(stream_.get(), config.level, Z_DEFLATED, -window_bits, config.memory_level, Z_DEFAULT_STRATEGY);
  if (status == Z_MEM_ERROR) throw std::bad_alloc();
  OUTRIDER_CHECK(status == Z_OK);
}

Deflater::~Deflater() { deflateEnd(stream_.get()); }

void Deflater::compress(std::string_view payload, Buffer& to) {
  do {
    const std::string_view piece = payload.substr(0, kPieceMax);
    payload.remove_prefix(piece.size());
    set_input(*stream_, piece);
    std::size_t room = std::max(kRoomMin, piece.size() / 2);
    do {
      set_output(*stream_, to.reserve(room), room);
      const int status = deflate(stream_.get(), payload.empty() ? Z_SYNC_FLUSH : Z_NO_FLUSH);
      OUTRIDER_CHECK(status == Z_OK || status == Z_BUF_ERROR);
      to.commit(room - stream_->avail_out);
    } while (stream_->avail_out == 0);
  } while (!payload.empty());
  OUTRIDER_DCHECK(to.view().ends_with(kTail));
  to.truncate(to.size() - kTail.size());
}

void Deflater::reset() { deflateReset(stream_.get()); }

// --- inflating -----------------------------------------------------------------------------------------------------

Inflater::Inflater(int window_bits) : stream_(new z_stream_s{}) {
  const int status = inflateInit2(stream_.get(), -std::max(window_bits, kInflateBitsMin));
  if (status == Z_MEM_ERROR) throw std::bad_alloc();
  OUTRIDER_CHECK(status == Z_OK);
}

Inflater::~Inflater() { inflateEnd(stream_.get()); }

Inflater::Outcome Inflater::inflate(std::string_view compressed, Buffer& to, std::size_t size_max) {
  if (compressed.empty()) return Outcome::Fine;
  set_input(*stream_, compressed);
  is_behind_final_ = false;
  while (true) {
    // A byte more than may be, so that too much is told from just enough.
    const std::size_t wanted = std::clamp<std::size_t>(std::size_t{stream_->avail_in} * 4, kRoomMin, kRoomMax);
    const std::size_t room = std::min(wanted - 1, size_max - to.size()) + 1;
    set_output(*stream_, to.reserve(room), room);
    const int status = ::inflate(stream_.get(), Z_SYNC_FLUSH);
    if (status == Z_MEM_ERROR) throw std::bad_alloc();
    to.commit(room - stream_->avail_out);
    if (to.size() > size_max) {
      to.truncate(size_max);
      return Outcome::TooLong;
    }
    if (status == Z_STREAM_END) {
      // RFC 7692 §7.2.3.4: a block may say that it is the last one, and others follow; the window goes on with them.
      inflateResetKeep(stream_.get());
      is_behind_final_ = stream_->avail_in == 0;
      if (is_behind_final_) return Outcome::Fine;
      continue;
    }
    if (status != Z_OK && status != Z_BUF_ERROR) return Outcome::Invalid;
    if (stream_->avail_out > 0) return Outcome::Fine;  // all of the input was used
  }
}

Inflater::Outcome Inflater::end_message(Buffer& to, std::size_t size_max) {
  // A last block that nothing follows: there is no flush whose end was taken off.
  if (std::exchange(is_behind_final_, false)) return Outcome::Fine;
  const Outcome outcome = inflate(kTail, to, size_max);
  if (outcome != Outcome::Fine) return outcome;
  // That was the end of a block, and not part of one that was cut short.
  constexpr int kBetweenBlocks = 128;
  return (stream_->data_type & kBetweenBlocks) != 0 ? Outcome::Fine : Outcome::Invalid;
}

void Inflater::reset() {
  inflateReset(stream_.get());
  is_behind_final_ = false;
}

// --- contexts ------------------------------------------------------------------------------------------------------

Deflater& DeflatePool::deflater(const WebSocketDeflate& config, int window_bits) {
  std::unique_ptr<Deflater>& deflater = deflaters_[window_bits];
  if (deflater == nullptr) {
    deflater = std::make_unique<Deflater>(config, window_bits);
  } else {
    deflater->reset();
  }
  return *deflater;
}

std::unique_ptr<Inflater> DeflatePool::acquire_inflater() {
  if (spare_.empty()) return std::make_unique<Inflater>(kLargestWindow);
  std::unique_ptr<Inflater> inflater = std::move(spare_.back());
  spare_.pop_back();
  inflater->reset();
  return inflater;
}

void DeflatePool::release_inflater(std::unique_ptr<Inflater> inflater) {
  if (spare_.size() < kSpareInflatersMax) spare_.push_back(std::move(inflater));
}

Compression::Compression(const WebSocketDeflate& config, DeflatePool& pool, const DeflateAgreement& agreement)
    : config_(config),
      pool_(pool),
      server_window_bits_(agreement.server_window_bits),
      client_window_bits_(agreement.client_window_bits),
      keeps_server_context_(!agreement.server_no_context_takeover),
      keeps_client_context_(!agreement.client_no_context_takeover) {}

void Compression::compress(std::string_view payload, Buffer& to) {
  if (!keeps_server_context_) return pool_.deflater(config_, server_window_bits_).compress(payload, to);
  if (deflater_ == nullptr) {
    deflater_ = std::make_unique<Deflater>(config_, server_window_bits_);
  } else if (is_stale_) {
    deflater_->reset();
  }
  is_stale_ = false;
  deflater_->compress(payload, to);
}

Inflater& Compression::inflater() {
  if (inflater_ == nullptr) {
    inflater_ = keeps_client_context_ ? std::make_unique<Inflater>(client_window_bits_) : pool_.acquire_inflater();
  }
  return *inflater_;
}

Inflater::Outcome Compression::inflate(std::string_view compressed, Buffer& to, std::size_t size_max) {
  return inflater().inflate(compressed, to, size_max);
}

Inflater::Outcome Compression::end_message(Buffer& to, std::size_t size_max) {
  const Inflater::Outcome outcome = inflater().end_message(to, size_max);
  if (!keeps_client_context_) pool_.release_inflater(std::move(inflater_));
  return outcome;
}

}  // namespace outrider::websocket
