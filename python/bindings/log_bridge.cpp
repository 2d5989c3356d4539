// SPDX-License-Identifier: MIT
#include "log_bridge.h"

#include <nanobind/nanobind.h>

#include <string>
#include <utility>

#include "http/request_head.h"

namespace outrider::python {
namespace {

// logging.INFO
constexpr int kInfo = 20;

// Bytes of the network as the JSON format has them.
PyRef text_of(std::string_view text) {
  if (text.data() == nullptr) return PyRef::borrow(Py_None);
  return PyRef::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
}

PyRef text_or_none(std::string_view text) { return text.empty() ? PyRef::borrow(Py_None) : text_of(text); }

PyRef number_or_none(unsigned long long number) {
  return number == 0 ? PyRef::borrow(Py_None) : PyRef::steal(PyLong_FromUnsignedLongLong(number));
}

// The fields of the JSON format, but for the time, which a logging record has.
PyRef fields_of(const server::AccessEntry& entry) {
  const http::ExchangeRecord& record = entry.record;
  const http::PeerName& peer = entry.client();
  std::pair<const char*, PyRef> fields[] = {
      {"client", text_or_none(peer.host)},
      {"client_port", number_or_none(peer.port)},
      {"method", text_of(record.method)},
      {"target", text_of(record.target)},
      {"protocol", text_of(record.minor_version == 0 ? "HTTP/1.0" : "HTTP/1.1")},
      {"host", text_or_none(record.request->authority())},
      {"status", number_or_none(static_cast<unsigned long long>(record.status))},
      {"complete", PyRef::borrow(record.is_complete ? Py_True : Py_False)},
      {"bytes", PyRef::steal(PyLong_FromUnsignedLongLong(record.content_bytes))},
      {"duration_us", PyRef::steal(PyLong_FromUnsignedLongLong(record.microseconds))},
      {"user_agent", text_of(record.request->find("user-agent"))},
      {"referer", text_of(record.request->find("referer"))},
      {"request_id", text_or_none(record.request_id)},
  };
  PyRef dict = PyRef::steal(PyDict_New());
  for (const auto& [name, value] : fields) {
    if (!dict || !value || PyDict_SetItemString(dict.get(), name, value.get()) != 0) return {};
  }
  return dict;
}

}  // namespace

LogGate::LogGate(PyObject* logger, int level)
    : ask_(PyRef::steal(PyObject_GetAttrString(logger, "isEnabledFor"))),
      level_(PyRef::steal(PyLong_FromLong(level))) {
  if (!ask_ || !level_) throw nanobind::python_error();
  // A private detail of logging since Python 3.7: it is emptied, in place, whenever any level changes. Without it
  // everything is the same, but for some time.
  known_ = PyRef::steal(PyObject_GetAttrString(logger, "_cache"));
  if (!known_ || !PyDict_CheckExact(known_.get())) known_.clear();
  PyErr_Clear();
}

bool LogGate::is_open() {
  if (known_) {
    PyObject* answer = PyDict_GetItemWithError(known_.get(), level_.get());
    if (answer != nullptr) return answer == Py_True;
  }
  PyErr_Clear();
  PyRef answer = PyRef::steal(PyObject_CallOneArg(ask_.get(), level_.get()));
  if (!answer) PyErr_WriteUnraisable(ask_.get());
  return answer.get() == Py_True;
}

AccessRecords::AccessRecords(server::AccessFormat format, PyObject* logger, PyObject* callback)
    : format_(std::move(format)), gate_(logger, kInfo), callback_(PyRef::borrow(callback)) {}

void AccessRecords::add(const http::ExchangeRecord& record) {
  if (!gate_.is_open()) return;
  line_.clear();
  const server::AccessEntry entry = server::entry_of(record);
  format_.append(entry, line_);
  PyRef line =
      PyRef::steal(PyUnicode_DecodeASCII(line_.data(), static_cast<Py_ssize_t>(line_.size()), "backslashreplace"));
  PyRef fields = fields_of(entry);
  PyRef result = PyRef::steal(
      line && fields ? PyObject_CallFunctionObjArgs(callback_.get(), line.get(), fields.get(), nullptr) : nullptr);
  if (!result) PyErr_WriteUnraisable(callback_.get());
}

}  // namespace outrider::python
