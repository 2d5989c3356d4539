// SPDX-License-Identifier: MIT
// A client's bytes make the same messages and control frames, or the same mistake, however they are cut; texts are
// UTF-8 as a second, simpler validator has it, limits hold, and what is sent is read back.
//
// Input: a byte of limits, three lengths of fragments, then what the peer sends.

#include <algorithm>
#include <optional>
#include <span>
#include <string>

#include "support.h"
#include "websocket/closure.h"
#include "websocket/message.h"

namespace outrider::fuzz {
namespace {

using websocket::MessageReader;

struct Seen {
  std::string events;
  std::optional<websocket::Fault> fault;
  bool has_closed = false;

  bool operator==(const Seen&) const = default;
};

// RFC 3629 by what a character's number is.
bool is_utf8_by_numbers(std::string_view text) {
  while (!text.empty()) {
    const auto first = static_cast<uint8_t>(text[0]);
    const std::size_t size = first < 0x80   ? 1
                             : first < 0xc0 ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf8 ? 4
                                            : 0;
    if (size == 0 || text.size() < size) return false;
    uint32_t number = size == 1 ? first : first & (0x7fu >> size);
    for (std::size_t i = 1; i < size; ++i) {
      const auto byte = static_cast<uint8_t>(text[i]);
      if ((byte & 0xc0) != 0x80) return false;
      number = number << 6 | (byte & 0x3f);
    }
    constexpr uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (number < least[size] || number > 0x10ffff || (number >= 0xd800 && number < 0xe000)) return false;
    text.remove_prefix(size);
  }
  return true;
}

void note(MessageReader& reader, MessageReader::Event event, const Limits& limits, Seen& seen) {
  if (event == MessageReader::Event::None) return;
  seen.events += static_cast<char>('0' + static_cast<int>(event));
  if (event == MessageReader::Event::Message) {
    const websocket::Message message = reader.take_message();
    const std::string_view payload = message.payload.view();
    check(payload.size() <= limits.websocket_message_bytes_max, "the limit of messages holds");
    const bool is_text = message.type == websocket::MessageType::Text;
    check(!is_text || is_utf8_by_numbers(payload), "a text is UTF-8");
    seen.events.append(is_text ? "text " : "binary ").append(payload).append("\n");
    return;
  }
  check(reader.control().size() <= websocket::kControlBytesMax, "control frames are short");
  seen.events.append(reader.control()).append("\n");
  seen.has_closed = event == MessageReader::Event::Close;
  if (!seen.has_closed) return;
  if (const auto closure = websocket::read_closure(reader.control())) {
    check(closure.value().code == 1005 || websocket::is_valid_close_code(closure.value().code), "a code may be sent");
    check(is_utf8_by_numbers(closure.value().reason), "a reason is UTF-8");
  }
}

Seen read(const Fragments& fragments, const Limits& limits) {
  websocket::MessagePool pool;
  MessageReader reader(limits, pool);
  Seen seen;
  for (const std::string_view fragment : fragments) {
    std::string bytes(fragment);
    std::span<char> rest(bytes);
    while (!rest.empty() && !seen.has_closed) {
      const auto progress = reader.feed(rest);
      if (!progress) {
        seen.fault = progress.error();
        return seen;
      }
      check(progress.value().consumed > 0 && progress.value().consumed <= rest.size(), "something is taken");
      rest = rest.subspan(progress.value().consumed);
      note(reader, progress.value().event, limits, seen);
    }
  }
  return seen;
}

// The input as a message, in fragments as the input is cut, with pings between them.
void check_round_trip(std::string_view payload, const Cut& cut) {
  const Limits limits;
  std::string sent;
  const auto add = [&sent](int first, std::string_view bytes) {
    char head[websocket::kHeadBytesMax];
    const std::size_t size = websocket::write_frame_head(head, websocket::Opcode::Binary, false, bytes.size());
    head[0] = static_cast<char>(first);
    head[1] = static_cast<char>(head[1] | 0x80);
    const websocket::Mask mask{1, 2, 3, 4};
    sent.append(head, size).append("\1\2\3\4");
    const std::size_t at = sent.size();
    sent.append(bytes);
    websocket::apply_mask(std::span(sent).subspan(at), mask, 0);
  };
  add(0x02, "");
  for (const std::string_view fragment : cut.of(payload)) {
    add(0x89, fragment.substr(0, 125));
    add(0x00, fragment);
  }
  add(0x80, "");
  const Seen seen = read(cut.of(sent), limits);
  check(!seen.fault, "what is framed rightly is taken");
  check(seen.events.ends_with("binary " + std::string(payload) + "\n"), "what was sent is read back");
}

}  // namespace
}  // namespace outrider::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace outrider;
  fuzz::Input input(data, size);
  const std::size_t flags = input.byte();
  const fuzz::Cut cut(input);
  const std::string_view bytes = input.rest();
  if ((flags & 4) != 0) {
    fuzz::check_round_trip(bytes, cut);
    return 0;
  }
  Limits limits;
  if ((flags & 1) != 0) limits.websocket_message_bytes_max = 50;
  if ((flags & 2) != 0) limits.websocket_frame_bytes_max = 20;
  fuzz::read_cut_anywhere(bytes, cut,
                          [&](const fuzz::Fragments& fragments) { return fuzz::read(fragments, limits); });
  return 0;
}
