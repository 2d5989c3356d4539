// SPDX-License-Identifier: MIT
#pragma once

// One ASGI HTTP cycle: the exchange on one side, the application's receive and send on the other. It is the state
// inside the `receive` callable, and lives as long as anything of Python refers to that: applications keep `receive`
// and `send` beyond the exchange's end, and both then answer harmlessly.
//
// Thread: the loop's, with the GIL.

#include <Python.h>

#include <string_view>
#include <vector>

#include "http/exchange.h"
#include "py_ref.h"

namespace outrider::python {

class AsgiApplication;

class AsgiExchange final : public http::ExchangeHandler {
 public:
  /// `self` is the Python object that this is part of (borrowed: it outlives this).
  AsgiExchange(AsgiApplication& application, http::Exchange& exchange, PyObject* self);
  ~AsgiExchange();

  // http::ExchangeHandler
  void on_body() override { wake(); }
  void on_writable() override { wake(); }
  void on_half_close() override;
  void on_disconnect(http::Disconnect reason) override;
  void on_stop() override;
  void on_cancel() override;

  AsgiApplication& application() { return application_; }

  // What receive() and send() are made of.

  /// Whether receive() has something to return.
  bool can_receive();
  /// Whether receive() has told the application of the disconnection.
  bool gave_disconnect() const { return gave_disconnect_; }
  /// The next message, a new reference; null with a Python error on failure. Only if can_receive().
  PyObject* take_message();
  /// Handles a message of the application. False with a Python error when it is refused.
  bool send(PyObject* message);
  /// Whether send() may return: nothing has to leave first.
  bool can_send();
  /// Sets the error that send() raises if the peer is gone; false then. So it is said to be of a stream that the
  /// server's stop finds in nothing but sending; one that was told by receive() may send its last words.
  bool check_connected();
  /// A future that is done when can_receive() or can_send() may have changed; a new reference.
  PyObject* make_waiter();

  // What the application's task came to.

  void set_scope(PyObject* scope) { scope_ = PyRef::borrow(scope); }
  void set_task(PyObject* task) { task_ = PyRef::borrow(task); }
  /// The application has returned (`exception` null or None) or raised.
  void on_application_end(PyObject* exception);
  /// The request line, for repr and messages, a new reference.
  PyObject* describe() const;

 private:
  enum class Response { NotStarted, Started, Trailers, Complete };

  PyObject* scope_header(std::string_view name) const;
  bool send_start(PyObject* message);
  bool send_body(PyObject* message);
  bool check_content(PyObject* type, bool more);
  void end_content();
  void complete();
  // In asgi_extensions.cpp.
  bool send_extension(PyObject* type, PyObject* message);
  bool send_file(PyObject* type, PyObject* message);
  bool send_trailers(PyObject* message);
  bool send_early_hint(PyObject* message);
  bool send_debug(PyObject* message);
  bool check_not_over(PyObject* type);
  bool add_headers(PyObject* fields);
  bool check(http::ResponseFault fault, PyObject* culprit);
  void end_with_error();
  void wake();
  bool must_hear() const { return is_stopping_ && !gave_disconnect_; }

  AsgiApplication& application_;
  http::Exchange* exchange_;  // null once it has ended
  PyObject* self_;
  PyRef scope_;       // for describe()
  PyRef task_;        // while the application runs
  PyRef keep_alive_;  // self_, while the exchange refers to this
  std::vector<PyRef> waiters_;
  Response response_ = Response::NotStarted;
  bool expects_trailers_ = false;  // the start said so
  bool was_abandoned_ = false;     // complete without the application: it ended before
  bool gave_request_ = false;      // the last http.request message was delivered
  bool is_disconnected_ = false;   // the peer is gone, or is said to be
  bool is_stopping_ = false;       // the server, while the response was under way
  bool gave_disconnect_ = false;   // http.disconnect was delivered
};

}  // namespace outrider::python
