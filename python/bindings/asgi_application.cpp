// SPDX-License-Identifier: MIT
#include "asgi_application.h"

#include <nanobind/nanobind.h>

#include "asgi_cycle.h"
#include "callables.h"
#include "names.h"
#include "websocket/handshake.h"

namespace outrider::python {
namespace {

// How long a chain of causes and contexts is followed.
constexpr int kChainMax = 8;

PyRef take_exception() {
#if PY_VERSION_HEX >= 0x030c0000
  return PyRef::steal(PyErr_GetRaisedException());
#else
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  if (type == nullptr) return {};
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback != nullptr) PyException_SetTraceback(value, traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  return PyRef::steal(value);
#endif
}

}  // namespace

AsgiApplication::AsgiApplication(const Options& options)
    : app_(PyRef::borrow(options.app)),
      context_(PyRef::borrow(options.context)),
      loop_(PyRef::borrow(options.loop)),
      on_exception_(PyRef::borrow(options.on_exception)),
      on_incomplete_(PyRef::borrow(options.on_incomplete)),
      on_debug_(PyRef::borrow(options.on_debug)),
      as_coroutine_(PyRef::borrow(options.as_coroutine)),
      disconnected_error_(PyRef::borrow(options.disconnected_error)),
      protocol_error_(PyRef::borrow(options.protocol_error)),
      tasks_(PyRef::steal(PySet_New(nullptr))),
      request_id_field_(options.request_id),
      takes_websockets_(options.takes_websockets),
      scopes_(options.root_path, options.state, options.on_debug != Py_None),
      tasks_starter_(options.loop) {
  PyRef asyncio = PyRef::steal(PyImport_ImportModule("asyncio"));
  PyRef type = PyRef::steal(asyncio ? PyObject_GetAttrString(asyncio.get(), "Task") : nullptr);
  done_method_ = PyRef::steal(type ? PyObject_GetAttr(type.get(), names().done) : nullptr);
  exception_method_ = PyRef::steal(type ? PyObject_GetAttrString(type.get(), "exception") : nullptr);
  if (!tasks_ || !done_method_ || !exception_method_) throw nanobind::python_error();
}

void AsgiApplication::on_request(http::Exchange& exchange) {
  // One that can't become a tunnel, of HTTP/1.0 for example, is a request as others (RFC 9110 §7.8).
  const bool is_websocket =
      takes_websockets_ && websocket::is_websocket_request(exchange.head()) && exchange.offers_tunnel();
  if (is_websocket) return on_handshake(exchange);
  const PyRef receive = PyRef::steal(new_receive(*this, exchange));
  begin(exchange, receive.get(), PyRef::steal(receive ? scopes_.make(exchange) : nullptr));
}

void AsgiApplication::on_handshake(http::Exchange& exchange) {
  auto handshake = websocket::read_handshake(exchange.head());
  if (!handshake) return websocket::refuse(exchange, handshake.error());
  const PyRef receive = PyRef::steal(new_receive(*this, exchange, *handshake));
  begin(exchange, receive.get(), PyRef::steal(receive ? scopes_.make(exchange, handshake->subprotocols) : nullptr));
}

// What is null comes with a Python error.
void AsgiApplication::begin(http::Exchange& exchange, PyObject* receive, const PyRef& scope) {
  if (receive == nullptr) {
    PyErr_WriteUnraisable(app_.get());
    return exchange.abort();
  }
  if (scope && start(receive, scope.get())) return;
  const PyRef exception = take_exception();
  cycle_of(receive).on_application_end(exception.get());
}

// False with a Python error when the application couldn't be called.
bool AsgiApplication::start(PyObject* receive, PyObject* scope) {
  PyRef send = PyRef::steal(new_send(receive));
  PyRef context = PyRef::steal(PyContext_Copy(context_.get()));
  if (!send || !context) return false;
  cycle_of(receive).set_scope(scope);

  PyObject* arguments[] = {nullptr, scope, receive, send.get()};
  PyRef coroutine =
      PyRef::steal(PyObject_Vectorcall(app_.get(), arguments + 1, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr));
  if (!coroutine) return false;
  if (!PyCoro_CheckExact(coroutine.get())) {
    // Some other awaitable, and a Task takes coroutines only. Its attributes don't say what it is: an endpoint of
    // Starlette's, which is awaited, has a `send`, ASGI's.
    coroutine = PyRef::steal(PyObject_CallOneArg(as_coroutine_.get(), coroutine.get()));
    if (!coroutine) return false;
  }

  // The task is named after the path: that is what shows in its repr and in a debugger.
  PyObject* path = PyDict_GetItemWithError(scope, names().path);
  PyRef name = PyRef::borrow(path == nullptr ? names().http : path);
  PyRef task = PyRef::steal(tasks_starter_.start(coroutine.get(), context.get(), name.get()));
  if (!task) return false;
  PyErr_Clear();  // KeyboardInterrupt and SystemExit leave the step; the task has them, too

  PyRef done = PyRef::steal(PyObject_CallOneArg(done_method_.get(), task.get()));
  if (!done) return false;
  AsgiCycle& cycle = cycle_of(receive);
  if (done.get() == Py_True) {
    tasks_starter_.forget(task.get());
    on_task_done(cycle, task.get());
    return true;
  }
  cycle.set_task(task.get());
  PyRef callback = PyRef::steal(new_done_callback(receive));
  PyObject* add_arguments[] = {task.get(), callback.get(), context.get()};
  static PyObject* const keywords = PyTuple_Pack(1, names().context);
  PyRef added = PyRef::steal(callback ? PyObject_VectorcallMethod(names().add_done_callback, add_arguments,
                                                                  2 | PY_VECTORCALL_ARGUMENTS_OFFSET, keywords)
                                      : nullptr);
  return added && PySet_Add(tasks_.get(), task.get()) == 0;
}

void AsgiApplication::detach() {
  is_detached_ = true;
  if (PySet_GET_SIZE(tasks_.get()) == 0) let_go();
}

void AsgiApplication::let_go() {
  app_.clear();
  context_.clear();
  on_exception_.clear();
  on_incomplete_.clear();
  on_debug_ = PyRef::borrow(Py_None);
  as_coroutine_.clear();
}

void AsgiApplication::on_task_done(AsgiCycle& cycle, PyObject* task) {
  if (PySet_GET_SIZE(tasks_.get()) > 0 && PySet_Discard(tasks_.get(), task) < 0) PyErr_Clear();
  PyRef exception = PyRef::steal(PyObject_CallOneArg(exception_method_.get(), task));
  if (!exception) exception = take_exception();  // CancelledError
  cycle.on_application_end(exception.get());
  if (is_detached_ && PySet_GET_SIZE(tasks_.get()) == 0) let_go();
}

bool AsgiApplication::is_disconnection(PyObject* exception) const {
  PyRef current = PyRef::borrow(exception);
  for (int depth = 0; depth < kChainMax && current && current.get() != Py_None; ++depth) {
    if (PyErr_GivenExceptionMatches(current.get(), disconnected_error_.get()) != 0) return true;
    PyRef next = PyRef::steal(PyException_GetCause(current.get()));
    if (!next) next = PyRef::steal(PyException_GetContext(current.get()));
    current = std::move(next);
  }
  return false;
}

void AsgiApplication::report_exception(AsgiCycle& cycle, PyObject* exception, bool is_disconnected) {
  if (is_disconnected && is_disconnection(exception)) return;
  PyRef line = PyRef::steal(cycle.describe());
  PyRef result = PyRef::steal(PyObject_CallFunctionObjArgs(on_exception_.get(), line.get(), exception, nullptr));
  if (!result) PyErr_WriteUnraisable(on_exception_.get());
}

void AsgiApplication::report_incomplete(AsgiCycle& cycle, bool has_started) {
  PyRef line = PyRef::steal(cycle.describe());
  PyRef result = PyRef::steal(
      PyObject_CallFunctionObjArgs(on_incomplete_.get(), line.get(), has_started ? Py_True : Py_False, nullptr));
  if (!result) PyErr_WriteUnraisable(on_incomplete_.get());
}

void AsgiApplication::report_debug(AsgiCycle& cycle, PyObject* info) {
  PyRef line = PyRef::steal(cycle.describe());
  PyRef result = PyRef::steal(PyObject_CallFunctionObjArgs(on_debug_.get(), line.get(), info, nullptr));
  if (!result) PyErr_WriteUnraisable(on_debug_.get());
}

}  // namespace outrider::python
