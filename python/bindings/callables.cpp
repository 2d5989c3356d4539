// SPDX-License-Identifier: MIT
#include "callables.h"

#include <structmember.h>

#include <cstdint>
#include <new>
#include <utility>

#include "asgi_application.h"
#include "asgi_exchange.h"
#include "asgi_websocket.h"
#include "names.h"
#include "py_ref.h"
#include "waiter.h"

namespace outrider::python {
namespace {

struct ReceiveObject {
  PyObject_HEAD vectorcallfunc call;
  AsgiCycle* cycle;  // behind this
};

// One of the two kinds, as one object.
template <class Cycle>
struct ReceiveOf {
  ReceiveObject receive;
  Cycle cycle;
};

struct SendObject {
  PyObject_HEAD vectorcallfunc call;
  ReceiveObject* receive;
  uint8_t in_a_row;  // sends that didn't wait
};

// Where `call` lies in both (offsetof() doesn't do for a type with a constructor).
constexpr Py_ssize_t kCallOffset = sizeof(PyObject);

enum class WaitsFor { Message, Room };

// Sends that complete without a turn of the event loop between them.
constexpr uint8_t kSendsInARowMax = 128;

struct WaitingObject {
  PyObject_HEAD ReceiveObject* receive;
  PyObject* waiter;  // that is awaited; null when none is
  WaitsFor waits_for;
  bool gave_turn;  // to the event loop: see gives_turn()
  bool owes_turn;
};

PyTypeObject* receive_type = nullptr;
PyTypeObject* websocket_receive_type = nullptr;
PyTypeObject* send_type = nullptr;
PyTypeObject* waiting_type = nullptr;
PyTypeObject* done_type = nullptr;
PyObject* done_object = nullptr;

template <class T>
T* allocate(PyTypeObject* type) {
  return PyObject_New(T, type);
}

void free_object(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_Free(self);
  Py_DECREF(type);
}

// asyncio's objects aren't safe to use from other threads, and neither is the engine. `use` is "receive() was
// called".
bool check_on_thread(ReceiveObject* receive, const char* use) {
  if (PyThread_get_thread_ident() == receive->cycle->application().thread()) return true;
  PyErr_Format(PyExc_RuntimeError,
               "%s in another thread than the event loop's; go through asyncio.run_coroutine_threadsafe(), "
               "or anyio.from_thread.run()",
               use);
  return false;
}

// --- Waiting -------------------------------------------------------------------------------------------------------

PyObject* new_waiting(ReceiveObject* receive, WaitsFor waits_for) {
  auto* waiting = allocate<WaitingObject>(waiting_type);
  if (waiting == nullptr) return nullptr;
  waiting->receive = reinterpret_cast<ReceiveObject*>(Py_NewRef(reinterpret_cast<PyObject*>(receive)));
  waiting->waiter = nullptr;
  waiting->waits_for = waits_for;
  waiting->gave_turn = waiting->owes_turn = false;
  return reinterpret_cast<PyObject*>(waiting);
}

void waiting_dealloc(PyObject* self) {
  auto* waiting = reinterpret_cast<WaitingObject*>(self);
  Py_XDECREF(waiting->waiter);
  Py_DECREF(reinterpret_cast<PyObject*>(waiting->receive));
  free_object(self);
}

bool is_ready(WaitingObject* waiting) {
  AsgiCycle& cycle = *waiting->receive->cycle;
  return waiting->waits_for == WaitsFor::Message ? cycle.can_receive() : cycle.can_send();
}

PyObject* take_result(WaitingObject* waiting) {
  AsgiCycle& cycle = *waiting->receive->cycle;
  if (waiting->waits_for == WaitsFor::Message) return cycle.take_message();
  return cycle.check_connected() ? Py_NewRef(Py_None) : nullptr;
}

// An application that asks again and again, though it was told of the disconnection, would otherwise never give the
// event loop a turn, and nothing could end it. Nor would one that sends as fast as its client takes it: a stop would
// wait, and everybody else.
bool gives_turn(WaitingObject* waiting) {
  if (waiting->gave_turn) return false;
  const bool is_message = waiting->waits_for == WaitsFor::Message;
  return waiting->gave_turn = is_message ? waiting->receive->cycle->gave_disconnect() : waiting->owes_turn;
}

// Whether a task waits in it already. A second one would be waited for with the first one's waiter, which has room
// for one.
bool is_awaited(WaitingObject* waiting) { return waiting->waiter != nullptr && !is_waiter_done(waiting->waiter); }

// A waiter being done means "look again": another receive() may have taken what came. So nothing is lost when a
// waiter is cancelled at the moment it is woken.
PySendResult waiting_send(PyObject* self, PyObject*, PyObject** result) {
  auto* waiting = reinterpret_cast<WaitingObject*>(self);
  *result = nullptr;
  const bool is_message = waiting->waits_for == WaitsFor::Message;
  if (!check_on_thread(waiting->receive, is_message ? "receive() was awaited" : "send() was awaited")) {
    return PYGEN_ERROR;
  }
  if (is_awaited(waiting)) {
    PyErr_SetString(PyExc_RuntimeError,
                    is_message ? "the result of receive() is being awaited already, by another task; call receive() "
                                 "in each task, and every message goes to one of them"
                               : "the result of send() is being awaited already, by another task; await it in one");
    return PYGEN_ERROR;
  }
  Py_CLEAR(waiting->waiter);  // done: look again. A task that is cancelled comes by throw()
  if (gives_turn(waiting)) {
    *result = Py_NewRef(Py_None);  // a bare yield, as asyncio.sleep(0) does
    return PYGEN_NEXT;
  }
  if (is_ready(waiting)) {
    *result = take_result(waiting);
    return *result == nullptr ? PYGEN_ERROR : PYGEN_RETURN;
  }
  waiting->waiter = waiting->receive->cycle->make_waiter();
  return waiting->waiter == nullptr ? PYGEN_ERROR : PyIter_Send(waiting->waiter, Py_None, result);
}

PyObject* stop_iteration(PyObject* value) {
  // A tuple or an exception as the value would be taken for StopIteration's arguments; ours are dicts and None.
  PyErr_SetObject(PyExc_StopIteration, value);
  Py_DECREF(value);
  return nullptr;
}

PyObject* waiting_next(PyObject* self) {
  PyObject* result = nullptr;
  const PySendResult outcome = waiting_send(self, Py_None, &result);
  if (outcome != PYGEN_RETURN) return result;
  return stop_iteration(result);
}

PyObject* waiting_send_method(PyObject* self, PyObject*) { return waiting_next(self); }

// throw(exception), or throw(type, value, traceback) as before 3.12: raised where the awaiter is suspended.
PyObject* raise_thrown(PyObject* arguments) {
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  if (!PyArg_UnpackTuple(arguments, "throw", 1, 3, &type, &value, &traceback)) return nullptr;
  if (PyExceptionInstance_Check(type)) {
    PyErr_SetObject(PyExceptionInstance_Class(type), type);
  } else if (PyExceptionClass_Check(type)) {
    PyErr_Restore(Py_NewRef(type), Py_XNewRef(value == Py_None ? nullptr : value),
                  Py_XNewRef(traceback == Py_None ? nullptr : traceback));
  } else {
    PyErr_SetString(PyExc_TypeError, "throw() takes an exception");
  }
  return nullptr;
}

PyObject* waiting_throw(PyObject* self, PyObject* arguments) {
  Py_CLEAR(reinterpret_cast<WaitingObject*>(self)->waiter);
  return raise_thrown(arguments);
}

PyObject* waiting_close(PyObject* self, PyObject*) {
  Py_CLEAR(reinterpret_cast<WaitingObject*>(self)->waiter);
  Py_RETURN_NONE;
}

PyObject* self_of(PyObject* self) { return Py_NewRef(self); }

PyMethodDef waiting_methods[] = {
    {"send", waiting_send_method, METH_O, nullptr},
    {"throw", waiting_throw, METH_VARARGS, nullptr},
    {"close", waiting_close, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot waiting_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(waiting_dealloc)},
    {Py_tp_iter, reinterpret_cast<void*>(self_of)},
    {Py_tp_iternext, reinterpret_cast<void*>(waiting_next)},
    {Py_am_await, reinterpret_cast<void*>(self_of)},
    {Py_am_send, reinterpret_cast<void*>(waiting_send)},
    {Py_tp_methods, waiting_methods},
    {0, nullptr},
};

// --- Done ----------------------------------------------------------------------------------------------------------

PySendResult done_send(PyObject*, PyObject*, PyObject** result) {
  *result = Py_NewRef(Py_None);
  return PYGEN_RETURN;
}

// No value and no error: the iterator is exhausted, which is StopIteration(None).
PyObject* done_next(PyObject*) { return nullptr; }

PyObject* done_send_method(PyObject*, PyObject*) { return stop_iteration(Py_NewRef(Py_None)); }
PyObject* done_throw(PyObject*, PyObject* arguments) { return raise_thrown(arguments); }
PyObject* done_close(PyObject*, PyObject*) { Py_RETURN_NONE; }

PyMethodDef done_methods[] = {
    {"send", done_send_method, METH_O, nullptr},
    {"throw", done_throw, METH_VARARGS, nullptr},
    {"close", done_close, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot done_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(free_object)},
    {Py_tp_iter, reinterpret_cast<void*>(self_of)},
    {Py_tp_iternext, reinterpret_cast<void*>(done_next)},
    {Py_am_await, reinterpret_cast<void*>(self_of)},
    {Py_am_send, reinterpret_cast<void*>(done_send)},
    {Py_tp_methods, done_methods},
    {0, nullptr},
};

// --- Receive and Send ----------------------------------------------------------------------------------------------

PyObject* receive_call(PyObject* self, PyObject* const*, size_t count, PyObject* keywords) {
  if (PyVectorcall_NARGS(count) != 0 || (keywords != nullptr && PyTuple_GET_SIZE(keywords) != 0)) {
    PyErr_SetString(PyExc_TypeError, "receive() takes no arguments");
    return nullptr;
  }
  auto* receive = reinterpret_cast<ReceiveObject*>(self);
  if (!check_on_thread(receive, "receive() was called")) return nullptr;
  return new_waiting(receive, WaitsFor::Message);
}

template <class Cycle>
void receive_dealloc(PyObject* self) {
  reinterpret_cast<ReceiveOf<Cycle>*>(self)->cycle.~Cycle();
  free_object(self);
}

PyObject* receive_repr(PyObject* self) {
  const PyRef line = PyRef::steal(reinterpret_cast<ReceiveObject*>(self)->cycle->describe());
  return line ? PyUnicode_FromFormat("<outrider receive of %U>", line.get()) : nullptr;
}

PyMemberDef receive_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, kCallOffset, READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

template <class Cycle>
PyType_Slot receive_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(receive_dealloc<Cycle>)},
    {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
    {Py_tp_repr, reinterpret_cast<void*>(receive_repr)},
    {Py_tp_members, receive_members},
    {0, nullptr},
};

PyObject* send_call(PyObject* self, PyObject* const* arguments, size_t count, PyObject* keywords) {
  auto* sender = reinterpret_cast<SendObject*>(self);
  ReceiveObject* receive = sender->receive;
  PyObject* message = nullptr;
  const Py_ssize_t positional = PyVectorcall_NARGS(count);
  const Py_ssize_t named = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
  if (positional + named == 1) message = arguments[0];
  if (message == nullptr ||
      (named == 1 && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(keywords, 0), "message") != 0)) {
    PyErr_SetString(PyExc_TypeError, "send() takes one argument, the message");
    return nullptr;
  }
  if (!check_on_thread(receive, "send() was called") || !receive->cycle->send(message)) return nullptr;
  const bool can_send = receive->cycle->can_send();
  if (can_send && ++sender->in_a_row < kSendsInARowMax) return Py_NewRef(done_object);
  sender->in_a_row = 0;
  PyObject* waiting = new_waiting(receive, WaitsFor::Room);
  if (waiting != nullptr) reinterpret_cast<WaitingObject*>(waiting)->owes_turn = can_send;
  return waiting;
}

