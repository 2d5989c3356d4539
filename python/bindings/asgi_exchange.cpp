// SPDX-License-Identifier: MIT
#include "asgi_exchange.h"

#include <string>

#include "asgi_application.h"
#include "base/ascii.h"
#include "base/check.h"
#include "message.h"
#include "names.h"

namespace outrider::python {
namespace {

// Compares a message's type with a known one. Applications send the same string object again and again: the last
// one that was equal is remembered, and then compared by pointer.
bool is_type(PyObject* type, PyObject* known, PyObject*& remembered) {
  if (type == known || type == remembered) return true;
  if (!PyUnicode_Check(type) || PyUnicode_Compare(type, known) != 0) return false;
  Py_XSETREF(remembered, Py_NewRef(type));
  return true;
}

PyObject* last_start_type = nullptr;
PyObject* last_body_type = nullptr;

}  // namespace

AsgiExchange::AsgiExchange(AsgiApplication& application, http::Exchange& exchange, PyObject* self)
    : application_(application), exchange_(&exchange), self_(self), keep_alive_(PyRef::borrow(self)) {
  application.retain();
  exchange.set_handler(this);
}

AsgiExchange::~AsgiExchange() { application_.release(); }

void AsgiExchange::on_half_close() {
  // The peer has probably gone: receive() says so. What is sent is still written, in case it only stopped sending.
  is_disconnected_ = true;
  wake();
}

void AsgiExchange::on_disconnect(http::Disconnect) {
  exchange_ = nullptr;
  is_disconnected_ = true;
  wake();
  const PyRef alive = std::move(keep_alive_);  // may be the last reference: nothing follows
}

void AsgiExchange::on_stop() {
  is_disconnected_ = true;
  is_stopping_ = response_ == Response::Started || response_ == Response::Trailers;
  wake();
}

void AsgiExchange::on_cancel() {
  if (!task_) return;
  PyRef result = PyRef::steal(PyObject_CallMethodNoArgs(task_.get(), names().cancel));
  if (!result) PyErr_WriteUnraisable(task_.get());
}

void AsgiExchange::wake() {
  const std::vector<PyRef> waiters = std::move(waiters_);
  waiters_.clear();
  for (const PyRef& waiter : waiters) {
    PyRef done = PyRef::steal(PyObject_CallMethodNoArgs(waiter.get(), names().done));
    if (done.get() == Py_True) continue;  // cancelled in the meantime
    PyRef result = PyRef::steal(PyObject_CallMethodOneArg(waiter.get(), names().set_result, Py_None));
    if (!done || !result) PyErr_WriteUnraisable(waiter.get());
  }
}

PyObject* AsgiExchange::make_waiter() {
  PyObject* future = application_.create_future();
  if (future != nullptr) waiters_.push_back(PyRef::borrow(future));
  return future;
}

// --- receive -------------------------------------------------------------------------------------------------------

bool AsgiExchange::can_receive() {
  if (exchange_ == nullptr || response_ == Response::Complete) return true;
  if (!gave_request_) {
    if (!exchange_->body().empty() || exchange_->is_body_complete()) return true;
    if (is_disconnected_) return true;
    exchange_->want_body();
    return false;
  }
  return is_disconnected_;
}

PyObject* AsgiExchange::take_message() {
  const Names& n = names();
  PyRef message = PyRef::steal(PyDict_New());  // first: a collection of garbage may run anything, a send() as well
  if (!message) return nullptr;
  const bool has_request = exchange_ != nullptr && response_ != Response::Complete && !gave_request_ &&
                           (!exchange_->body().empty() || exchange_->is_body_complete());
  if (!has_request) {
    gave_disconnect_ = true;
    return PyDict_SetItem(message.get(), n.type, n.http_disconnect) == 0 ? message.release() : nullptr;
  }
  const std::string_view body = exchange_->body();
  PyRef bytes = body.empty()
                    ? PyRef::borrow(n.empty_bytes)
                    : PyRef::steal(PyBytes_FromStringAndSize(body.data(), static_cast<Py_ssize_t>(body.size())));
  gave_request_ = exchange_->is_body_complete();
  if (!bytes || PyDict_SetItem(message.get(), n.type, n.http_request) != 0 ||
      PyDict_SetItem(message.get(), n.body, bytes.get()) != 0 ||
      PyDict_SetItem(message.get(), n.more_body, gave_request_ ? Py_False : Py_True) != 0) {
    return nullptr;
  }
  if (!body.empty()) exchange_->consume_body(body.size());
  return message.release();
}

// --- send ----------------------------------------------------------------------------------------------------------

bool AsgiExchange::can_send() {
  return exchange_ == nullptr || response_ == Response::Complete || must_hear() || exchange_->is_writable();
}

bool AsgiExchange::check_connected() {
  if ((exchange_ != nullptr && !must_hear()) || response_ == Response::Complete) return true;
  PyErr_SetString(application_.disconnected_error(), "the client has disconnected: the response can't be sent");
  return false;
}

bool AsgiExchange::send(PyObject* message) {
  const Names& n = names();
  if (!PyDict_Check(message)) return refuse(PyExc_TypeError, "an ASGI message must be a dict, not %.200R", message);
  PyObject* type = PyDict_GetItemWithError(message, n.type);
  if (type == nullptr) {
    if (PyErr_Occurred() != nullptr) return false;
    return refuse(PyExc_ValueError, "an ASGI message must have a 'type': %.200R", message);
  }
  if (is_type(type, n.response_body, last_body_type)) return send_body(message);
  if (is_type(type, n.response_start, last_start_type)) return send_start(message);
  return send_extension(type, message);
}

bool AsgiExchange::check_not_over(PyObject* type) {
  if (response_ != Response::Complete) return true;
  return refuse(application_.protocol_error(),
                was_abandoned_ ? "%R was sent after the application had ended, which has answered the request"
                               : "%R was sent after the response was complete (more_body was false)",
                type);
}

bool AsgiExchange::send_start(PyObject* message) {
  long status = 0;
  bool trailers = false;
  if (!read_status(message, status) || !read_flag(message, names().trailers, trailers)) return false;
  const PyRef fields = read_fields(message, names().headers);
  // From here on nothing of the application's runs until all is done: see message.h.
  if (!fields || !check_not_over(names().response_start)) return false;
  if (response_ != Response::NotStarted) {
    PyErr_SetString(application_.protocol_error(),
                    "'http.response.start' was sent already: a response has one start");
    return false;
  }
  if (!check_connected()) return false;
  // Informational responses don't come this way (RFC 9110 §15.2: they aren't the response).
  const auto fault = status < 200 || status > 999 ? http::ResponseFault::StatusInvalid
                                                  : exchange_->begin_head(static_cast<int>(status));
  if (fault != http::ResponseFault::None) {
    return check(fault, PyRef::steal(PyLong_FromLong(status)).get());
  }
  if (!add_headers(fields.get())) return false;
  expects_trailers_ = trailers;
  if (trailers) exchange_->expect_trailers();
  response_ = Response::Started;
  return true;
}

// All of them, or none and no head.
bool AsgiExchange::add_headers(PyObject* fields) {
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

bool AsgiExchange::check(http::ResponseFault fault, PyObject* culprit) {
  if (fault == http::ResponseFault::None) return true;
  return refuse(application_.protocol_error(), (std::string(http::sentence(fault)) + ": %.200R").c_str(), culprit);
}

bool AsgiExchange::send_body(PyObject* message) {
  bool more = false;
  if (!read_flag(message, names().more_body, more)) return false;
  PyRef bytes = read_body(message);
  if (!bytes || !check_content(names().response_body, more)) return false;

  const std::string_view content = view(bytes.get());
  const http::Piece piece{content, bytes.release(), [](void* owner) { Py_DECREF(static_cast<PyObject*>(owner)); }};
  const http::ResponseFault fault = exchange_->write(piece, more ? http::More::Yes : http::More::No);
  if (fault != http::ResponseFault::None) return check(fault, message);
  if (!more) end_content();
  return true;
}

// Whether content may be sent now, in a message of that type.
bool AsgiExchange::check_content(PyObject* type, bool more) {
  if (!check_not_over(type)) return false;
  if (response_ != Response::Started) {
    return refuse(application_.protocol_error(),
                  response_ == Response::NotStarted
                      ? "%R was sent before 'http.response.start'"
                      : "%R was sent after the body was complete (more_body was false): its trailers are to come",
                  type);
  }
  // The last piece of a stream that is to end is welcome.
  return (!more && exchange_ != nullptr) || check_connected();
}

void AsgiExchange::end_content() {
  if (!expects_trailers_) return complete();
  response_ = Response::Trailers;
}

void AsgiExchange::complete() {
  response_ = Response::Complete;
  exchange_ = nullptr;
  if (!waiters_.empty()) wake();
  keep_alive_.clear();  // the caller's argument keeps this alive
}

// --- the application's end -----------------------------------------------------------------------------------------

void AsgiExchange::on_application_end(PyObject* exception) {
  task_.clear();
  const bool raised = exception != nullptr && exception != Py_None;
  if (raised) {
    application_.report_exception(*this, exception, is_disconnected_);
  } else if (exchange_ != nullptr && !is_disconnected_) {
    application_.report_incomplete(*this, response_ != Response::NotStarted);
  }
  if (exchange_ != nullptr) end_with_error();
}

// The response will not be completed by the application.
void AsgiExchange::end_with_error() {
  http::Exchange& exchange = *exchange_;
  exchange_ = nullptr;
  response_ = Response::Complete;
  was_abandoned_ = true;
  if (exchange.has_sent_head()) {
    exchange.abort();
  } else {
    if (exchange.has_begun_head()) exchange.drop_head();
    exchange.begin_head(500);
    exchange.add_field("content-type", "text/plain; charset=utf-8");
    exchange.write({"Internal Server Error", nullptr, nullptr}, http::More::No);
  }
  const PyRef alive = std::move(keep_alive_);
}

// The value of a header of the scope, as far as the application has left it there; a new reference, or null.
PyObject* AsgiExchange::scope_header(std::string_view name) const {
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

PyObject* AsgiExchange::describe() const {
  PyObject* method = scope_ ? PyDict_GetItemWithError(scope_.get(), names().method) : nullptr;
  PyObject* path = scope_ ? PyDict_GetItemWithError(scope_.get(), names().path) : nullptr;
  if (method == nullptr || path == nullptr) return PyUnicode_FromString("a request");
  const std::string& field = application_.request_id_field();
  PyRef id = PyRef::steal(field.empty() ? nullptr : scope_header(field));
  return id ? PyUnicode_FromFormat("%S %S (request id %U)", method, path, id.get())
            : PyUnicode_FromFormat("%S %S", method, path);
}

}  // namespace outrider::python
