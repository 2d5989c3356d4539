// SPDX-License-Identifier: MIT
#pragma once

// One ASGI cycle: an exchange on one side, the application's receive and send on the other. It is the state inside
// the `receive` callable, and lives as long as anything of Python refers to that: applications keep `receive` and
// `send` beyond the exchange's end, and both then answer harmlessly. There are two kinds, AsgiExchange for HTTP and
// AsgiWebSocket; here is what they share.
//
// Thread: the loop's, with the GIL.

#include <Python.h>

#include <string_view>
#include <vector>

#include "http/exchange.h"
#include "py_ref.h"
#include "waiter.h"

namespace outrider::python {

class AsgiApplication;

class AsgiCycle : public http::ExchangeHandler {
 public:
  AsgiCycle(const AsgiCycle&) = delete;
  AsgiCycle& operator=(const AsgiCycle&) = delete;

  // http::ExchangeHandler
  void on_cancel() override;

  AsgiApplication& application() { return application_; }

  // What receive() and send() are made of.

  /// Whether receive() has something to return.
  virtual bool can_receive() = 0;
  /// Whether receive() has told the application of the disconnection.
  bool gave_disconnect() const { return gave_disconnect_; }
  /// The next message, a new reference; null with a Python error on failure. Only if can_receive().
  virtual PyObject* take_message() = 0;
  /// Handles a message of the application. False with a Python error when it is refused.
  virtual bool send(PyObject* message) = 0;
  /// Whether send() may return: nothing has to leave first.
  virtual bool can_send() = 0;
  /// Sets the error that send() raises if the peer is gone; false then.
  virtual bool check_connected() = 0;
  /// A waiter that is done when can_receive() or can_send() may have changed; a new reference.
  PyObject* make_waiter();

  // What the application's task came to.

  void set_scope(PyObject* scope) { scope_ = PyRef::borrow(scope); }
  void set_task(PyObject* task) { task_ = PyRef::borrow(task); }
  /// The application has returned (`exception` null or None) or raised.
  virtual void on_application_end(PyObject* exception) = 0;
  /// The request line, for repr and messages, a new reference.
  PyObject* describe() const;

 protected:
  /// `self` is the Python object that this is part of (borrowed: it outlives this).
  AsgiCycle(AsgiApplication& application, http::Exchange& exchange, PyObject* self);
  ~AsgiCycle();

  /// The waiters look again: in the loop's next turn, or at once, in a pass only.
  void wake(Wake when = Wake::Soon);
  /// What describe() says of a scope before its path: borrowed, or null.
  virtual PyObject* method_of(PyObject* scope) const = 0;
  /// Begins a response with those fields (message.h, read_fields()): all of it, or nothing and a Python error.
  bool begin_response(long status, PyObject* fields);
  /// Content of the response, a bytes object. False with a Python error, which shows the message.
  bool write_response(PyRef bytes, http::More more, PyObject* message);
  /// Sets the error for what is wrong with a response; true when nothing is.
  bool check(http::ResponseFault fault, PyObject* culprit);
  /// Ends the exchange, whose response will not be completed by the application: with that status as long as nothing
  /// has been sent. May destroy this.
  void abandon(int status);
  /// Lets go of `self`: nobody but Python refers to this any more. May destroy this.
  void release_self() { const PyRef alive = std::move(keep_alive_); }

  AsgiApplication& application_;
  http::Exchange* exchange_;  // null once it has ended
  PyRef task_;                // while the application runs
  std::vector<PyRef> waiters_;
  bool is_disconnected_ = false;  // the peer is gone, or is said to be
  bool gave_disconnect_ = false;  // the application was told

 private:
  PyObject* scope_header(std::string_view name) const;

  PyRef scope_;       // for describe()
  PyRef keep_alive_;  // the Python object, while the exchange refers to this
};

}  // namespace outrider::python
