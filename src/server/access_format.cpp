// SPDX-License-Identifier: MIT
#include "server/access_format.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/ascii.h"
#include "http/origin.h"
#include "http/request_head.h"
#include "outrider/error.h"
#include "server/access_text.h"

namespace outrider::server {
namespace {

using Segment = AccessFormat::Segment;
using Write = Segment::Write;

constexpr std::string_view kCommon = "%h %l %u %t \"%r\" %s %b";
constexpr std::string_view kCombined = "%h %l %u %t \"%r\" %s %b \"%{referer}i\" \"%{user-agent}i\"";
constexpr std::string_view kNames = "common, combined, json, plain";

// --- what directives write ---------------------------------------------------------------------------------------

void append_or_dash(std::string_view text, Buffer& out) {
  if (text.empty()) return out.append('-');
  append_escaped(text, out);
}

std::string_view protocol(const AccessEntry& entry) {
  return entry.record.minor_version == 0 ? "HTTP/1.0" : "HTTP/1.1";
}

void write_port(uint16_t port, Buffer& out) {
  if (port == 0) return out.append('-');
  append_number(port, out);
}

void write_text(Segment& segment, const AccessEntry&, Buffer& out) { out.append(segment.argument); }
void write_dash(Segment&, const AccessEntry&, Buffer& out) { out.append('-'); }

void write_client(Segment&, const AccessEntry& entry, Buffer& out) { append_or_dash(entry.client().host, out); }
void write_client_port(Segment&, const AccessEntry& entry, Buffer& out) { write_port(entry.client().port, out); }
void write_server(Segment&, const AccessEntry& entry, Buffer& out) {
  append_or_dash(entry.record.connection->local_address().host(), out);
}
void write_server_port(Segment&, const AccessEntry& entry, Buffer& out) {
  write_port(entry.record.connection->local_address().port(), out);
}

void write_bytes(Segment&, const AccessEntry& entry, Buffer& out) { append_number(entry.record.content_bytes, out); }
void write_bytes_or_dash(Segment&, const AccessEntry& entry, Buffer& out) {
  if (entry.record.content_bytes == 0) return out.append('-');
  append_number(entry.record.content_bytes, out);
}

void write_microseconds(Segment&, const AccessEntry& entry, Buffer& out) {
  append_number(entry.record.microseconds, out);
}
void write_milliseconds(Segment&, const AccessEntry& entry, Buffer& out) {
  append_number(entry.record.microseconds / 1000, out);
}
void write_seconds(Segment&, const AccessEntry& entry, Buffer& out) {
  append_number(entry.record.microseconds / 1'000'000, out);
}
void write_decimal_seconds(Segment&, const AccessEntry& entry, Buffer& out) {
  append_number(entry.record.microseconds / 1'000'000, out);
  out.append('.');
  append_padded(entry.record.microseconds % 1'000'000, 6, out);
}

// RFC 9110 §5.3: several fields of one name are one list.
void write_request_field(Segment& segment, const AccessEntry& entry, Buffer& out) {
  const http::RequestHead& head = *entry.record.request;
  const std::size_t before = out.size();
  for (std::size_t i = 0; i < head.field_count(); ++i) {
    const http::Field field = head.field(i);
    if (field.name != segment.argument) continue;
    if (out.size() > before) out.append(", ");
    append_escaped(field.value, out);
  }
  if (out.size() == before) out.append('-');
}
void write_response_field(Segment& segment, const AccessEntry& entry, Buffer& out) {
  append_or_dash(entry.record.response->field(segment.argument), out);
}

void write_method(Segment&, const AccessEntry& entry, Buffer& out) { append_or_dash(entry.record.method, out); }
void write_path(Segment&, const AccessEntry& entry, Buffer& out) {
  append_or_dash(entry.record.request->path(), out);
}
void write_query(Segment&, const AccessEntry& entry, Buffer& out) {
  if (entry.record.request->query().empty()) return;
  out.append('?');
  append_escaped(entry.record.request->query(), out);
}
void write_protocol(Segment&, const AccessEntry& entry, Buffer& out) { out.append(protocol(entry)); }
void write_request_line(Segment&, const AccessEntry& entry, Buffer& out) {
  append_escaped(entry.record.method, out);
  out.append(' ');
  append_escaped(entry.record.target, out);
  out.append(' ');
  out.append(protocol(entry));
}

void write_status(Segment&, const AccessEntry& entry, Buffer& out) {
  if (entry.record.status == 0) return out.append('-');
  append_number(static_cast<uint64_t>(entry.record.status), out);
}
void write_completeness(Segment&, const AccessEntry& entry, Buffer& out) {
  out.append(!entry.record.is_complete ? 'X' : entry.record.keeps_alive ? '+' : '-');
}
void write_request_id(Segment&, const AccessEntry& entry, Buffer& out) {
  append_or_dash(entry.record.request_id, out);
}

int64_t second_of(const AccessEntry& entry) { return entry.began_us / 1'000'000; }
uint64_t fraction_of(const AccessEntry& entry) { return static_cast<uint64_t>(entry.began_us % 1'000'000); }

void write_common_time(Segment& segment, const AccessEntry& entry, Buffer& out) {
  out.append('[');
  out.append(segment.time_of(second_of(entry), common_time));
  out.append(']');
}
void write_formatted_time(Segment& segment, const AccessEntry& entry, Buffer& out) {
  out.append(
      segment.time_of(second_of(entry), [&](int64_t second) { return formatted_time(second, segment.argument); }));
}
void write_time_s(Segment&, const AccessEntry& entry, Buffer& out) {
  append_number(static_cast<uint64_t>(second_of(entry)), out);
}
void write_time_ms(Segment&, const AccessEntry& entry, Buffer& out) {
  append_number(static_cast<uint64_t>(entry.began_us / 1000), out);
}
void write_time_us(Segment&, const AccessEntry& entry, Buffer& out) {
  append_number(static_cast<uint64_t>(entry.began_us), out);
}
void write_ms_fraction(Segment&, const AccessEntry& entry, Buffer& out) {
  append_padded(fraction_of(entry) / 1000, 3, out);
}
void write_us_fraction(Segment&, const AccessEntry& entry, Buffer& out) { append_padded(fraction_of(entry), 6, out); }

// --- the formats that aren't directives ------------------------------------------------------------------------

// 127.0.0.1:50412 - "GET / HTTP/1.1" 200 0.512 ms
void write_plain(Segment& segment, const AccessEntry& entry, Buffer& out) {
  const http::PeerName& peer = entry.client();
  const bool is_ipv6 = peer.host.find(':') != std::string::npos;
  if (is_ipv6) out.append('[');
  append_or_dash(peer.host, out);
  if (is_ipv6) out.append(']');
  if (peer.port != 0) {  // proxies seldom tell it
    out.append(':');
    append_number(peer.port, out);
  }
  out.append(" - \"");
  write_request_line(segment, entry, out);
  out.append("\" ");
  write_status(segment, entry, out);
  if (!entry.record.is_complete && entry.record.status != 0) out.append(" (cut short)");
  out.append(' ');
  append_number(entry.record.microseconds / 1000, out);
  out.append('.');
  append_padded(entry.record.microseconds % 1000, 3, out);
  out.append(" ms");
  if (entry.record.request_id.empty()) return;
  out.append(' ');
  append_escaped(entry.record.request_id, out);
}

void write_member(std::string_view name, std::string_view value, Buffer& out) {
  out.append(name);
  if (value.data() == nullptr) return out.append("null");
  out.append('"');
  append_json(value, out);
  out.append('"');
}

// `name` and a number, or null in the place of 0.
void write_member(std::string_view name, uint64_t value, Buffer& out) {
  out.append(name);
  if (value == 0) return out.append("null");
  append_number(value, out);
}

std::string_view or_null(std::string_view text) { return text.empty() ? std::string_view() : text; }

void write_json(Segment& segment, const AccessEntry& entry, Buffer& out) {
  const http::ExchangeRecord& record = entry.record;
  const http::PeerName& peer = entry.client();
  out.append("{\"time\":\"");
  out.append(segment.time_of(second_of(entry), rfc3339_time));
  out.append('.');
  append_padded(fraction_of(entry), 6, out);
  out.append("Z\"");
  write_member(",\"client\":", or_null(peer.host), out);
  write_member(",\"client_port\":", peer.port, out);
  write_member(",\"method\":", record.method, out);
  write_member(",\"target\":", record.target, out);
  write_member(",\"protocol\":", protocol(entry), out);
  write_member(",\"host\":", or_null(record.request->authority()), out);
  write_member(",\"status\":", static_cast<uint64_t>(record.status), out);
  out.append(record.is_complete ? ",\"complete\":true,\"bytes\":" : ",\"complete\":false,\"bytes\":");
  append_number(record.content_bytes, out);
  out.append(",\"duration_us\":");
  append_number(record.microseconds, out);
  write_member(",\"user_agent\":", record.request->find("user-agent"), out);
  write_member(",\"referer\":", record.request->find("referer"), out);
  write_member(",\"request_id\":", or_null(record.request_id), out);
  out.append('}');
}

// --- compiling ---------------------------------------------------------------------------------------------------

struct Directive {
  char letter;
  std::string_view argument;  // what must stand in braces; "*": any
  Write write;
};

constexpr Directive kDirectives[] = {
    {'a', "", write_client},
    {'h', "", write_client},
    {'A', "", write_server},
    {'b', "", write_bytes_or_dash},
    {'B', "", write_bytes},
    {'D', "", write_microseconds},
    {'H', "", write_protocol},
    {'i', "*", write_request_field},
    {'l', "", write_dash},
    {'L', "", write_request_id},
    {'m', "", write_method},
    {'o', "*", write_response_field},
    {'p', "", write_server_port},
    {'p', "local", write_server_port},
    {'p', "remote", write_client_port},
    {'P', "", write_text},  // the argument becomes the process's number
    {'q', "", write_query},
    {'r', "", write_request_line},
    {'s', "", write_status},
    {'t', "", write_common_time},
    {'t', "sec", write_time_s},
    {'t', "msec", write_time_ms},
    {'t', "usec", write_time_us},
    {'t', "msec_frac", write_ms_fraction},
    {'t', "usec_frac", write_us_fraction},
    {'t', "*", write_formatted_time},
    {'T', "", write_seconds},
    {'T', "s", write_seconds},
    {'T', "ms", write_milliseconds},
    {'T', "us", write_microseconds},
    {'u', "", write_dash},
    {'U', "", write_path},
    {'X', "", write_completeness},
};

// What gunicorn means by letters that Apache has for something else.
struct Alias {
  std::string_view name;
  Segment segment;
};
const Alias kGunicorn[] = {
    {"a", {write_request_field, "user-agent"}},
    {"f", {write_request_field, "referer"}},
    {"L", {write_decimal_seconds, ""}},
    {"M", {write_milliseconds, ""}},
    {"p", {write_text, ""}},  // "<the process's number>"
};

[[noreturn]] void refuse(const std::string& what) {
  std::string known;
  for (const Directive& directive : kDirectives) {
    known += directive.argument.empty()  ? " %"
             : directive.argument == "*" ? " %{…}"
                                         : " %{" + std::string(directive.argument) + "}";
    known += directive.letter;
  }
  throw Error(ErrorKind::Option,
              "the access log's format " + what + "; there are " + std::string(kNames) + ", and%%" + known);
}

const Directive* find_directive(char letter, std::string_view argument) {
  const auto fits = [&](const Directive& directive) {
    const bool is_any = directive.argument == "*" && !argument.empty();
    return directive.letter == letter && (is_any || directive.argument == argument);
  };
  const auto* found = std::find_if(std::begin(kDirectives), std::end(kDirectives), fits);
  return found == std::end(kDirectives) ? nullptr : found;
}

Segment make_segment(std::string_view argument, char letter, std::string_view as_written) {
  const Directive* directive = find_directive(letter, argument);
  const bool is_wrong_time = letter == 't' && directive != nullptr && directive->argument == "*" &&
                             argument.find('%') == std::string_view::npos;
  if (directive == nullptr || is_wrong_time)
    refuse("has the directive '" + std::string(as_written) + "', which isn't known");
  std::string text(argument);
  if (letter == 'P') text = std::to_string(::getpid());
  if (letter == 'i' || letter == 'o') std::transform(text.begin(), text.end(), text.begin(), ascii::to_lower);
  return {directive->write, std::move(text)};
}

}  // namespace

AccessEntry entry_of(const http::ExchangeRecord& record) {
  using namespace std::chrono;
  const int64_t now = duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
  AccessEntry entry{record, now - static_cast<int64_t>(record.microseconds), std::nullopt};
  if (record.origin != nullptr) entry.told = {record.origin->client.host(), record.origin->client.port()};
  return entry;
}

AccessFormat::AccessFormat(std::string_view format) {
  if (format == "json") {
    segments_.push_back({write_json, ""});
  } else if (format == "plain") {
    segments_.push_back({write_plain, ""});
  } else {
    compile(format == "common" ? kCommon : format == "combined" ? kCombined : format);
  }
}

void AccessFormat::compile(std::string_view format) {
  const auto is_control = [](char c) { return c >= 0 && c < ' ' && c != '\t'; };
  if (std::any_of(format.begin(), format.end(), is_control))
    refuse("holds a line break or another control character");
  if (format.find('%') == std::string_view::npos) {
    refuse("'" + std::string(format) + "' is no name, and has no directive");
  }
  while (!format.empty()) {
    const std::size_t text = std::min(format.find('%'), format.size());
    if (text > 0) segments_.push_back({write_text, std::string(format.substr(0, text))});
    format.remove_prefix(text);
    if (!format.empty()) format.remove_prefix(take_directive(format));
  }
}

// Of a text that begins with '%': adds the segment, and returns how much it takes. Apache's %h, %>s, %{name}i; or
// gunicorn's %(h)s, %({name}i)s.
std::size_t AccessFormat::take_directive(std::string_view text) {
  const bool is_gunicorns = text.substr(0, 2) == "%(";
  std::size_t at = is_gunicorns ? 2 : 1;
  if (text.substr(at, 2) == ">s" || text.substr(at, 2) == "<s")
    ++at;  // of redirections, which there are none of here
  std::string_view argument;
  const bool has_argument = text.substr(at, 1) == "{";
  if (has_argument) {
    const std::size_t end = text.find('}', at);
    if (end == std::string_view::npos) refuse("has no } after '" + std::string(text) + "'");
    argument = text.substr(at + 1, end - at - 1);
    at = end + 1;
  }
  if (at >= text.size()) refuse("ends within '" + std::string(text) + "'");
  const char letter = text[at++];
  if (is_gunicorns && text.substr(at, 2) != ")s") refuse("has no )s after '" + std::string(text.substr(0, at)) + "'");
  if (is_gunicorns) at += 2;
  const std::string_view as_written = text.substr(0, at);
  if (letter == '%' && as_written == "%%") {
    segments_.push_back({write_text, "%"});
    return at;
  }
  if (is_gunicorns && !has_argument) {
    for (const Alias& alias : kGunicorn) {
      if (alias.name != text.substr(2, 1)) continue;
      segments_.push_back(alias.segment);
      if (letter == 'p') segments_.back().argument = "<" + std::to_string(::getpid()) + ">";
      return at;
    }
  }
  if (has_argument && argument.empty()) refuse("has nothing between the braces of '" + std::string(as_written) + "'");
  segments_.push_back(make_segment(argument, letter, as_written));
  return at;
}

void AccessFormat::append(const AccessEntry& entry, Buffer& out) {
  for (Segment& segment : segments_) segment.write(segment, entry, out);
}

}  // namespace outrider::server
