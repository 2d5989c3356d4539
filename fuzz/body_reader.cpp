// SPDX-License-Identifier: MIT
// A request's content is the same however it is cut, it is what a second, simpler decoder reads, and what was encoded
// is read back.
//
// Input: a byte of framing and limits, three lengths of fragments, a Content-Length, then what the peer sends.

#include "http1/body_reader.h"

#include <charconv>
#include <optional>
#include <string>

#include "support.h"

namespace outrider::fuzz {
namespace {

struct Outcome {
  std::optional<http1::Fault> fault;
  bool is_complete = false;
  std::size_t consumed = 0;
  std::string content;
  std::string trailers;

  bool operator==(const Outcome&) const = default;
};

http::RequestHead head_of(http::BodyFraming framing, uint64_t length) {
  http::RequestHead head;
  head.layout().body_framing = framing;
  head.layout().content_length = length;
  return head;
}

void feed(http1::BodyReader& reader, std::string_view fragment, Outcome& outcome) {
  while (!fragment.empty() && !outcome.is_complete) {
    const auto progress = reader.feed(fragment);
    if (!progress) {
      outcome.fault = progress.error().fault;
      return;
    }
    const auto& [consumed, content, is_complete] = progress.value();
    check(consumed > 0 && consumed <= fragment.size(), "an incomplete body takes something");
    check(content.empty() ||
              (content.data() >= fragment.data() && content.data() + content.size() <= fragment.data() + consumed),
          "content is a view of what was consumed");
    outcome.consumed += consumed;
    outcome.content.append(content);
    outcome.is_complete = is_complete;
    fragment.remove_prefix(consumed);
  }
}

Outcome read(const http::RequestHead& head, const Fragments& fragments, const Limits& limits) {
  http1::BodyReader reader(limits);
  Outcome outcome;
  if (const auto begun = reader.begin(head); !begun) {
    outcome.fault = begun.error().fault;
    return outcome;
  }
  for (const std::string_view fragment : fragments) {
    if (outcome.is_complete || outcome.fault) break;
    feed(reader, fragment, outcome);
  }
  if (outcome.fault) {
    // How much of it was used before the mistake depends on the cuts; the content before it doesn't.
    outcome.consumed = 0;
    return outcome;
  }
  check_fields(reader.trailers());
  check(reader.trailers().field_count() <= limits.header_count_max, "the limit of trailers holds");
  for (std::size_t i = 0; i < reader.trailers().field_count(); ++i) {
    const http::Field field = reader.trailers().field(i);
    check(field.name != "content-length" && field.name != "transfer-encoding" && field.name != "host",
          "no trailer changes how the message is read");
    outcome.trailers.append(field.name).append("\n").append(field.value).append("\n");
  }
  return outcome;
}

// A decoder for what is known to be well-formed (RFC 9112 §7.1): lines by search, numbers by the library.
void check_accepted_chunks(std::string_view text, const Outcome& outcome) {
  std::string content;
  std::size_t at = 0;
  while (true) {
    const std::size_t line_end = text.find("\r\n", at);
    check(line_end != std::string_view::npos, "a size line ends");
    uint64_t size = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + line_end, size, 16);
    check(error == std::errc() && (end == text.data() + line_end || *end == ';'), "a size line is one");
    at = line_end + 2;
    if (size == 0) break;
    check(size <= text.size() - at, "a chunk lies in the input");
    content.append(text.substr(at, size));
    check(text.substr(at + size, 2) == "\r\n", "a chunk ends in CRLF");
    at += size + 2;
  }
  check(content == outcome.content, "the content is what the chunks hold");
  // The trailers end with the first empty line.
  const std::size_t end = text.substr(at, 2) == "\r\n" ? at : text.find("\r\n\r\n", at) + 2;
  check(outcome.consumed == end + 2, "the body ends where its trailers do");
}

// The input as content, in chunks as long as its fragments.
void check_round_trip(std::string_view content, const Cut& cut) {
  std::string encoded;
  for (const std::string_view chunk : cut.of(content)) {
    char digits[16];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, chunk.size(), 16);
    encoded.append(digits, end).append("\r\n").append(chunk).append("\r\n");
  }
  encoded.append("0\r\n\r\n");
  const Limits limits;
  const http::RequestHead head = head_of(http::BodyFraming::Chunked, 0);
  for (const Fragments& fragments : {Fragments{encoded}, cut.of(encoded)}) {
    const Outcome outcome = read(head, fragments, limits);
    check(outcome.is_complete && outcome.consumed == encoded.size(), "what was encoded is accepted");
    check(outcome.content == content, "what was encoded is read back");
  }
}

}  // namespace
}  // namespace outrider::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace outrider;
  fuzz::Input input(data, size);
  const std::size_t flags = input.byte();
  const fuzz::Cut cut(input);
  const uint64_t length = input.byte() * 4;
  const bool is_chunked = flags % 2 == 1;
  Limits limits;
  if ((flags & 2) != 0) limits.body_bytes_max = 100;
  if ((flags & 4) != 0) {
    limits.head_bytes_max = 64;
    limits.header_count_max = 2;
  }
  // A body of no length has no reader: the framing of such a head is None.
  const auto framing = is_chunked    ? http::BodyFraming::Chunked
                       : length == 0 ? http::BodyFraming::None
                                     : http::BodyFraming::Length;
  const http::RequestHead head = fuzz::head_of(framing, length);
  const std::string_view text = input.rest();
  if (framing == http::BodyFraming::None) {
    fuzz::check_round_trip(text, cut);
    return 0;
  }
  const fuzz::Outcome whole = fuzz::read_cut_anywhere(
      text, cut, [&](const fuzz::Fragments& fragments) { return fuzz::read(head, fragments, limits); });
  if (limits.body_bytes_max != 0) {
    fuzz::check(whole.content.size() <= limits.body_bytes_max, "the limit of content holds");
  }
  if (whole.fault) return 0;
  if (is_chunked && whole.is_complete) fuzz::check_accepted_chunks(text, whole);
  if (!is_chunked) {
    fuzz::check(whole.content == text.substr(0, length), "content of a known length is what came");
    fuzz::check(whole.is_complete == (text.size() >= length), "a body ends at its length");
  }
  return 0;
}
