// SPDX-License-Identifier: MIT
#include "host_loop.h"

#include <nanobind/nanobind.h>

#include "names.h"

namespace outrider::python {
namespace {

constexpr char kCapsuleName[] = "outrider.HostLoop";

using FastCall = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);

PyMethodDef definition(const char* name, FastCall function) {
  return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(function)), METH_FASTCALL, nullptr};
}

// The host may still hold a callback when we are gone: the capsule then has a null context.
HostLoop* owner(PyObject* self) { return static_cast<HostLoop*>(PyCapsule_GetContext(self)); }

}  // namespace

HostLoop::HostLoop(PyObject* host, loop::Loop& loop)
    : host_(PyRef::borrow(host)),
      loop_(loop),
      call_soon_(PyRef::steal(PyObject_GetAttr(host, names().call_soon))),
      call_later_(PyRef::steal(PyObject_GetAttr(host, names().call_later))) {
  prepare_gil_requests();
  static PyMethodDef pass_definition = definition("outrider_pass", &HostLoop::pass_cb);
  static PyMethodDef soon_definition = definition("outrider_pass_soon", &HostLoop::soon_cb);
  static PyMethodDef timer_definition = definition("outrider_pass_later", &HostLoop::timer_cb);
  owner_ = PyRef::steal(PyCapsule_New(&loop_, kCapsuleName, nullptr));
  if (!owner_ || PyCapsule_SetContext(owner_.get(), this) != 0) throw nanobind::python_error();
  PyRef pass_callback = PyRef::steal(PyCFunction_New(&pass_definition, owner_.get()));
  soon_callback_ = PyRef::steal(PyCFunction_New(&soon_definition, owner_.get()));
  timer_callback_ = PyRef::steal(PyCFunction_New(&timer_definition, owner_.get()));
  if (!call_soon_ || !call_later_ || !pass_callback || !soon_callback_ || !timer_callback_) {
    throw nanobind::python_error();
  }
  PyRef added = PyRef::steal(PyObject_CallMethod(host, "add_reader", "iO", loop_.backend_fd(), pass_callback.get()));
  if (!added) throw nanobind::python_error();
  loop_.on_pass_needed(
      [](void* self) {
        if (!static_cast<HostLoop*>(self)->schedule_soon()) PyErr_WriteUnraisable(nullptr);
      },
      this);
  loop_.set_host_lock(&gil_);
  schedule_soon();  // what was started before is told to the kernel in the first pass
}

HostLoop::~HostLoop() { detach(); }

void HostLoop::detach() {
  if (!owner_) return;
  PyCapsule_SetContext(owner_.get(), nullptr);
  owner_.clear();
  loop_.on_pass_needed(nullptr, nullptr);
  loop_.set_host_lock(nullptr);
  PyRef removed = PyRef::steal(PyObject_CallMethod(host_.get(), "remove_reader", "i", loop_.backend_fd()));
  if (!removed) PyErr_Clear();  // the host loop is closed already
  if (timer_handle_) {
    PyRef cancelled = PyRef::steal(PyObject_CallMethodNoArgs(timer_handle_.get(), names().cancel));
    if (!cancelled) PyErr_Clear();
  }
}

bool HostLoop::pass() {
  const std::chrono::milliseconds delay = loop_.pass();
  // The pass may have detached us (a stop that was over at once).
  if (!owner_ || delay.count() < 0) return true;
  return delay.count() == 0 ? schedule_soon() : schedule_timer(delay);
}

bool HostLoop::schedule_soon() {
  if (is_soon_scheduled_ || !owner_) return true;
  PyRef handle = PyRef::steal(PyObject_CallOneArg(call_soon_.get(), soon_callback_.get()));
  is_soon_scheduled_ = static_cast<bool>(handle);
  return is_soon_scheduled_;
}

// One timer of the host stands for all of ours. One that fires early does no harm; so it is only moved forward.
bool HostLoop::schedule_timer(std::chrono::milliseconds delay) {
  const uint64_t due = loop_.now_ms() + static_cast<uint64_t>(delay.count());
  if (timer_due_ms_ != 0 && timer_due_ms_ <= due) return true;
  if (timer_handle_) {
    PyRef cancelled = PyRef::steal(PyObject_CallMethodNoArgs(timer_handle_.get(), names().cancel));
    if (!cancelled) return false;
  }
  PyRef seconds = PyRef::steal(PyFloat_FromDouble(static_cast<double>(delay.count()) / 1000.0));
  timer_handle_ =
      PyRef::steal(PyObject_CallFunctionObjArgs(call_later_.get(), seconds.get(), timer_callback_.get(), nullptr));
  timer_due_ms_ = timer_handle_ ? due : 0;
  return static_cast<bool>(timer_handle_);
}

PyObject* HostLoop::pass_cb(PyObject* self, PyObject* const*, Py_ssize_t) {
  HostLoop* host = owner(self);
  if (host != nullptr && !host->pass()) return nullptr;
  Py_RETURN_NONE;
}

PyObject* HostLoop::soon_cb(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  if (HostLoop* host = owner(self)) host->is_soon_scheduled_ = false;
  return pass_cb(self, arguments, count);
}

PyObject* HostLoop::timer_cb(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  if (HostLoop* host = owner(self)) {
    host->timer_due_ms_ = 0;
    host->timer_handle_.clear();
  }
  return pass_cb(self, arguments, count);
}

}  // namespace outrider::python