void send_dealloc(PyObject* self) {
  Py_DECREF(reinterpret_cast<PyObject*>(reinterpret_cast<SendObject*>(self)->receive));
  free_object(self);
}

PyObject* send_repr(PyObject* self) {
  const PyRef line = PyRef::steal(reinterpret_cast<SendObject*>(self)->receive->cycle->describe());
  return line ? PyUnicode_FromFormat("<outrider send of %U>", line.get()) : nullptr;
}

PyMemberDef send_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, kCallOffset, READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyType_Slot send_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(send_dealloc)},
    {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
    {Py_tp_repr, reinterpret_cast<void*>(send_repr)},
    {Py_tp_members, send_members},
    {0, nullptr},
};

constexpr unsigned kFlags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE;

PyTypeObject* make_type(const char* name, int size, unsigned flags, PyType_Slot* slots) {
  PyType_Spec spec{name, size, 0, flags, slots};
  return reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
}

bool register_coroutine(PyTypeObject* type) {
  const PyRef abc = PyRef::steal(PyImport_ImportModule("collections.abc"));
  const PyRef base = PyRef::steal(abc ? PyObject_GetAttrString(abc.get(), "Coroutine") : nullptr);
  const PyRef done = PyRef::steal(base ? PyObject_CallMethod(base.get(), "register", "O", type) : nullptr);
  return static_cast<bool>(done);
}

