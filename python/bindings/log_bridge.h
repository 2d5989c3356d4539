// SPDX-License-Identifier: MIT
#pragma once

// The engine's logs through Python's logging: a record is made only where a logger takes it, and the question whether
// it does costs a look into a dict.
//
// Thread: the loop's, with the GIL.

#include <Python.h>

#include <string_view>

#include "base/buffer.h"
#include "http/served_connection.h"
#include "py_ref.h"
#include "server/access_format.h"

namespace outrider::python {

/// Whether a logger takes records of a level, also when that changes while the server runs.
class LogGate {
 public:
  /// Throws nanobind's python_error.
  LogGate(PyObject* logger, int level);
  bool is_open();

 private:
  PyRef ask_;    // logger.isEnabledFor
  PyRef level_;  // its argument
  PyRef known_;  // what logging remembers of the answers; null where it doesn't
};

/// One record for each exchange.
class AccessRecords {
 public:
  /// `callback` is called as callback(line, fields).
  AccessRecords(server::AccessFormat format, PyObject* logger, PyObject* callback);
  void add(const http::ExchangeRecord& record);

 private:
  server::AccessFormat format_;
  LogGate gate_;
  PyRef callback_;
  Buffer line_;
};

}  // namespace outrider::python
