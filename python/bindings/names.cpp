// SPDX-License-Identifier: MIT
#include "names.h"

#include <initializer_list>

namespace outrider::python {
namespace {

Names instance{};

struct Entry {
  PyObject** to;
  const char* text;
};

bool make(std::initializer_list<Entry> entries) {
  for (const Entry& entry : entries) {
    *entry.to = PyUnicode_InternFromString(entry.text);
    if (*entry.to == nullptr) return false;
  }
  return true;
}

bool make_websocket_names() {
  Names& n = instance;
  return make({
      {&n.text, "text"},
      {&n.bytes, "bytes"},
      {&n.code, "code"},
      {&n.reason, "reason"},
      {&n.subprotocol, "subprotocol"},
      {&n.subprotocols, "subprotocols"},
      {&n.websocket, "websocket"},
      {&n.websocket_connect, "websocket.connect"},
      {&n.websocket_receive, "websocket.receive"},
      {&n.websocket_disconnect, "websocket.disconnect"},
      {&n.websocket_accept, "websocket.accept"},
      {&n.websocket_send, "websocket.send"},
      {&n.websocket_close, "websocket.close"},
      {&n.websocket_response, "websocket.http.response"},
      {&n.websocket_response_start, "websocket.http.response.start"},
      {&n.websocket_response_body, "websocket.http.response.body"},
      {&n.word_websocket, "WebSocket"},
  });
}

}  // namespace

const Names& names() { return instance; }

bool make_names() {
  Names& n = instance;
  const bool is_made = make({
      {&n.type, "type"},
      {&n.asgi, "asgi"},
      {&n.http_version, "http_version"},
      {&n.server, "server"},
      {&n.client, "client"},
      {&n.scheme, "scheme"},
      {&n.method, "method"},
      {&n.path, "path"},
      {&n.raw_path, "raw_path"},
      {&n.query_string, "query_string"},
      {&n.root_path, "root_path"},
      {&n.headers, "headers"},
      {&n.state, "state"},
      {&n.extensions, "extensions"},
      {&n.status, "status"},
      {&n.body, "body"},
      {&n.more_body, "more_body"},
      {&n.call_soon, "call_soon"},
      {&n.call_later, "call_later"},
      {&n.add_done_callback, "add_done_callback"},
      {&n.add, "add"},
      {&n.done, "done"},
      {&n.cancel, "cancel"},
      {&n.loop, "loop"},
      {&n.context, "context"},
      {&n.name, "name"},
      {&n.eager_start, "eager_start"},
      {&n.trailers, "trailers"},
      {&n.more_trailers, "more_trailers"},
      {&n.file, "file"},
      {&n.offset, "offset"},
      {&n.count, "count"},
      {&n.links, "links"},
      {&n.info, "info"},
      {&n.https, "https"},
      {&n.tls, "tls"},
      {&n.http, "http"},
      {&n.http_request, "http.request"},
      {&n.http_disconnect, "http.disconnect"},
      {&n.response_start, "http.response.start"},
      {&n.response_body, "http.response.body"},
      {&n.response_pathsend, "http.response.pathsend"},
      {&n.response_zerocopysend, "http.response.zerocopysend"},
      {&n.response_trailers, "http.response.trailers"},
      {&n.response_early_hint, "http.response.early_hint"},
      {&n.response_debug, "http.response.debug"},
      {&n.abort, "outrider.abort"},
      {&n.version_1_0, "1.0"},
      {&n.version_1_1, "1.1"},
      {&n.empty_string, ""},
      {&n.get, "GET"},
      {&n.post, "POST"},
  });
  n.empty_bytes = PyBytes_FromStringAndSize(nullptr, 0);
  return is_made && make_websocket_names() && n.empty_bytes != nullptr;
}

}  // namespace outrider::python