// The attributes by which inspect, or asyncio before Python 3.12, knows a coroutine function that isn't an `async
// def`: a dict, a new reference.
PyObject* coroutine_marks() {
  const PyRef inspect = PyRef::steal(PyImport_ImportModule("inspect"));
  if (!inspect) return nullptr;
  if (PyObject_HasAttrString(inspect.get(), "markcoroutinefunction") == 0) {
    const PyRef coroutines = PyRef::steal(PyImport_ImportModule("asyncio.coroutines"));
    const PyRef mark = PyRef::steal(coroutines ? PyObject_GetAttrString(coroutines.get(), "_is_coroutine") : nullptr);
    return mark ? Py_BuildValue("{sO}", "_is_coroutine", mark.get()) : nullptr;
  }
  const PyRef types = PyRef::steal(PyImport_ImportModule("types"));
  const PyRef marked = PyRef::steal(types ? PyObject_CallMethod(types.get(), "SimpleNamespace", nullptr) : nullptr);
  if (!marked) return nullptr;
  const PyRef done = PyRef::steal(PyObject_CallMethod(inspect.get(), "markcoroutinefunction", "O", marked.get()));
  return done ? PyObject_GetAttrString(marked.get(), "__dict__") : nullptr;
}

// asgiref, and so Channels, ask whether `receive` and `send` are coroutine functions.
bool mark_coroutine_functions() {
  const PyRef marks = PyRef::steal(coroutine_marks());
  if (!marks) return false;
  for (PyTypeObject* type : {receive_type, websocket_receive_type, send_type}) {
    if (PyDict_Update(type->tp_dict, marks.get()) != 0) return false;
    PyType_Modified(type);
  }
  return true;
}

