// SPDX-License-Identifier: MIT
#pragma once

// Header fields as Python sees them, (name, value) tuples of bytes, reused between requests: clients send the same
// fields again and again, and looking one up costs less than making three objects. Direct-mapped and bounded; what
// may be a secret is never kept.
//
// Thread: needs the GIL.

#include <Python.h>

#include <array>

#include "http/request_head.h"
#include "py_ref.h"

namespace outrider::python {

class HeaderCache {
 public:
  HeaderCache() = default;
  /// A new reference to the tuple for that field; null with a Python error on failure.
  PyObject* get(const http::Field& field);

 private:
  static constexpr std::size_t kSlots = 1024;
  // Longer values (cookies, tokens) rarely repeat among clients and would make the cache's memory matter.
  static constexpr std::size_t kValueMax = 128;

  PyObject* make(const http::Field& field);
  PyObject* name_object(std::string_view name);

  std::array<PyRef, kSlots> fields_;
  std::array<PyRef, 256> names_;
};

}  // namespace outrider::python
