// SPDX-License-Identifier: MIT
#include "waiter.h"

#include <structmember.h>

#include <cstring>
#include <utility>

#include "names.h"
#include "py_ref.h"

namespace outrider::python {
namespace {

enum class State : char { Pending, Done, Cancelled };

struct WaiterObject {
  PyObject_HEAD PyObject* loop;
  PyObject* callback;  // of the task that awaits this; null before and after
  PyObject* context;
  PyObject* message;  // of the cancellation; null for none. anyio knows its own by it
  State state;
  char is_blocking;  // asyncio's mark of a future that is awaited, not only yielded
};

PyTypeObject* waiter_type = nullptr;
PyObject* cancelled_error = nullptr;

WaiterObject* of(PyObject* self) { return reinterpret_cast<WaiterObject*>(self); }

void waiter_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  Py_XDECREF(of(self)->loop);
  Py_XDECREF(of(self)->callback);
  Py_XDECREF(of(self)->context);
  Py_XDECREF(of(self)->message);
  PyObject_Free(self);
  Py_DECREF(type);
}

// --- waking --------------------------------------------------------------------------------------------------------

bool call_soon(PyObject* self, PyObject* callback, PyObject* context) {
  static PyObject* const keywords = PyTuple_Pack(1, names().context);
  PyObject* arguments[] = {of(self)->loop, callback, self, context};
  const PyRef handle = PyRef::steal(
      PyObject_VectorcallMethod(names().call_soon, arguments, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, keywords));
  return static_cast<bool>(handle);
}

// Whether the error is that of a task's step which can't begin since another task's is under way; cleared then.
bool take_refusal() {
  if (PyErr_ExceptionMatches(PyExc_RuntimeError) == 0) return false;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  const PyRef text = PyRef::steal(value == nullptr ? nullptr : PyObject_Str(value));
  const char* bytes = text ? PyUnicode_AsUTF8(text.get()) : nullptr;
  constexpr char kRefusal[] = "Cannot enter into task";
  const bool is_refusal = bytes != nullptr && std::strncmp(bytes, kRefusal, sizeof kRefusal - 1) == 0;
  PyErr_Clear();
  if (!is_refusal) {
    PyErr_Restore(type, value, traceback);
    return false;
  }
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(traceback);
  return true;
}

// False where the step has to be scheduled after all. What the step lets out, KeyboardInterrupt and SystemExit, the
// task has, too.
bool call_now(PyObject* self, PyObject* callback, PyObject* context) {
  if (PyContext_Enter(context) != 0) {
    PyErr_Clear();
    return false;
  }
  const PyRef result = PyRef::steal(PyObject_CallOneArg(callback, self));
  const bool is_refused = !result && take_refusal();
  PyErr_Clear();
  if (PyContext_Exit(context) != 0) PyErr_Clear();
  return !is_refused;
}

void finish(PyObject* self, State state, Wake when) {
  WaiterObject* waiter = of(self);
  waiter->state = state;
  if (waiter->callback == nullptr) return;
  const PyRef callback = PyRef::steal(std::exchange(waiter->callback, nullptr));
  const PyRef context = PyRef::steal(std::exchange(waiter->context, nullptr));
  if (when == Wake::Now && call_now(self, callback.get(), context.get())) return;
  if (!call_soon(self, callback.get(), context.get())) PyErr_WriteUnraisable(callback.get());
}

// --- what a task asks of a future ----------------------------------------------------------------------------------

PyObject* get_loop(PyObject* self, PyObject*) { return Py_NewRef(of(self)->loop); }

// add_done_callback(callback, *, context): a task's, and so one.
PyObject* add_done_callback(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
  WaiterObject* waiter = of(self);
  const bool has_context = keywords != nullptr && PyTuple_GET_SIZE(keywords) == 1;
  if (count != 1 || waiter->callback != nullptr) {
    PyErr_SetString(PyExc_TypeError, "add_done_callback() takes one callback, and its context");
    return nullptr;
  }
  PyRef context =
      has_context && arguments[1] != Py_None ? PyRef::borrow(arguments[1]) : PyRef::steal(PyContext_CopyCurrent());
  if (!context) return nullptr;
  if (waiter->state != State::Pending) {
    return call_soon(self, arguments[0], context.get()) ? Py_NewRef(Py_None) : nullptr;
  }
  waiter->callback = Py_NewRef(arguments[0]);
  waiter->context = context.release();
  Py_RETURN_NONE;
}

PyObject* cancel(PyObject* self, PyObject* arguments, PyObject* keywords) {
  static const char* allowed[] = {"msg", nullptr};
  PyObject* message = Py_None;
  if (PyArg_ParseTupleAndKeywords(arguments, keywords, "|O:cancel", const_cast<char**>(allowed), &message) == 0) {
    return nullptr;
  }
  if (of(self)->state != State::Pending) Py_RETURN_FALSE;
  if (message != Py_None) of(self)->message = Py_NewRef(message);
  finish(self, State::Cancelled, Wake::Soon);
  Py_RETURN_TRUE;
}

PyObject* done(PyObject* self, PyObject*) { return PyBool_FromLong(of(self)->state != State::Pending); }
PyObject* cancelled(PyObject* self, PyObject*) { return PyBool_FromLong(of(self)->state == State::Cancelled); }

PyObject* result(PyObject* self, PyObject*) {
  if (of(self)->state == State::Done) Py_RETURN_NONE;
  if (of(self)->state == State::Cancelled) {
    PyErr_SetObject(cancelled_error, of(self)->message);
  } else {
    PyErr_SetString(PyExc_RuntimeError, "what is waited for hasn't come yet");
  }
  return nullptr;
}

PySendResult waiter_send(PyObject* self, PyObject*, PyObject** value) {
  WaiterObject* waiter = of(self);
  if (waiter->state == State::Pending) {
    waiter->is_blocking = 1;
    *value = Py_NewRef(self);
    return PYGEN_NEXT;
  }
  *value = result(self, nullptr);
  return *value == nullptr ? PYGEN_ERROR : PYGEN_RETURN;
}

PyObject* waiter_next(PyObject* self) {
  PyObject* value = nullptr;
  if (waiter_send(self, Py_None, &value) == PYGEN_NEXT) return value;
  Py_XDECREF(value);
  return nullptr;
}

PyObject* self_of(PyObject* self) { return Py_NewRef(self); }

template <class Function>
PyCFunction method(Function function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(function));
}