PyObject* on_task_done(PyObject* receive, PyObject* task) {
  AsgiCycle& cycle = cycle_of(receive);
  cycle.application().on_task_done(cycle, task);
  if (PyErr_Occurred() != nullptr) return nullptr;
  Py_RETURN_NONE;
}

template <class Cycle, class... Rest>
PyObject* make_receive(PyTypeObject* type, AsgiApplication& application, http::Exchange& exchange, Rest... rest) {
  auto* object = allocate<ReceiveOf<Cycle>>(type);
  if (object == nullptr) return nullptr;
  auto* self = reinterpret_cast<PyObject*>(object);
  object->receive.call = receive_call;
  object->receive.cycle = new (&object->cycle) Cycle(application, exchange, self, std::move(rest)...);
  return self;
}

PyMethodDef done_callback_definition{"on_task_done", on_task_done, METH_O, nullptr};

}  // namespace

bool make_callable_types() {
  constexpr unsigned kCallable = kFlags | Py_TPFLAGS_HAVE_VECTORCALL;
  receive_type =
      make_type("outrider._engine.Receive", sizeof(ReceiveOf<AsgiExchange>), kCallable, receive_slots<AsgiExchange>);
  websocket_receive_type = make_type("outrider._engine.WebSocketReceive", sizeof(ReceiveOf<AsgiWebSocket>), kCallable,
                                     receive_slots<AsgiWebSocket>);
  send_type = make_type("outrider._engine.Send", sizeof(SendObject), kCallable, send_slots);
  waiting_type = make_type("outrider._engine.Waiting", sizeof(WaitingObject), kFlags, waiting_slots);
  done_type = make_type("outrider._engine.Done", sizeof(PyObject), kFlags, done_slots);
  if (receive_type == nullptr || websocket_receive_type == nullptr || send_type == nullptr ||
      waiting_type == nullptr || done_type == nullptr)
    return false;
  done_object = allocate<PyObject>(done_type);
  return done_object != nullptr && register_coroutine(waiting_type) && register_coroutine(done_type) &&
         mark_coroutine_functions();
}

PyObject* new_receive(AsgiApplication& application, http::Exchange& exchange) {
  return make_receive<AsgiExchange>(receive_type, application, exchange);
}

PyObject* new_receive(AsgiApplication& application, http::Exchange& exchange, websocket::Handshake handshake) {
  return make_receive<AsgiWebSocket>(websocket_receive_type, application, exchange, std::move(handshake));
}

PyObject* new_send(PyObject* receive) {
  auto* send = allocate<SendObject>(send_type);
  if (send == nullptr) return nullptr;
  send->in_a_row = 0;
  send->call = send_call;
  send->receive = reinterpret_cast<ReceiveObject*>(Py_NewRef(receive));
  return reinterpret_cast<PyObject*>(send);
}

AsgiCycle& cycle_of(PyObject* receive) { return *reinterpret_cast<ReceiveObject*>(receive)->cycle; }

PyObject* new_done_callback(PyObject* receive) { return PyCFunction_New(&done_callback_definition, receive); }

}  // namespace outrider::python
