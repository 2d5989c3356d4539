// SPDX-License-Identifier: MIT
#include "scope.h"

#include <nanobind/nanobind.h>

#include <utility>

#include "base/ascii.h"
#include "names.h"
#include "tls_options.h"

namespace outrider::python {
namespace {

bool set(PyObject* dict, PyObject* key, PyRef value) { return value && PyDict_SetItem(dict, key, value.get()) == 0; }

// The (client, server) pair of a connection, with what ASGI's TLS extension has for one that is secured; made once
// and kept with it.
PyObject* address_pair(http::Connection& connection) {
  http::Connection::Attachment& attachment = connection.attachment();
  if (attachment.object == nullptr) {
    PyRef client = PyRef::steal(address_object(connection.peer_address()));
    PyRef server = PyRef::steal(address_object(connection.local_address()));
    if (!client || !server) return nullptr;
    const TlsInfo* info = connection.tls();
    PyRef tls = PyRef::steal(info == nullptr ? nullptr : tls_extension(*info));
    if (info != nullptr && !tls) return nullptr;
    attachment.object = PyTuple_Pack(info == nullptr ? 2 : 3, client.get(), server.get(), tls.get());
    if (attachment.object == nullptr) return nullptr;
    attachment.release = [](void* object) { Py_DECREF(static_cast<PyObject*>(object)); };
  }
  return static_cast<PyObject*>(attachment.object);
}

// ASGI: percent-encoded sequences are decoded, and the bytes read as UTF-8; those that aren't become U+FFFD.
PyObject* decoded_path(const std::string& root_path, std::string_view path) {
  if (root_path.empty() && path.find('%') == std::string_view::npos) {
    return PyUnicode_DecodeUTF8(path.data(), static_cast<Py_ssize_t>(path.size()), "replace");
  }
  std::string decoded = root_path;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%' && i + 2 < path.size()) {
      const int high = ascii::hex_value(path[i + 1]);
      const int low = ascii::hex_value(path[i + 2]);
      if (high >= 0 && low >= 0) {
        decoded += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    decoded += path[i];
  }
  return PyUnicode_DecodeUTF8(decoded.data(), static_cast<Py_ssize_t>(decoded.size()), "replace");
}

// What a client would have sent for the path: what RFC 3986 §3.3 has no place for, percent-encoded.
std::string encoded_path(std::string_view path) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::string_view kKept = "/-._~!$&'()*+,;=:@";
  std::string encoded;
  for (const char c : path) {
    if (ascii::is_digit(c) || ascii::is_alpha(c) || kKept.find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      const auto byte = static_cast<uint8_t>(c);
      encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return encoded;
}

PyObject* bytes_of(std::string_view text) {
  return PyBytes_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
}

PyObject* text_of(std::string_view ascii) {
  return PyUnicode_DecodeASCII(ascii.data(), static_cast<Py_ssize_t>(ascii.size()), "replace");
}

PyObject* method_object(std::string_view method) {
  if (method == "GET") return Py_NewRef(names().get);
  if (method == "POST") return Py_NewRef(names().post);
  // ASGI: uppercased, though RFC 9110 §9.1 has methods that differ in case alone.
  std::string upper(method);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return PyUnicode_DecodeASCII(upper.data(), static_cast<Py_ssize_t>(upper.size()), nullptr);
}

}  // namespace

PyObject* address_object(const net::Address& address) {
  const std::string host = address.host();
  if (address.is_unix()) {
    // An unnamed peer of a Unix socket has no address: None is what ASGI says for "unknown".
    if (host.empty()) Py_RETURN_NONE;
    // A path is any bytes, and a str as os.fsdecode() makes it.
    PyRef path = PyRef::steal(PyUnicode_DecodeFSDefaultAndSize(host.data(), static_cast<Py_ssize_t>(host.size())));
    return path ? PyTuple_Pack(2, path.get(), Py_None) : nullptr;
  }
  if (address.family() == AF_UNSPEC) Py_RETURN_NONE;
  return Py_BuildValue("(s#i)", host.data(), static_cast<Py_ssize_t>(host.size()), static_cast<int>(address.port()));
}

ScopeFactory::ScopeFactory(std::string root_path, PyObject* state, bool offers_debug)
    : root_path_(std::move(root_path)), raw_root_path_(encoded_path(root_path_)), state_(PyRef::borrow(state)) {
  const Names& n = names();
  asgi_ = PyRef::steal(Py_BuildValue("{s:s, s:s}", "version", "3.0", "spec_version", "2.5"));
  extensions_ = PyRef::steal(Py_BuildValue("{O:{}, O:{}, O:{}, O:{}, O:{}}", n.response_trailers, n.response_pathsend,
                                           n.response_zerocopysend, n.response_early_hint, n.abort));
  websocket_extensions_ = PyRef::steal(Py_BuildValue("{O:{}}", n.websocket_response));
  // Every key that a scope has, so that filling it in changes values only and the copy stays compact.
  template_ = PyRef::steal(Py_BuildValue(
      "{O:O, O:O, O:O, O:O, O:O, O:s, O:O, O:O, O:O, O:O, O:s#, O:O, O:O}", n.type, n.http, n.asgi, Py_None,
      n.http_version, n.version_1_1, n.server, Py_None, n.client, Py_None, n.scheme, "http", n.method, n.get, n.path,
      n.empty_string, n.raw_path, n.empty_bytes, n.query_string, n.empty_bytes, n.root_path, root_path_.data(),
      static_cast<Py_ssize_t>(root_path_.size()), n.headers, Py_None, n.extensions, Py_None));
  if (!asgi_ || !extensions_ || !websocket_extensions_ || !template_) throw nanobind::python_error();
  if (state_) PyDict_SetItem(template_.get(), n.state, Py_None);
  if (offers_debug) set(extensions_.get(), n.response_debug, PyRef::steal(PyDict_New()));
  make_websocket_template();
}

void ScopeFactory::make_websocket_template() {
  const Names& n = names();
  websocket_template_ = PyRef::steal(PyDict_Copy(template_.get()));
  PyObject* scope = websocket_template_.get();
  if (scope == nullptr || PyDict_SetItem(scope, n.type, n.websocket) != 0 || PyDict_DelItem(scope, n.method) != 0 ||
      !set(scope, n.scheme, PyRef::steal(PyUnicode_FromString("ws"))) ||
      PyDict_SetItem(scope, n.subprotocols, Py_None) != 0) {
    throw nanobind::python_error();
  }
}

PyObject* ScopeFactory::make(http::Exchange& exchange) {
  PyRef scope = PyRef::steal(PyDict_Copy(template_.get()));
  if (!scope || !fill(scope.get(), exchange, extensions_)) return nullptr;
  if (!set(scope.get(), names().method, PyRef::steal(method_object(exchange.head().method())))) return nullptr;
  const http::Origin* origin = exchange.origin();
  if (origin != nullptr && !set(scope.get(), names().scheme, PyRef::steal(text_of(origin->scheme)))) return nullptr;
  return scope.release();
}

PyObject* ScopeFactory::make(http::Exchange& exchange, const std::vector<std::string_view>& subprotocols) {
  const Names& n = names();
  PyRef scope = PyRef::steal(PyDict_Copy(websocket_template_.get()));
  PyRef list = PyRef::steal(PyList_New(0));
  if (!scope || !list || !fill(scope.get(), exchange, websocket_extensions_)) return nullptr;
  for (const std::string_view subprotocol : subprotocols) {
    const PyRef text = PyRef::steal(text_of(subprotocol));
    if (!text || PyList_Append(list.get(), text.get()) != 0) return nullptr;
  }
  if (PyDict_SetItem(scope.get(), n.subprotocols, list.get()) != 0) return nullptr;
  const bool is_secure = exchange.scheme() == "https";
  if (is_secure && !set(scope.get(), n.scheme, PyRef::steal(PyUnicode_FromString("wss")))) return nullptr;
  return scope.release();
}

// What both kinds have.
bool ScopeFactory::fill(PyObject* scope, http::Exchange& exchange, const PyRef& extensions) {
  const Names& n = names();
  const http::RequestHead& head = exchange.head();
  // Applications and middleware write into these, too: nothing of it may reach another request.
  if (!set(scope, n.asgi, PyRef::steal(PyDict_Copy(asgi_.get())))) return false;
  if (!set(scope, n.extensions, PyRef::steal(PyDict_Copy(extensions.get())))) return false;
  if (head.minor_version() == 0 && PyDict_SetItem(scope, n.http_version, n.version_1_0) != 0) return false;
  if (!add_target(scope, head) || !add_headers(scope, head) || !add_connection(scope, exchange)) return false;
  return !state_ || set(scope, n.state, PyRef::steal(PyDict_Copy(state_.get())));
}

bool ScopeFactory::add_target(PyObject* scope, const http::RequestHead& head) {
  const Names& n = names();
  // The asterisk of OPTIONS is no path: nothing can be in front of it.
  static const std::string none;
  const bool is_asterisk = head.path() == "*";
  const std::string& root = is_asterisk ? none : root_path_;
  if (!set(scope, n.path, PyRef::steal(decoded_path(root, head.path())))) return false;
  // ASGI: raw_path is what was sent, before the query; root_path is in front of it as it is in front of path.
  PyRef raw = root.empty() ? PyRef::steal(bytes_of(head.path()))
                           : PyRef::steal(bytes_of(raw_root_path_ + std::string(head.path())));
  if (!set(scope, n.raw_path, std::move(raw))) return false;
  return head.query().empty() || set(scope, n.query_string, PyRef::steal(bytes_of(head.query())));
}

bool ScopeFactory::add_headers(PyObject* scope, const http::RequestHead& head) {
  const std::size_t count = head.field_count();
  PyRef list = PyRef::steal(PyList_New(static_cast<Py_ssize_t>(count)));
  if (!list) return false;
  for (std::size_t i = 0; i < count; ++i) {
    PyObject* field = header_cache_.get(head.field(i));
    if (field == nullptr) return false;
    PyList_SET_ITEM(list.get(), static_cast<Py_ssize_t>(i), field);
  }
  return PyDict_SetItem(scope, names().headers, list.get()) == 0;
}

bool ScopeFactory::add_connection(PyObject* scope, http::Exchange& exchange) {
  const Names& n = names();
  PyObject* pair = address_pair(exchange.connection());
  if (pair == nullptr || PyDict_SetItem(scope, n.server, PyTuple_GET_ITEM(pair, 1)) != 0) return false;
  if (PyTuple_GET_SIZE(pair) == 3) {
    PyObject* extensions = PyDict_GetItemWithError(scope, n.extensions);
    if (!set(extensions, n.tls, PyRef::steal(PyDict_Copy(PyTuple_GET_ITEM(pair, 2))))) return false;
    if (PyDict_SetItem(scope, n.scheme, n.https) != 0) return false;
  }
  const http::Origin* origin = exchange.origin();
  if (origin == nullptr) return PyDict_SetItem(scope, n.client, PyTuple_GET_ITEM(pair, 0)) == 0;
  return set(scope, n.client, PyRef::steal(address_object(origin->client)));
}

}  // namespace outrider::python
