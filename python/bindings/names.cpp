// SPDX-License-Identifier: MIT
#include "names.h"

namespace outrider::python {
namespace {

Names instance{};

}  // namespace

const Names& names() { return instance; }

bool make_names() {
  struct Entry {
    PyObject** to;
    const char* text;
  };
  Names& n = instance;
  const Entry entries[] = {
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
      {&n.create_future, "create_future"},
      {&n.add_done_callback, "add_done_callback"},
      {&n.add, "add"},
      {&n.set_result, "set_result"},
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
      {&n.version_1_0, "1.0"},
      {&n.version_1_1, "1.1"},
      {&n.empty_string, ""},
      {&n.get, "GET"},
      {&n.post, "POST"},
  };
  for (const Entry& entry : entries) {
    *entry.to = PyUnicode_InternFromString(entry.text);
    if (*entry.to == nullptr) return false;
  }
  n.empty_bytes = PyBytes_FromStringAndSize(nullptr, 0);
  return n.empty_bytes != nullptr;
}

}  // namespace outrider::python
