// SPDX-License-Identifier: MIT
#include "websocket.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <deque>

#include "payload.h"
#include "websocket_reader.h"

namespace bench {
namespace {

constexpr std::size_t kWindowBytes = 32 * 1024;
constexpr std::size_t kMessagesMax = 1024;
constexpr std::size_t kHeadBytesMax = 64 * 1024;
constexpr unsigned kText = 1, kPong = 10;

std::string deflated(const std::string& text, int window_bits) {
  z_stream stream{};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -window_bits, 8, Z_DEFAULT_STRATEGY);
  std::string result(deflateBound(&stream, text.size()) + 16, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  deflate(&stream, Z_SYNC_FLUSH);
  result.resize(stream.total_out - 4);  // the empty block at the end isn't sent (RFC 7692 §7.2.1)
  deflateEnd(&stream);
  return result;
}

// A whole message, or a control frame, with a mask that `number` decides.
std::string masked_frame(unsigned first_byte, const std::string& payload, std::uint32_t number) {
  std::string frame(1, static_cast<char>(first_byte));
  const std::uint64_t size = payload.size();
  const int length_bytes = size < 126 ? 0 : size < 65536 ? 2 : 8;
  frame += static_cast<char>(0x80 | (length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127));
  for (int shift = 8 * (length_bytes - 1); shift >= 0; shift -= 8) frame += static_cast<char>(size >> shift);
  const std::uint32_t mask = (number + 1) * 2654435769u;
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(mask >> shift);
  const std::size_t key = frame.size() - 4;
  for (std::size_t index = 0; index < payload.size(); ++index) {
    frame += static_cast<char>(payload[index] ^ frame[key + index % 4]);
  }
  return frame;
}

class WebSocketConversation : public Conversation {
 public:
  explicit WebSocketConversation(WebSocketProtocol& protocol) : protocol_(protocol) {}

  void open(Output& output) override { output.push(protocol_.opening()); }
  void ask(Output& output) override;
  Outcome feed(std::string_view& data, Output& output) override;
  bool closes() const override { return false; }
  bool may_be_closed() const override { return false; }
  const char* trouble() const override { return trouble_.c_str(); }

 private:
  Outcome fail(std::string trouble);
  bool read_head(std::string_view& data, Output& output);

  WebSocketProtocol& protocol_;
  const std::vector<std::string>* frames_ = nullptr;  // null until the handshake is over
  WebSocketReader reader_;
  std::string head_;
  std::string trouble_;
  std::deque<std::string> pongs_;  // kept until the end, as they are views in the output; there are few
  int waiting_ = 0;                // requests for when it is open
  std::size_t asked_ = 0;
  std::size_t answered_ = 0;
};

void WebSocketConversation::ask(Output& output) {
  if (frames_ == nullptr) ++waiting_;
  else output.push((*frames_)[asked_++ % frames_->size()]);
}

Outcome WebSocketConversation::fail(std::string trouble) {
  trouble_ = std::move(trouble);
  return Outcome::Bad;
}

// False when the handshake failed.
bool WebSocketConversation::read_head(std::string_view& data, Output& output) {
  while (!data.empty() && !head_.ends_with("\r\n\r\n")) {
    head_ += data.front();
    data.remove_prefix(1);
  }
  if (head_.size() > kHeadBytesMax) return fail("the head does not end"), false;
  if (!head_.ends_with("\r\n\r\n")) return true;
  const Negotiated negotiated = read_opening_answer(head_, protocol_.has_deflate());
  if (negotiated.trouble != nullptr) return fail(negotiated.trouble), false;
  if (negotiated.has_deflate) reader_.allow_deflate(negotiated.server_no_context_takeover);
  frames_ = &protocol_.frames(negotiated);
  for (; waiting_ > 0; --waiting_) ask(output);
  return true;
}

Outcome WebSocketConversation::feed(std::string_view& data, Output& output) {
  if (frames_ == nullptr && !read_head(data, output)) return Outcome::Bad;
  while (!data.empty()) {
    const auto& messages = protocol_.messages();
    switch (reader_.feed(data, messages[answered_ % messages.size()])) {
      case WebSocketReader::Event::NeedMore:
        return Outcome::NeedMore;
      case WebSocketReader::Event::Bad:
        return fail(reader_.trouble());
      case WebSocketReader::Event::Message:
        ++answered_;
        return Outcome::Complete;
      case WebSocketReader::Event::Ping:
        pongs_.push_back(masked_frame(0x80 | kPong, reader_.ping(), 0));
        output.push(pongs_.back());
        break;
    }
  }
  return Outcome::NeedMore;
}

}  // namespace

WebSocketProtocol::WebSocketProtocol(const Options& options, bool has_deflate)
    : has_deflate_(has_deflate), opening_(websocket_opening(options, has_deflate)) {
  const auto size = static_cast<std::size_t>(std::max(1, options.body_bytes));
  const std::size_t count = 1 + std::clamp<std::size_t>(2 * kWindowBytes / size, 1, kMessagesMax);
  for (std::size_t number = 0; number < count; ++number) {
    messages_.push_back(json_text(size, static_cast<unsigned>(number)));
  }
}

std::unique_ptr<Conversation> WebSocketProtocol::start() { return std::make_unique<WebSocketConversation>(*this); }

const std::vector<std::string>& WebSocketProtocol::frames(const Negotiated& negotiated) {
  const int bits = negotiated.has_deflate ? negotiated.client_max_window_bits : 0;
  auto& frames = frames_[bits];
  for (std::size_t number = frames.size(); number < messages_.size(); ++number) {
    const unsigned first_byte = 0x80 | kText | (bits > 0 ? 0x40 : 0);  // final; RSV1 for compressed
    const std::string& message = messages_[number];
    frames.push_back(
        masked_frame(first_byte, bits > 0 ? deflated(message, bits) : message, static_cast<std::uint32_t>(number)));
  }
  return frames;
}

}  // namespace bench
