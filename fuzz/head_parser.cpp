// SPDX-License-Identifier: MIT
// A request head comes to the same end however it is cut, and one that is accepted is what it claims to be.
//
// Input: a byte of limits, three lengths of fragments, then what the peer sends.

#include "http1/head_parser.h"

#include <optional>
#include <string>

#include "support.h"

namespace outrider::fuzz {
namespace {

struct Outcome {
  std::optional<http1::Fault> fault;
  bool is_complete = false;
  std::size_t consumed = 0;
  std::string description;

  bool operator==(const Outcome&) const = default;
};

// Everything that a head tells, with separators that no part can hold.
std::string describe(const http::RequestHead& head) {
  std::string text;
  for (const std::string_view part :
       {head.method(), head.target(), head.path(), head.query(), head.authority(), head.upgrade()}) {
    text.append(part).append("\n");
  }
  for (const uint64_t number :
       {static_cast<uint64_t>(head.minor_version()), static_cast<uint64_t>(head.body_framing()),
        head.content_length(), static_cast<uint64_t>(head.expects_continue()),
        static_cast<uint64_t>(head.wants_keep_alive())}) {
    text.append(std::to_string(number)).append("\n");
  }
  for (std::size_t i = 0; i < head.field_count(); ++i) {
    text.append(head.field(i).name).append("\n").append(head.field(i).value).append("\n");
  }
  return text;
}

Outcome parse(const Fragments& fragments, const Limits& limits, http::RequestHead& head) {
  http1::HeadParser parser(limits);
  head.recycle();
  parser.begin(head);
  Outcome outcome;
  for (const std::string_view fragment : fragments) {
    const auto progress = parser.feed(fragment);
    if (!progress) {
      outcome.fault = progress.error().fault;
      outcome.consumed = 0;  // how much was used up of what is refused depends on the cuts, and matters to nobody
      return outcome;
    }
    outcome.consumed += progress.value().consumed;
    outcome.is_complete = progress.value().is_complete;
    if (outcome.is_complete) break;
    check(progress.value().consumed == fragment.size(), "an incomplete head takes all there is");
  }
  if (outcome.is_complete) outcome.description = describe(head);
  return outcome;
}

std::size_t count(const http::RequestHead& head, std::string_view name) {
  std::size_t found = 0;
  for (std::size_t i = 0; i < head.field_count(); ++i) found += head.field(i).name == name ? 1 : 0;
  return found;
}

void check_request_line(const http::RequestHead& head) {
  check(ascii::is_token(head.method()), "a method is a token");
  check(!head.target().empty(), "there is a target");
  for (const char c : head.target()) check(c > 0x20 && c < 0x7f, "a target is visible ASCII");
  const std::string_view path = head.path();
  check(path == "*" || (!path.empty() && path.front() == '/'), "a path begins with a slash, or is the asterisk");
  check(path.find('?') == std::string_view::npos, "a path ends before the query");
  for (const std::string_view part : {path, head.query(), head.authority()}) {
    check(part.empty() || part.data() == nullptr || is_field_text(part), "no part has control characters");
  }
  check(head.authority().find('@') == std::string_view::npos, "no user information");
  check(head.minor_version() == 0 || head.minor_version() == 1, "the version is 1.0 or 1.1");
}

// RFC 9112 §3.2 and §6.3, said once more and independently of the parser.
void check_framing(const http::RequestHead& head) {
  const std::size_t lengths = count(head, "content-length");
  const std::size_t codings = count(head, "transfer-encoding");
  check(count(head, "host") <= 1 && (head.minor_version() == 0 || count(head, "host") == 1), "one Host in HTTP/1.1");
  check(lengths + codings <= 1, "at most one framing");
  check((head.body_framing() == http::BodyFraming::Chunked) == (codings == 1), "chunked when its field says so");
  if (codings == 1) {
    check(ascii::equals_ignore_case(head.find("transfer-encoding"), "chunked"), "no other coding passes");
    check(head.minor_version() == 1, "HTTP/1.0 has no codings");
  }
  const std::string digits = lengths == 1 ? std::string(head.find("content-length")) : "0";
  check(!digits.empty() && std::all_of(digits.begin(), digits.end(), ascii::is_digit), "a length is digits");
  check(head.content_length() == std::stoull(digits), "the length is what its field says");
  check((head.body_framing() == http::BodyFraming::Length) == (head.content_length() > 0), "a length frames content");
}

void check_accepted(http::RequestHead& head, std::string_view text, const Outcome& outcome, const Limits& limits) {
  check(outcome.consumed <= limits.head_bytes_max && head.field_count() <= limits.header_count_max, "limits hold");
  const std::string_view used = text.substr(0, outcome.consumed);
  check(used.ends_with("\r\n\r\n"), "a head ends in an empty line");
  check(ascii::equals_ignore_case(head.storage().view(), used), "only the case of names is changed");
  check_request_line(head);
  check_fields(head);
  check_framing(head);
  // What follows a head is none of its business, and without its last byte it isn't there yet.
  check(parse({used}, limits, head) == outcome, "what follows a head changes nothing");
  const Outcome before = parse({used.substr(0, used.size() - 1)}, limits, head);
  check(!before.fault && !before.is_complete, "a head without its last byte is incomplete");
}

}  // namespace
}  // namespace outrider::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace outrider;
  fuzz::Input input(data, size);
  Limits limits;
  // Small limits, because the fuzzer makes no input of 64 KiB.
  if (input.byte() % 2 == 1) {
    limits.request_line_bytes_max = 40;
    limits.head_bytes_max = 120;
    limits.header_count_max = 4;
  }
  const fuzz::Cut cut(input);
  http::RequestHead head;
  const std::string_view text = input.rest();
  const fuzz::Outcome whole = fuzz::read_cut_anywhere(
      text, cut, [&](const fuzz::Fragments& fragments) { return fuzz::parse(fragments, limits, head); });
  if (whole.is_complete) fuzz::check_accepted(head, text, whole, limits);
  return 0;
}
