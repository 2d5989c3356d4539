// SPDX-License-Identifier: MIT
#pragma once

// The ASGI cycle of a request over HTTP (asgi_cycle.h).
//
// Thread: the loop's, with the GIL.

#include <Python.h>

#include "asgi_cycle.h"

namespace outrider::python {

class AsgiExchange final : public AsgiCycle {
 public:
  /// `self` is the Python object that this is part of (borrowed: it outlives this).
  AsgiExchange(AsgiApplication& application, http::Exchange& exchange, PyObject* self)
      : AsgiCycle(application, exchange, self) {}

  // http::ExchangeHandler
  void on_body() override { wake(Wake::Now); }
  void on_writable() override { wake(); }
  void on_half_close() override;
  void on_disconnect(http::Disconnect reason) override;
  void on_stop() override;

  // AsgiCycle
  bool can_receive() override;
  PyObject* take_message() override;
  bool send(PyObject* message) override;
  bool can_send() override;
  /// So it is said to be of a stream that the server's stop finds in nothing but sending; one that was told by
  /// receive() may send its last words.
  bool check_connected() override;
  void on_application_end(PyObject* exception) override;

 private:
  enum class Response { NotStarted, Started, Trailers, Complete };

  PyObject* method_of(PyObject* scope) const override;
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
  bool send_abort();
  bool check_not_over(PyObject* type);
  bool must_hear() const { return is_stopping_ && !gave_disconnect_; }

  Response response_ = Response::NotStarted;
  bool expects_trailers_ = false;  // the start said so
  bool was_abandoned_ = false;     // complete without the application: it ended before
  bool was_aborted_ = false;       // complete as the application wished: by the connection's end
  bool gave_request_ = false;      // the last http.request message was delivered
  bool is_stopping_ = false;       // the server, while the response was under way
};

}  // namespace outrider::python
