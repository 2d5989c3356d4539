// SPDX-License-Identifier: MIT
#include "options.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>

#include "http/request_id.h"
#include "server/access_format.h"

namespace nb = nanobind;

namespace outrider::python {
namespace {

// Names and values are latin-1, as ASGI's servers take them.
std::string to_latin1(nb::handle text) {
  const nb::bytes bytes = nb::steal<nb::bytes>(PyUnicode_AsLatin1String(text.ptr()));
  if (!bytes.is_valid()) throw nb::python_error();
  return {bytes.c_str(), bytes.size()};
}

}  // namespace

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000.0));
}

Limits limits_of(const nb::dict& values) {
  Limits limits;
  nb::dict unknown = nb::borrow<nb::dict>(values.attr("copy")());
  const auto number = [&](const char* name, std::size_t& to) {
    if (!values.contains(name)) return;
    to = nb::cast<std::size_t>(values[name]);
    nb::del(unknown[name]);
  };
  const auto seconds = [&](const char* name, std::chrono::milliseconds& to) {
    if (!values.contains(name)) return;
    to = milliseconds(nb::cast<double>(values[name]));
    nb::del(unknown[name]);
  };
  number("request_line_bytes_max", limits.request_line_bytes_max);
  number("head_bytes_max", limits.head_bytes_max);
  number("header_count_max", limits.header_count_max);
  number("body_bytes_max", limits.body_bytes_max);
  number("body_buffer_bytes_max", limits.body_buffer_bytes_max);
  number("write_buffer_bytes_max", limits.write_buffer_bytes_max);
  number("pipeline_bytes_max", limits.pipeline_bytes_max);
  number("connections_max", limits.connections_max);
  number("connections_per_address_max", limits.connections_per_address_max);
  number("exchanges_max", limits.exchanges_max);
  number("exchanges_per_connection_max", limits.exchanges_per_connection_max);
  number("tls_handshakes_max", limits.tls_handshakes_max);
  seconds("tls_handshake_timeout", limits.tls_handshake_timeout);
  seconds("head_timeout", limits.head_timeout);
  seconds("body_timeout", limits.body_timeout);
  number("body_rate_min", limits.body_rate_min);
  seconds("request_timeout", limits.request_timeout);
  seconds("keep_alive_timeout", limits.keep_alive_timeout);
  seconds("write_timeout", limits.write_timeout);
  seconds("linger_timeout", limits.linger_timeout);
  number("websocket_message_bytes_max", limits.websocket_message_bytes_max);
  number("websocket_frame_bytes_max", limits.websocket_frame_bytes_max);
  number("websocket_queue_max", limits.websocket_queue_max);
  number("websocket_queue_bytes_max", limits.websocket_queue_bytes_max);
  seconds("websocket_ping_interval", limits.websocket_ping_interval);
  seconds("websocket_ping_timeout", limits.websocket_ping_timeout);
  seconds("websocket_close_timeout", limits.websocket_close_timeout);
  for (const auto& [name, value] : unknown) {
    throw nb::value_error(("there is no limit " + nb::cast<std::string>(nb::repr(name))).c_str());
  }
  return limits;
}

WebSocketDeflate deflate_of(const nb::dict& values) {
  WebSocketDeflate deflate;
  deflate.is_enabled = nb::cast<bool>(values["is_enabled"]);
  deflate.server_max_window_bits = nb::cast<int>(values["server_max_window_bits"]);
  deflate.client_max_window_bits = nb::cast<int>(values["client_max_window_bits"]);
  deflate.server_no_context_takeover = nb::cast<bool>(values["server_no_context_takeover"]);
  deflate.client_no_context_takeover = nb::cast<bool>(values["client_no_context_takeover"]);
  deflate.memory_level = nb::cast<int>(values["memory_level"]);
  deflate.level = nb::cast<int>(values["level"]);
  deflate.message_bytes_min = nb::cast<std::size_t>(values["message_bytes_min"]);
  return deflate;
}

http1::DefaultFields default_fields(nb::handle headers) {
  http1::DefaultFields fields;
  for (const nb::handle header : headers) {
    const std::string name = to_latin1(header[0]);
    const http::ResponseFault fault = fields.add(name, to_latin1(header[1]));
    if (fault == http::ResponseFault::None) continue;
    const std::string text = "headers: " + nb::cast<std::string>(nb::repr(header)) + ": ";
    throw nb::value_error((text + std::string(http::sentence(fault))).c_str());
  }
  return fields;
}

http::ProxyRules proxy_rules(const std::vector<std::string>& trusted, const std::vector<std::string>& fields) {
  http::ProxyRules rules;
  check_option([&] { rules = {net::TrustedProxies::parse(trusted), http::ForwardedFields::parse(fields)}; });
  return rules;
}

void bind_checks(nb::module_& module) {
  module.def(
      "check_headers", [](nb::handle headers) { (void)default_fields(headers); }, nb::arg("headers"),
      nb::sig("def check_headers(headers: tuple[tuple[str, str], ...]) -> None"),
      "Raises ValueError for a header that no response could have.");
  module.def(
      "check_proxies",
      [](const std::vector<std::string>& proxies, const std::vector<std::string>& fields) {
        proxy_rules(proxies, fields);
      },
      nb::arg("proxies"), nb::arg("fields"),
      nb::sig("def check_proxies(proxies: list[str], fields: list[str]) -> None"),
      "Raises ValueError for the first that is no network, or no field that tells a request's origin.");
  module.def(
      "check_access_format",
      [](const std::string& format) { check_option([&] { server::AccessFormat compiled(format); }); },
      nb::arg("format"), "Raises ValueError for a format of the access log that can't be used, and says why.");
  module.def(
      "check_request_id", [](const std::string& name) { check_option([&] { http::request_id_field(name); }); },
      nb::arg("name"), "Raises ValueError for a name of a header field that can't have request ids, and says why.");
}

}  // namespace outrider::python
