// SPDX-License-Identifier: MIT
#include "outrider/response.h"

#include "app/handler_run.h"
#include "base/ascii.h"

namespace outrider {

void ResponseWriter::send(std::string_view bytes) { run_->write(bytes); }
void ResponseWriter::send(std::string&& bytes) { run_->write(std::move(bytes)); }

void ResponseWriter::add_trailer(std::string_view name, std::string_view value) { run_->add_trailer(name, value); }

Request& ResponseWriter::request() const { return run_->request(); }

Response& Response::add_header(std::string_view name, std::string_view value) & {
  // The form of fields_ depends on it; all else is checked when the response is sent.
  if (name.find('\n') != std::string_view::npos || value.find('\n') != std::string_view::npos) {
    throw ResponseError("the header '" + std::string(name.substr(0, name.find('\n'))) + "' holds a line feed");
  }
  if (ascii::equals_ignore_case(name, "content-type")) drop_content_type();
  fields_.append(name).append("\n").append(value).append("\n");
  return *this;
}

void Response::drop_content_type() {
  content_type_ = {};
  for (std::string_view fields = fields_; !fields.empty();) {
    const std::size_t start = fields_.size() - fields.size();
    if (!ascii::equals_ignore_case(next_field(fields).first, "content-type")) continue;
    fields_.erase(start, fields_.size() - fields.size() - start);
    return;  // there is one at most
  }
}

Response& Response::set_content_length(uint64_t length) & {
  return add_header("content-length", std::to_string(length));
}

std::optional<std::string_view> Response::header(std::string_view name) const {
  for (std::string_view fields = fields_; !fields.empty();) {
    const auto [field, value] = next_field(fields);
    if (ascii::equals_ignore_case(field, name)) return value;
  }
  if (!content_type_.empty() && ascii::equals_ignore_case(name, "content-type")) return content_type_;
  return std::nullopt;
}

std::pair<std::string_view, std::string_view> Response::next_field(std::string_view& fields) {
  const std::size_t name_end = fields.find('\n');
  const std::size_t value_end = fields.find('\n', name_end + 1);
  const std::pair field(fields.substr(0, name_end), fields.substr(name_end + 1, value_end - name_end - 1));
  fields.remove_prefix(value_end + 1);
  return field;
}

}  // namespace outrider