PyMethodDef waiter_methods[] = {
    {"get_loop", get_loop, METH_NOARGS, nullptr},
    {"add_done_callback", method(add_done_callback), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"cancel", method(cancel), METH_VARARGS | METH_KEYWORDS, nullptr},
    {"done", done, METH_NOARGS, nullptr},
    {"cancelled", cancelled, METH_NOARGS, nullptr},
    {"result", result, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyMemberDef waiter_members[] = {
    {"_asyncio_future_blocking", T_BOOL, offsetof(WaiterObject, is_blocking), 0, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyType_Slot waiter_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(waiter_dealloc)},
    {Py_tp_iter, reinterpret_cast<void*>(self_of)},
    {Py_tp_iternext, reinterpret_cast<void*>(waiter_next)},
    {Py_am_await, reinterpret_cast<void*>(self_of)},
    {Py_am_send, reinterpret_cast<void*>(waiter_send)},
    {Py_tp_methods, waiter_methods},
    {Py_tp_members, waiter_members},
    {0, nullptr},
};

}  // namespace

bool make_waiter_type() {
  constexpr unsigned kFlags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE;
  PyType_Spec spec{"outrider._engine.Waiter", sizeof(WaiterObject), 0, kFlags, waiter_slots};
  waiter_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  const PyRef asyncio = PyRef::steal(PyImport_ImportModule("asyncio"));
  cancelled_error = asyncio ? PyObject_GetAttrString(asyncio.get(), "CancelledError") : nullptr;
  return waiter_type != nullptr && cancelled_error != nullptr;
}

PyObject* new_waiter(PyObject* loop) {
  auto* waiter = PyObject_New(WaiterObject, waiter_type);
  if (waiter == nullptr) return nullptr;
  waiter->loop = Py_NewRef(loop);
  waiter->callback = nullptr;
  waiter->context = nullptr;
  waiter->message = nullptr;
  waiter->state = State::Pending;
  waiter->is_blocking = 0;
  return reinterpret_cast<PyObject*>(waiter);
}

bool is_waiter_done(PyObject* waiter) { return of(waiter)->state != State::Pending; }

void wake_waiter(PyObject* waiter, Wake when) {
  if (of(waiter)->state == State::Pending) finish(waiter, State::Done, when);
}

}  // namespace outrider::python
