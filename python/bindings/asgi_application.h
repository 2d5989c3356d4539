// SPDX-License-Identifier: MIT
#pragma once

// The ASGI application as the engine sees it: calls it for each request, in a task and a context of its own.
//
// Thread: the loop's, with the GIL.

#include <Python.h>

#include <cstdint>
#include <string>

#include "http/exchange.h"
#include "py_ref.h"
#include "scope.h"
#include "task_starter.h"

namespace outrider::python {

class AsgiCycle;

class AsgiApplication final : public http::Application {
 public:
  struct Options {
    PyObject* app;                 // the ASGI 3 callable
    PyObject* loop;                // the running event loop
    PyObject* context;             // contextvars.Context that each request's is a copy of
    PyObject* state;               // the lifespan's state dict, or null
    PyObject* on_exception;        // called as on_exception(request_line, exception)
    PyObject* on_incomplete;       // called as on_incomplete(request_line, has_started)
    PyObject* on_debug;            // called as on_debug(request_line, info), or None: debugging isn't offered
    PyObject* as_coroutine;        // an async function that awaits its argument
    PyObject* disconnected_error;  // what send() raises when the peer is gone
    PyObject* protocol_error;      // what send() raises when the message breaks the rules
    std::string root_path;
    std::string request_id;  // the header field, in lower case, that has a request's id; empty: there is none
    bool takes_websockets;   // else their handshakes are requests as others
  };

  /// Throws nanobind's python_error. Counted: a task that outlives the engine (it swallowed its cancellation) still
  /// reports here when it ends. The maker has the first reference.
  explicit AsgiApplication(const Options& options);
  void retain() { ++references_; }
  void release() {
    if (--references_ == 0) delete this;
  }

  /// The server is done with it: lets go of what leads back to the server, at once or when the last task has ended.
  /// An exception that the server keeps has the frames of its request, these have receive(), and that has this
  /// object: a cycle that the garbage collector can't see.
  void detach();

  // http::Application
  void on_request(http::Exchange& exchange) override;

  // For the exchanges.
  unsigned long thread() const { return thread_; }
  PyObject* loop() const { return loop_.get(); }
  PyObject* disconnected_error() const { return disconnected_error_.get(); }
  PyObject* protocol_error() const { return protocol_error_.get(); }
  const std::string& request_id_field() const { return request_id_field_; }
  void on_task_done(AsgiCycle& cycle, PyObject* task);
  /// What the application let out. A disconnection that was passed on is no error of the application.
  void report_exception(AsgiCycle& cycle, PyObject* exception, bool is_disconnected);
  void report_incomplete(AsgiCycle& cycle, bool has_started);
  /// What the application says for those who debug it; only if offers_debug().
  void report_debug(AsgiCycle& cycle, PyObject* info);
  bool offers_debug() const { return on_debug_.get() != Py_None; }

  /// The tasks that are still running, background tasks behind a complete response included: a set.
  PyObject* tasks() const { return tasks_.get(); }

 private:
  ~AsgiApplication() override = default;
  void let_go();
  void on_handshake(http::Exchange& exchange);
  void begin(http::Exchange& exchange, PyObject* receive, const PyRef& scope);
  bool start(PyObject* receive, PyObject* scope);
  bool is_disconnection(PyObject* exception) const;

  PyRef app_, context_, loop_, on_exception_, on_incomplete_, on_debug_, as_coroutine_, disconnected_error_,
      protocol_error_;
  PyRef tasks_;
  int references_ = 1;  // changed under the GIL
  bool is_detached_ = false;
  unsigned long thread_ = PyThread_get_thread_ident();
  PyRef done_method_;       // asyncio.Task.done, unbound
  PyRef exception_method_;  // asyncio.Task.exception, unbound
  std::string request_id_field_;
  bool takes_websockets_;
  ScopeFactory scopes_;
  TaskStarter tasks_starter_;
};

}  // namespace outrider::python
