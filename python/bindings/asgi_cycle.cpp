// SPDX-License-Identifier: MIT
#include "asgi_cycle.h"

#include <string>
#include <utility>

#include "asgi_application.h"
#include "base/ascii.h"
#include "message.h"
#include "names.h"

namespace outrider::python {
namespace {

std::string_view content_of(int status) {
  if (status == 403) return "Forbidden";
  return status == 503 ? "Service Unavailable" : "Internal Server Error";
}

bool is_cancelled(const PyRef& waiter) { return is_waiter_done(waiter.get()); }

}  // namespace

AsgiCycle::AsgiCycle(AsgiApplication& application, http::Exchange& exchange, PyObject* self)
    : application_(application), exchange_(&exchange), keep_alive_(PyRef::borrow(self)) {
  application.retain();
  exchange.set_handler(this);
}

AsgiCycle::~AsgiCycle() { application_.release(); }

void AsgiCycle::on_cancel() {
  if (!task_) return;
  PyRef result = PyRef::steal(PyObject_CallMethodNoArgs(task_.get(), names().cancel));
  if (!result) PyErr_WriteUnraisable(task_.get());
}

void AsgiCycle::wake(Wake when) {
  if (waiters_.empty()) return;
  const PyRef alive = PyRef::borrow(keep_alive_.get());  // a step may end everything
  const std::vector<PyRef> waiters = std::move(waiters_);
  waiters_.clear();
  for (const PyRef& waiter : waiters) wake_waiter(waiter.get(), when);
}

PyObject* AsgiCycle::make_waiter() {
  // Who waits again and again, for a second each, leaves waiters behind that were cancelled.
  if (waiters_.size() == waiters_.capacity()) std::erase_if(waiters_, is_cancelled);
  PyObject* waiter = new_waiter(application_.loop());
  if (waiter != nullptr) waiters_.push_back(PyRef::borrow(waiter));
  return waiter;
}

bool AsgiCycle::begin_response(long status, PyObject* fields) {
  // Informational responses don't come this way (RFC 9110 §15.2: they aren't the response).
  const auto begun = status < 200 || status > 999 ? http::ResponseFault::StatusInvalid
                                                  : exchange_->begin_head(static_cast<int>(status));
  if (begun != http::ResponseFault::None) return check(begun, PyRef::steal(PyLong_FromLong(status)).get());
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(fields);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* field = PySequence_Fast_GET_ITEM(fields, i);
    const std::string_view name = view(PySequence_Fast_GET_ITEM(field, 0));
    // ASGI, "Response Start": the application may send it, the server must ignore it.
    if (ascii::equals_ignore_case(name, "transfer-encoding")) continue;
    const auto fault = exchange_->add_field(name, view(PySequence_Fast_GET_ITEM(field, 1)));
    if (fault == http::ResponseFault::None) continue;
    exchange_->drop_head();
    return check(fault, field);
  }
  return true;
}

bool AsgiCycle::write_response(PyRef bytes, http::More more, PyObject* message) {
  const std::string_view content = view(bytes.get());
  const http::Piece piece{content, bytes.release(), [](void* owner) { Py_DECREF(static_cast<PyObject*>(owner)); }};
  return check(exchange_->write(piece, more), message);
}

bool AsgiCycle::check(http::ResponseFault fault, PyObject* culprit) {
  if (fault == http::ResponseFault::None) return true;
  return refuse(application_.protocol_error(), (std::string(http::sentence(fault)) + ": %.200R").c_str(), culprit);
}

void AsgiCycle::abandon(int status) {
  http::Exchange& exchange = *std::exchange(exchange_, nullptr);
  if (exchange.has_sent_head()) {
    exchange.abort();
  } else {
    if (exchange.has_begun_head()) exchange.drop_head();
    exchange.begin_head(status);
    exchange.add_field("content-type", "text/plain; charset=utf-8");
    exchange.write({content_of(status), nullptr, nullptr}, http::More::No);
  }
  release_self();
}

// The value of a header of the scope, as far as the application has left it there; a new reference, or null.
PyObject* AsgiCycle::scope_header(std::string_view name) const {
  PyObject* headers = scope_ ? PyDict_GetItemWithError(scope_.get(), names().headers) : nullptr;
  if (headers == nullptr || !PyList_CheckExact(headers)) return nullptr;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(headers); ++i) {
    PyObject* pair = PyList_GET_ITEM(headers, i);
    if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2) continue;
    PyObject* value = PyTuple_GET_ITEM(pair, 1);
    if (!PyBytes_CheckExact(PyTuple_GET_ITEM(pair, 0)) || !PyBytes_CheckExact(value)) continue;
    if (view(PyTuple_GET_ITEM(pair, 0)) == name) {
      return PyUnicode_DecodeLatin1(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), nullptr);
    }
  }
  return nullptr;
}

PyObject* AsgiCycle::describe() const {
  PyObject* scope = scope_.get();
  PyObject* method = scope != nullptr ? method_of(scope) : nullptr;
  PyObject* path = scope != nullptr ? PyDict_GetItemWithError(scope, names().path) : nullptr;
  if (method == nullptr || path == nullptr) return PyUnicode_FromString("a request");
  const std::string& field = application_.request_id_field();
  PyRef id = PyRef::steal(field.empty() ? nullptr : scope_header(field));
  return id ? PyUnicode_FromFormat("%S %S (request id %U)", method, path, id.get())
            : PyUnicode_FromFormat("%S %S", method, path);
}

}  // namespace outrider::python
