// SPDX-License-Identifier: MIT
#include "http1/default_fields.h"

#include <algorithm>
#include <iterator>

#include "base/ascii.h"
#include "http1/field_line.h"

namespace outrider::http1 {
namespace {

// They frame the message, or are about the connection (RFC 9110 §7.6.1).
constexpr std::string_view kForbidden[] = {"connection", "content-length",    "keep-alive",
                                           "trailer",    "transfer-encoding", "upgrade"};

bool has_line_of(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find('\n'); at != std::string_view::npos; at = head.find('\n', at + 1)) {
    const std::string_view line = head.substr(at + 1);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        ascii::equals_ignore_case(line.substr(0, name.size()), name)) {
      return true;
    }
  }
  return false;
}

}  // namespace

http::ResponseFault DefaultFields::add(std::string_view name, std::string_view value) {
  if (!ascii::is_token(name)) return http::ResponseFault::FieldNameInvalid;
  if (find_invalid_field_byte(value) != value.size()) return http::ResponseFault::FieldValueInvalid;
  const auto is_name = [name](std::string_view other) { return ascii::equals_ignore_case(name, other); };
  if (std::any_of(std::begin(kForbidden), std::end(kForbidden), is_name)) return http::ResponseFault::FieldForbidden;
  fields_.push_back({std::string(name), std::string(name) + ": " + std::string(value) + "\r\n"});
  return http::ResponseFault::None;
}

bool DefaultFields::has(std::string_view name) const {
  return std::any_of(fields_.begin(), fields_.end(),
                     [name](const Field& field) { return ascii::equals_ignore_case(field.name, name); });
}

void DefaultFields::complete(Buffer& head) const {
  std::vector<bool> is_missing;
  for (const Field& field : fields_) is_missing.push_back(!has_line_of(head.view(), field.name));
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (is_missing[i]) head.append(fields_[i].line);
  }
}

}  // namespace outrider::http1
