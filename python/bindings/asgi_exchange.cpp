// SPDX-License-Identifier: MIT
#include "asgi_exchange.h"

#include <utility>

#include "asgi_application.h"
#include "message.h"
#include "names.h"

namespace outrider::python {
namespace {

PyObject* last_start_type = nullptr;
PyObject* last_body_type = nullptr;

}  // namespace

void AsgiExchange::on_half_close() {
  // The peer has probably gone: receive() says so. What is sent is still written, in case it only stopped sending.
  is_disconnected_ = true;
  wake();
}

void AsgiExchange::on_disconnect(http::Disconnect) {
  exchange_ = nullptr;
  is_disconnected_ = true;
  wake();
  release_self();
}

void AsgiExchange::on_stop() {
  is_disconnected_ = true;
  is_stopping_ = response_ == Response::Started || response_ == Response::Trailers;
  wake();
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
  PyObject* type = message_type(message);
  if (type == nullptr) return false;
  if (is_type(type, n.response_body, last_body_type)) return send_body(message);
  if (is_type(type, n.response_start, last_start_type)) return send_start(message);
  return send_extension(type, message);
}

bool AsgiExchange::check_not_over(PyObject* type) {
  if (response_ != Response::Complete) return true;
  return refuse(application_.protocol_error(),
                was_abandoned_ ? "%R was sent after the application had ended, which has answered the request"
                : was_aborted_ ? "%R was sent after 'outrider.abort', which has ended the connection"
                               : "%R was sent after the response was complete (more_body was false)",
                type);
}

bool AsgiExchange::send_start(PyObject* message) {
  long status = 0;
  bool trailers = false;
  if (!read_status(message, names().response_start, status) || !read_flag(message, names().trailers, trailers))
    return false;
  const PyRef fields = read_fields(message, names().headers);
  // From here on nothing of the application's runs until all is done: see message.h.
  if (!fields || !check_not_over(names().response_start)) return false;
  if (response_ != Response::NotStarted) {
    PyErr_SetString(application_.protocol_error(),
                    "'http.response.start' was sent already: a response has one start");
    return false;
  }
  if (!check_connected()) return false;
  if (!begin_response(status, fields.get())) return false;
  expects_trailers_ = trailers;
  if (trailers) exchange_->expect_trailers();
  response_ = Response::Started;
  return true;
}

bool AsgiExchange::send_body(PyObject* message) {
  bool more = false;
  if (!read_flag(message, names().more_body, more)) return false;
  PyRef bytes = read_body(message, names().response_body);
  if (!bytes || !check_content(names().response_body, more)) return false;
  if (!write_response(std::move(bytes), more ? http::More::Yes : http::More::No, message)) return false;
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
  release_self();  // the caller's argument keeps this alive
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
  if (exchange_ == nullptr) return;
  response_ = Response::Complete;
  was_abandoned_ = true;
  abandon(500);
}

PyObject* AsgiExchange::method_of(PyObject* scope) const { return PyDict_GetItemWithError(scope, names().method); }

}  // namespace outrider::python
