// SPDX-License-Identifier: MIT
#include "testing/memory_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace outrider::testing {

MemoryClient::MemoryClient(loop::Loop& loop)
    : loop_(loop), made_(std::make_unique<MemoryStream>(loop, *this)), stream_(made_.get()) {}

MemoryClient::~MemoryClient() {
  made_.reset();
  if (stream_ == nullptr) return;
  reset();
  stream_->client_ = nullptr;
}

std::unique_ptr<net::Stream> MemoryClient::take_stream() { return std::move(made_); }

void MemoryClient::send(std::string_view bytes) {
  if (stream_ == nullptr || bytes.empty()) return;
  fragments_.emplace_back(bytes);
  stream_->wake();
}

void MemoryClient::send_cut(std::string_view bytes, std::size_t fragment) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(fragment, bytes.size()))) send(bytes.substr(0, fragment));
}

void MemoryClient::end() {
  ends_ = true;
  if (stream_ != nullptr) stream_->wake();
}

void MemoryClient::reset() {
  error_ = ECONNRESET;
  if (stream_ != nullptr) stream_->wake();
}

void MemoryClient::allow(std::size_t bytes) {
  allowed_ = bytes;
  if (stream_ != nullptr) stream_->wake();
}

void MemoryClient::set_addresses(const net::Address& client, const net::Address& server) {
  OUTRIDER_CHECK(stream_ != nullptr);
  stream_->peer_ = client;
  stream_->local_ = server;
}

void MemoryClient::break_writing() {
  is_writing_broken_ = true;
  if (stream_ != nullptr) stream_->wake();
}

const std::vector<std::string_view>& MemoryClient::being_written() const {
  OUTRIDER_CHECK(stream_ != nullptr);
  return stream_->writing_;
}

bool MemoryClient::is_being_read() const { return stream_ != nullptr && stream_->is_reading_; }

MemoryStream::MemoryStream(loop::Loop& loop, MemoryClient& client) : loop_(loop), client_(&client) {
  uv_idle_init(loop.raw(), poll_.get());
  poll_.opened(this);
}

MemoryStream::~MemoryStream() {
  if (client_ == nullptr) return;
  client_->stream_ = nullptr;
  client_->is_ended_ = true;
  client_->was_reset_ = resets_on_close_;
}

void MemoryStream::wake() {
  uv_idle_start(poll_.get(), [](uv_idle_t* handle) {
    uv_idle_stop(handle);
    if (handle->data != nullptr) static_cast<MemoryStream*>(handle->data)->deliver();
  });
  loop_.need_pass();
}

void MemoryStream::start_reading() {
  is_reading_ = true;
  wake();
}

std::size_t MemoryStream::take(std::string_view piece) {
  const std::size_t count = std::min(piece.size(), client_->allowed_);
  client_->received_.append(piece.substr(0, count));
  if (client_->allowed_ != MemoryClient::kEverything) client_->allowed_ -= count;
  return count;
}

std::ptrdiff_t MemoryStream::try_write(std::span<const std::string_view> pieces) {
  OUTRIDER_CHECK(!is_writing_ && !pieces.empty() && pieces.size() <= kPiecesMax);
  if (client_ == nullptr || client_->is_writing_broken_) return -EPIPE;
  OUTRIDER_CHECK(!client_->is_ended_);
  ++client_->write_calls_;
  std::size_t written = 0;
  for (const std::string_view piece : pieces) {
    const std::size_t count = take(piece);
    written += count;
    if (count < piece.size()) break;
  }
  return static_cast<std::ptrdiff_t>(written);
}

void MemoryStream::write(std::span<const std::string_view> pieces) {
  OUTRIDER_CHECK(!is_writing_);
  if (client_ != nullptr) ++client_->write_calls_;
  is_writing_ = true;
  writing_.assign(pieces.begin(), pieces.end());
  wake();
}

std::size_t MemoryStream::unwritten() const {
  std::size_t size = 0;
  for (const std::string_view piece : writing_) size += piece.size();
  return size;
}

void MemoryStream::shut_write() {
  OUTRIDER_CHECK(!is_writing_);
  if (client_ != nullptr) client_->is_ended_ = true;
}

void MemoryStream::deliver() {
  if (handler_ == nullptr || is_broken_) return;
  if (client_ == nullptr || client_->error_ != 0) {
    is_broken_ = true;
    return handler_->on_error(client_ == nullptr ? ECONNRESET : client_->error_);
  }
  if (is_writing_) return deliver_write();
  deliver_read();
}

void MemoryStream::deliver_write() {
  if (client_->is_writing_broken_) {
    is_writing_ = false;
    writing_.clear();
    return handler_->on_write_done(EPIPE);
  }
  while (!writing_.empty()) {
    const std::size_t count = take(writing_.front());
    writing_.front().remove_prefix(count);
    if (!writing_.front().empty()) return deliver_read();
    writing_.erase(writing_.begin());
  }
  is_writing_ = false;
  wake();
  handler_->on_write_done(0);
}

void MemoryStream::deliver_read() {
  if (!is_reading_ || is_ended_) return;
  if (client_->fragments_.empty()) {
    if (!client_->ends_) return;
    is_ended_ = true;
    is_reading_ = false;
    return handler_->on_end();
  }
  std::string& fragment = client_->fragments_.front();
  const std::span<char> room = handler_->read_room();
  const std::span<char> place = room.empty() ? loop_.scratch() : room;
  const std::span<char> bytes = place.first(std::min(fragment.size(), place.size()));
  std::memcpy(bytes.data(), fragment.data(), bytes.size());
  fragment.erase(0, bytes.size());
  if (fragment.empty()) client_->fragments_.pop_front();
  wake();
  loop::Loop& loop = loop_;
  handler_->on_data(bytes);
  // What the callback didn't copy is gone: a view that was kept shows.
  if (room.empty()) std::memset(loop.scratch().data(), '\xAA', bytes.size());
}

}  // namespace outrider::testing
