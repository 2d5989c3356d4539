// SPDX-License-Identifier: MIT
#include "scope.h"

#include <utility>

#include "base/ascii.h"
#include "names.h"

namespace outrider::python {
namespace {

bool set(PyObject* dict, PyObject* key, PyRef value) { return value && PyDict_SetItem(dict, key, value.get()) == 0; }

// The (client, server) pair of a connection, made once and kept with it.
PyObject* address_pair(http::Connection& connection) {
  http::Connection::Attachment& attachment = connection.attachment();
  if (attachment.object == nullptr) {
    PyRef client = PyRef::steal(address_object(connection.peer_address()));
    PyRef server = PyRef::steal(address_object(connection.local_address()));
    if (!client || !server) return nullptr;
    attachment.object = PyTuple_Pack(2, client.get(), server.get());
    attachment.release = [](void* object) { Py_DECREF(static_cast<PyObject*>(object)); };
  }
  return static_cast<PyObject*>(attachment.object);
}

// ASGI: the path is percent-decoded and UTF-8; bytes that aren't UTF-8 become U+FFFD.
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

PyObject* bytes_of(std::string_view text) {
  return PyBytes_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
}

PyObject* method_object(std::string_view method) {
  if (method == "GET") return Py_NewRef(names().get);
  if (method == "POST") return Py_NewRef(names().post);
  return PyUnicode_DecodeASCII(method.data(), static_cast<Py_ssize_t>(method.size()), nullptr);
}

}  // namespace

PyObject* address_object(const net::Address& address) {
  const std::string host = address.host();
  if (address.is_unix()) {
    // An unnamed peer of a Unix socket has no address: None is what ASGI says for "unknown".
    if (host.empty()) Py_RETURN_NONE;
    return Py_BuildValue("(s#O)", host.data(), static_cast<Py_ssize_t>(host.size()), Py_None);
  }
  if (address.family() == AF_UNSPEC) Py_RETURN_NONE;
  return Py_BuildValue("(s#i)", host.data(), static_cast<Py_ssize_t>(host.size()), static_cast<int>(address.port()));
}

ScopeFactory::ScopeFactory(std::string root_path, PyObject* state)
    : root_path_(std::move(root_path)), state_(PyRef::borrow(state)) {
  const Names& n = names();
  // Every key that a scope has, so that filling it in changes values only and the copy stays compact.
  template_ = PyRef::steal(
      Py_BuildValue("{O:O, O:{s:s, s:s}, O:O, O:O, O:O, O:s, O:O, O:O, O:O, O:O, O:s#, O:O, O:{}}", n.type, n.http,
                    n.asgi, "version", "3.0", "spec_version", "2.5", n.http_version, n.version_1_1, n.server, Py_None,
                    n.client, Py_None, n.scheme, "http", n.method, n.get, n.path, n.empty_string, n.raw_path,
                    n.empty_bytes, n.query_string, n.empty_bytes, n.root_path, root_path_.data(),
                    static_cast<Py_ssize_t>(root_path_.size()), n.headers, Py_None, n.extensions));
  if (state_ && template_) PyDict_SetItem(template_.get(), n.state, Py_None);
}

PyObject* ScopeFactory::make(http::Exchange& exchange) {
  const Names& n = names();
  const http::RequestHead& head = exchange.head();
  PyRef scope = PyRef::steal(PyDict_Copy(template_.get()));
  if (!scope) return nullptr;
  if (head.minor_version() == 0 && PyDict_SetItem(scope.get(), n.http_version, n.version_1_0) != 0) return nullptr;
  if (!set(scope.get(), n.method, PyRef::steal(method_object(head.method())))) return nullptr;
  if (!add_target(scope.get(), head) || !add_headers(scope.get(), head)) return nullptr;
  if (!add_connection(scope.get(), exchange.connection())) return nullptr;
  if (state_ && !set(scope.get(), n.state, PyRef::steal(PyDict_Copy(state_.get())))) return nullptr;
  return scope.release();
}

bool ScopeFactory::add_target(PyObject* scope, const http::RequestHead& head) {
  const Names& n = names();
  if (!set(scope, n.path, PyRef::steal(decoded_path(root_path_, head.path())))) return false;
  // ASGI: raw_path is what was sent, before the query; root_path is in front of it as it is in front of path.
  PyRef raw = root_path_.empty() ? PyRef::steal(bytes_of(head.path()))
                                 : PyRef::steal(bytes_of(root_path_ + std::string(head.path())));
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

bool ScopeFactory::add_connection(PyObject* scope, http::Connection& connection) {
  const Names& n = names();
  PyObject* pair = address_pair(connection);
  return pair != nullptr && PyDict_SetItem(scope, n.client, PyTuple_GET_ITEM(pair, 0)) == 0 &&
         PyDict_SetItem(scope, n.server, PyTuple_GET_ITEM(pair, 1)) == 0;
}

}  // namespace outrider::python
