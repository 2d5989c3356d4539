// SPDX-License-Identifier: MIT
#include "task_registry.h"

#include <nanobind/nanobind.h>

#include "names.h"

namespace outrider::python {

#if PY_VERSION_HEX < 0x030c0000

namespace {

constexpr char kCatcherName[] = "outrider.TaskRegistry";

PyRef attribute(PyObject* dict, const char* name) { return PyRef::borrow(PyDict_GetItemString(dict, name)); }

}  // namespace

TaskRegistry::TaskRegistry() {
  PyRef tasks = PyRef::steal(PyImport_ImportModule("asyncio.tasks"));
  PyRef weakset = PyRef::steal(PyImport_ImportModule("_weakrefset"));
  PyRef type = PyRef::steal(weakset ? PyObject_GetAttrString(weakset.get(), "WeakSet") : nullptr);
  if (!tasks || !type) throw nanobind::python_error();
  set_ = PyRef::steal(PyObject_GetAttrString(tasks.get(), "_all_tasks"));
  PyRef attributes;
  if (set_ && reinterpret_cast<PyObject*>(Py_TYPE(set_.get())) == type.get()) {
    attributes = PyRef::steal(PyObject_GetAttrString(set_.get(), "__dict__"));
  }
  if (!attributes) {
    PyErr_Clear();
    return;
  }

  add_method_ = PyRef::steal(PyObject_GetAttr(type.get(), names().add));
  entries_ = attribute(attributes.get(), "data");
  remove_ = attribute(attributes.get(), "_remove");
  pending_ = attribute(attributes.get(), "_pending_removals");
  iterating_ = attribute(attributes.get(), "_iterating");
  static PyMethodDef definition{"add", &TaskRegistry::add, METH_O, nullptr};
  PyRef self = PyRef::steal(PyCapsule_New(this, kCatcherName, nullptr));
  catcher_ = PyRef::steal(self ? PyCFunction_New(&definition, self.get()) : nullptr);
  if (!add_method_ || !catcher_) throw nanobind::python_error();
  const bool is_known = entries_ && PySet_CheckExact(entries_.get()) && remove_ && pending_ &&
                        PyList_CheckExact(pending_.get()) && iterating_ && PySet_CheckExact(iterating_.get());
  // What somebody else put there, a debugger, stays there.
  const bool is_shadowed = PyDict_GetItemString(attributes.get(), "add") != nullptr;
  if (is_known && !is_shadowed) attributes_ = std::move(attributes);
}

// Two loops in two threads may meet here, when the interpreter takes the GIL from one of them in a constructor: whose
// function is in the place, or none, serves both.
void TaskRegistry::begin() {
  added_.clear();
  if (attributes_ && PyDict_SetItem(attributes_.get(), names().add, catcher_.get()) != 0) PyErr_Clear();
}

void TaskRegistry::end() {
  if (!attributes_) return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  if (PyDict_DelItem(attributes_.get(), names().add) != 0) PyErr_Clear();
  PyErr_Restore(type, value, traceback);
}

void TaskRegistry::forget(PyObject* task) {
  const PyRef entry = std::move(added_);
  if (!entry || PyWeakref_GetObject(entry.get()) != task) return;
  if (PySet_GET_SIZE(iterating_.get()) == 0 && PySet_Discard(entries_.get(), entry.get()) < 0) PyErr_Clear();
}

// WeakSet.add(). Whoever makes a task meanwhile, in whichever thread, is served as well.
PyObject* TaskRegistry::add(PyObject* self, PyObject* task) {
  auto* registry = static_cast<TaskRegistry*>(PyCapsule_GetPointer(self, kCatcherName));
  if (registry == nullptr) return nullptr;
  if (PyList_GET_SIZE(registry->pending_.get()) > 0) {
    return PyObject_CallFunctionObjArgs(registry->add_method_.get(), registry->set_.get(), task, nullptr);
  }
  PyRef entry = PyRef::steal(PyWeakref_NewRef(task, registry->remove_.get()));
  if (!entry || PySet_Add(registry->entries_.get(), entry.get()) != 0) return nullptr;
  registry->added_ = std::move(entry);
  Py_RETURN_NONE;
}

#else

TaskRegistry::TaskRegistry() = default;
void TaskRegistry::begin() {}
void TaskRegistry::end() {}
void TaskRegistry::forget(PyObject*) {}

#endif

}  // namespace outrider::python
