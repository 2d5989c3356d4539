// SPDX-License-Identifier: MIT
#include "header_cache.h"

#include <cstring>

namespace outrider::python {
namespace {

std::string_view view(PyObject* bytes) {
  return {PyBytes_AS_STRING(bytes), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes))};
}

// Enough of a text to tell the common fields apart: its length and up to 16 of its bytes.
uint64_t sample(std::string_view text) {
  uint64_t first = 0;
  uint64_t last = 0;
  const std::size_t count = text.size() < 8 ? text.size() : 8;
  std::memcpy(&first, text.data(), count);
  std::memcpy(&last, text.data() + text.size() - count, count);
  uint64_t mixed = (first ^ (last * 0x9e3779b97f4a7c15ULL) ^ text.size()) * 0xff51afd7ed558ccdULL;
  return mixed ^ (mixed >> 32);
}

bool may_be_secret(std::string_view name) {
  return name == "authorization" || name == "cookie" || name == "proxy-authorization" ||
         name.find("token") != std::string_view::npos || name.find("key") != std::string_view::npos ||
         name.find("secret") != std::string_view::npos;
}

}  // namespace

PyObject* HeaderCache::get(const http::Field& field) {
  if (field.value.size() > kValueMax) return make(field);
  PyRef& slot = fields_[(sample(field.name) * 31 + sample(field.value)) % kSlots];
  if (slot && view(PyTuple_GET_ITEM(slot.get(), 0)) == field.name &&
      view(PyTuple_GET_ITEM(slot.get(), 1)) == field.value) {
    return slot.new_reference();
  }
  PyObject* tuple = make(field);
  if (tuple != nullptr && !may_be_secret(field.name)) slot = PyRef::borrow(tuple);
  return tuple;
}

PyObject* HeaderCache::make(const http::Field& field) {
  PyRef name = PyRef::steal(name_object(field.name));
  PyRef value =
      PyRef::steal(PyBytes_FromStringAndSize(field.value.data(), static_cast<Py_ssize_t>(field.value.size())));
  if (!name || !value) return nullptr;
  PyObject* tuple = PyTuple_New(2);
  if (tuple == nullptr) return nullptr;
  PyTuple_SET_ITEM(tuple, 0, name.release());
  PyTuple_SET_ITEM(tuple, 1, value.release());
  return tuple;
}

PyObject* HeaderCache::name_object(std::string_view name) {
  PyRef& slot = names_[sample(name) % names_.size()];
  if (slot && view(slot.get()) == name) return slot.new_reference();
  PyObject* object = PyBytes_FromStringAndSize(name.data(), static_cast<Py_ssize_t>(name.size()));
  if (object != nullptr && name.size() <= kValueMax) slot = PyRef::borrow(object);
  return object;
}

}  // namespace outrider::python
