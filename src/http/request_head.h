// SPDX-License-Identifier: MIT
#pragma once

// The head of a request as every protocol produces it and every face consumes it: one run of bytes with the
// places of its parts, so that a head costs no allocation once its storage has grown to the usual size.
//
// All views are valid until the head is changed or recycled.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/buffer.h"

namespace outrider::http {

struct Field {
  std::string_view name;   // lower case
  std::string_view value;  // without whitespace at its ends; may hold obs-text (bytes from 0x80)
};

/// How a request's content is delimited. HTTP/2 and HTTP/3 know the same three cases.
enum class BodyFraming { None, Length, Chunked };

/// Where a part of a head lies in its storage.
struct Span {
  uint32_t offset = 0;
  uint32_t length = 0;
};

/// The places of a head's parts in its storage; what a protocol's parser fills in.
struct HeadLayout {
  struct FieldSpan {
    Span name;
    Span value;
  };
  std::vector<FieldSpan> fields;
  Span method, target, path, query, authority, upgrade;
  int minor_version = 1;
  BodyFraming body_framing = BodyFraming::None;
  uint64_t content_length = 0;
  bool expects_continue = false;
  bool wants_keep_alive = true;
};

class RequestHead {
 public:
  std::string_view method() const { return at(layout_.method); }
  /// As sent: "/a%20b?c=d", "*", or an absolute URI.
  std::string_view target() const { return at(layout_.target); }
  /// The path of the target, still percent-encoded; "*" for the asterisk form.
  std::string_view path() const { return at(layout_.path); }
  /// What follows the question mark, which isn't part of it; empty without one.
  std::string_view query() const { return at(layout_.query); }
  /// The host (and port) that the request is for: of an absolute target, else of the Host field; perhaps empty.
  std::string_view authority() const { return at(layout_.authority); }
  /// 0 for HTTP/1.0, 1 for HTTP/1.1.
  int minor_version() const { return layout_.minor_version; }

  std::size_t field_count() const { return layout_.fields.size(); }
  Field field(std::size_t index) const { return {at(layout_.fields[index].name), at(layout_.fields[index].value)}; }
  /// The value of the first field of that (lower-case) name; its data() is null when there is none.
  std::string_view find(std::string_view name) const;

  BodyFraming body_framing() const { return layout_.body_framing; }
  /// The Content-Length; 0 unless body_framing() is Length.
  uint64_t content_length() const { return layout_.content_length; }
  bool expects_continue() const { return layout_.expects_continue; }
  /// The peer can use the connection again after this exchange.
  bool wants_keep_alive() const { return layout_.wants_keep_alive; }
  /// Protocols of the Upgrade field, when the Connection field names it; empty otherwise.
  std::string_view upgrade() const { return at(layout_.upgrade); }

  /// Makes it a request for another host: the authority, and the Host field, which is added where there is none.
  void set_authority(std::string_view authority);
  /// Puts one field in the place of all of that (lower-case) name. Views become invalid.
  void replace(std::string_view name, std::string_view value);

  /// For who needs it longer than its exchange, before that has ended.
  RequestHead copy() const;

  /// Empties the head for the next request; gives large storage back.
  void recycle();

  /// For the protocol's parser: the bytes, and where the parts lie in them.
  Buffer& storage() { return storage_; }
  HeadLayout& layout() { return layout_; }

  std::string_view at(Span span) const { return {storage_.data() + span.offset, span.length}; }

 private:
  Buffer storage_;
  HeadLayout layout_;
};

}  // namespace outrider::http
