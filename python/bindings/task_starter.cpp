// SPDX-License-Identifier: MIT
#include "task_starter.h"

#include <nanobind/nanobind.h>

#include "names.h"

namespace outrider::python {
namespace {

constexpr char kCatcherName[] = "outrider.TaskStarter";

}  // namespace

TaskStarter::TaskStarter(PyObject* loop)
    : loop_(PyRef::borrow(loop)), has_eager_start_(PY_VERSION_HEX >= 0x030c0000) {
  const Names& n = names();
  PyRef asyncio = PyRef::steal(PyImport_ImportModule("asyncio"));
  if (!asyncio) throw nanobind::python_error();
  task_type_ = PyRef::steal(PyObject_GetAttrString(asyncio.get(), "Task"));
  keywords_ = PyRef::steal(has_eager_start_ ? PyTuple_Pack(4, n.loop, n.name, n.context, n.eager_start)
                                            : PyTuple_Pack(3, n.loop, n.name, n.context));
  static PyMethodDef definition{"call_soon",
                                reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&TaskStarter::catch_step)),
                                METH_FASTCALL | METH_KEYWORDS, nullptr};
  PyRef self = PyRef::steal(PyCapsule_New(this, kCatcherName, nullptr));
  catcher_ = PyRef::steal(self ? PyCFunction_New(&definition, self.get()) : nullptr);
  if (!task_type_ || !keywords_ || !catcher_) throw nanobind::python_error();

  // Somebody else's shadow (a test double, a tracer) is put back after each use.
  attributes_ = PyRef::steal(PyObject_GetAttrString(loop, "__dict__"));
  if (attributes_ && PyDict_Check(attributes_.get())) {
    shadowed_ = PyRef::borrow(PyDict_GetItemWithError(attributes_.get(), n.call_soon));
  } else {
    PyErr_Clear();
    attributes_.clear();  // an ordinary task is correct, and starts in the loop's next turn
  }
}

TaskStarter::~TaskStarter() = default;

PyObject* TaskStarter::start(PyObject* coroutine, PyObject* context, PyObject* name) {
  return has_eager_start_ ? start_eagerly(coroutine, context, name) : start_caught(coroutine, context, name);
}

PyObject* TaskStarter::start_eagerly(PyObject* coroutine, PyObject* context, PyObject* name) {
  PyObject* arguments[] = {nullptr, coroutine, loop_.get(), name, context, Py_True};
  return PyObject_Vectorcall(task_type_.get(), arguments + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, keywords_.get());
}

PyObject* TaskStarter::start_caught(PyObject* coroutine, PyObject* context, PyObject* name) {
  PyObject* const call_soon = names().call_soon;
  // Straight into the instance's dict: setattr() would look through the type for a descriptor each time.
  const bool is_shadowed = attributes_ && PyDict_SetItem(attributes_.get(), call_soon, catcher_.get()) == 0;
  registry_.begin();
  PyObject* arguments[] = {nullptr, coroutine, loop_.get(), name, context};
  PyRef task = PyRef::steal(
      PyObject_Vectorcall(task_type_.get(), arguments + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, keywords_.get()));
  registry_.end();
  if (!is_shadowed) return task.release();

  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  const int restored = shadowed_ ? PyDict_SetItem(attributes_.get(), call_soon, shadowed_.get())
                                 : PyDict_DelItem(attributes_.get(), call_soon);
  if (restored != 0) PyErr_Clear();
  PyErr_Restore(type, value, traceback);
  PyRef step = std::move(caught_);
  if (!task || !step) return task.release();

  if (PyContext_Enter(context) != 0) return nullptr;
  PyRef result = PyRef::steal(PyObject_CallNoArgs(step.get()));
  PyErr_Fetch(&type, &value, &traceback);
  PyContext_Exit(context);
  PyErr_Restore(type, value, traceback);
  return task.release();
}

// loop.call_soon(callback, *args, context=None), as the Task's constructor calls it: one callback without arguments.
PyObject* TaskStarter::catch_step(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject*) {
  auto* starter = static_cast<TaskStarter*>(PyCapsule_GetPointer(self, kCatcherName));
  if (starter == nullptr) return nullptr;
  if (count != 1 || starter->caught_) {
    PyErr_SetString(PyExc_RuntimeError, "unexpected call of call_soon() while a task is made");
    return nullptr;
  }
  starter->caught_ = PyRef::borrow(arguments[0]);
  Py_RETURN_NONE;
}

}  // namespace outrider::python
