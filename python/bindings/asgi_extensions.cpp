// SPDX-License-Identifier: MIT

// The extensions of ASGI's HTTP responses ("Extensions" of the specification): trailers, early hints, files that the
// server sends itself, and information for debugging; and one of Outrider's own, the connection's end in the place of
// (the rest of) a response.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "asgi_application.h"
#include "asgi_exchange.h"
#include "message.h"
#include "names.h"

namespace outrider::python {
namespace {

// A number of bytes under a key; none where it is missing or None.
bool read_count(PyObject* message, PyObject* key, std::optional<uint64_t>& count) {
  const PyRef object = PyRef::borrow(PyDict_GetItemWithError(message, key));
  if (!object || object.get() == Py_None) return PyErr_Occurred() == nullptr;
  const PyRef alive = PyRef::borrow(key);
  if (!PyLong_Check(object.get()) || PyBool_Check(object.get())) {
    PyErr_Format(PyExc_TypeError, "%R of 'http.response.zerocopysend' must be an int, not %.200R", key, object.get());
    return false;
  }
  const long long value = PyLong_AsLongLong(object.get());
  if (value < 0) {
    PyErr_Format(PyExc_ValueError, "%R of 'http.response.zerocopysend' must not be %.200R", key, object.get());
    return false;
  }
  count = static_cast<uint64_t>(value);
  return true;
}

// The size of an open regular file; an OSError that names `shown` for anything else.
std::optional<uint64_t> file_size(int fd, PyObject* shown) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, shown);
    return std::nullopt;
  }
  if (S_ISREG(status.st_mode)) return static_cast<uint64_t>(status.st_size);
  errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
  PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, shown);
  return std::nullopt;
}

// Where the file stands, as its object sees it: it may have read ahead.
bool read_position(PyObject* file, uint64_t& position) {
  if (PyLong_Check(file)) {
    const off_t at = ::lseek(static_cast<int>(PyLong_AsLong(file)), 0, SEEK_CUR);
    if (at >= 0) position = static_cast<uint64_t>(at);
    return at >= 0 || PyErr_SetFromErrno(PyExc_OSError) != nullptr;
  }
  const PyRef at = PyRef::steal(PyObject_CallMethod(file, "tell", nullptr));
  if (!at) return false;
  position = PyLong_AsUnsignedLongLong(at.get());
  return PyErr_Occurred() == nullptr;
}

// What is sent is as if it was read.
bool set_position(PyObject* file, uint64_t position) {
  if (PyLong_Check(file)) {
    return ::lseek(static_cast<int>(PyLong_AsLong(file)), static_cast<off_t>(position), SEEK_SET) >= 0 ||
           PyErr_SetFromErrno(PyExc_OSError) != nullptr;
  }
  const PyRef done = PyRef::steal(PyObject_CallMethod(file, "seek", "K", static_cast<unsigned long long>(position)));
  return static_cast<bool>(done);
}

// The part of the file that the message names, with a descriptor of its own: the application closes its file when
// send() has returned.
std::optional<net::FilePart> read_file(PyObject* message) {
  const PyRef file = PyRef::borrow(PyDict_GetItemWithError(message, names().file));
  std::optional<uint64_t> offset;
  std::optional<uint64_t> count;
  if (!file) {
    if (PyErr_Occurred() == nullptr)
      PyErr_SetString(PyExc_TypeError, "'http.response.zerocopysend' must have a 'file'");
    return std::nullopt;
  }
  if (!read_count(message, names().offset, offset) || !read_count(message, names().count, count)) {
    return std::nullopt;
  }
  const int fd = PyObject_AsFileDescriptor(file.get());
  if (fd < 0) return std::nullopt;
  const std::optional<uint64_t> size = file_size(fd, file.get());
  if (!size) return std::nullopt;
  uint64_t begin = offset.value_or(0);
  if (!offset && !read_position(file.get(), begin)) return std::nullopt;
  const uint64_t rest = begin < *size ? *size - begin : 0;
  if (count.value_or(rest) > rest) {
    PyErr_Format(PyExc_ValueError,
                 "'http.response.zerocopysend' asks for %llu bytes from %llu on, but there are %llu",
                 static_cast<unsigned long long>(*count), static_cast<unsigned long long>(begin),
                 static_cast<unsigned long long>(rest));
    return std::nullopt;
  }
  if (!offset && !set_position(file.get(), begin + count.value_or(rest))) return std::nullopt;
  const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) {
    PyErr_SetFromErrno(PyExc_OSError);
    return std::nullopt;
  }
  return net::FilePart(own, begin, count.value_or(rest));
}

// The whole file at the path that the message names.
std::optional<net::FilePart> open_path(PyObject* message) {
  const PyRef path = PyRef::borrow(PyDict_GetItemWithError(message, names().path));
  if (!path) {
    if (PyErr_Occurred() == nullptr) PyErr_SetString(PyExc_TypeError, "'http.response.pathsend' must have a 'path'");
    return std::nullopt;
  }
  PyObject* encoded = nullptr;
  if (PyUnicode_FSConverter(path.get(), &encoded) == 0) return std::nullopt;
  const PyRef bytes = PyRef::steal(encoded);
  // ASGI wants it absolute, but frameworks pass on what their application gave them, and that is from the working
  // directory often enough. O_NONBLOCK: not to wait for who writes to a named pipe.
  const int fd = ::open(PyBytes_AS_STRING(encoded), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path.get());
    return std::nullopt;
  }
  net::FilePart opened(fd, 0, 0);
  const std::optional<uint64_t> size = file_size(fd, path.get());
  if (!size) return std::nullopt;
  opened.extend(*size);
  return opened;
}

}  // namespace

bool AsgiExchange::send_extension(PyObject* type, PyObject* message) {
  const Names& n = names();
  const auto is = [type](PyObject* known) { return PyUnicode_Check(type) && PyUnicode_Compare(type, known) == 0; };
  if (is(n.response_pathsend)) return send_file(type, message);
  if (is(n.response_zerocopysend)) return send_file(type, message);
  if (is(n.response_trailers)) return send_trailers(message);
  if (is(n.response_early_hint)) return send_early_hint(message);
  if (is(n.response_debug) && application_.offers_debug()) return send_debug(message);
  if (is(n.abort)) return send_abort();
  return refuse(
      PyExc_ValueError,
      "unknown ASGI message type %.200R: an HTTP response is 'http.response.start', then 'http.response.body'", type);
}

bool AsgiExchange::send_file(PyObject* type, PyObject* message) {
  const bool is_path = PyUnicode_Compare(type, names().response_pathsend) == 0;
  bool more = false;
  if (!is_path && !read_flag(message, names().more_body, more)) return false;
  std::optional<net::FilePart> part = is_path ? open_path(message) : read_file(message);
  if (!part || !check_content(type, more)) return false;
  const http::ResponseFault fault = exchange_->write_file(std::move(*part), more ? http::More::Yes : http::More::No);
  if (fault != http::ResponseFault::None) return check(fault, message);
  if (!more) end_content();
  return true;
}

bool AsgiExchange::send_trailers(PyObject* message) {
  const Names& n = names();
  bool more = false;
  if (!read_flag(message, n.more_trailers, more)) return false;
  const PyRef fields = read_fields(message, n.headers);
  if (!fields || !check_not_over(n.response_trailers)) return false;
  if (response_ != Response::Trailers) {
    PyErr_SetString(application_.protocol_error(),
                    expects_trailers_ ? "'http.response.trailers' was sent before the body's last message"
                                      : "'http.response.trailers' was sent, but 'http.response.start' didn't say "
                                        "'trailers': True");
    return false;
  }
  if (exchange_ == nullptr) return check_connected();
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fields.get()); ++i) {
    PyObject* field = PySequence_Fast_GET_ITEM(fields.get(), i);
    const auto fault =
        exchange_->add_trailer(view(PySequence_Fast_GET_ITEM(field, 0)), view(PySequence_Fast_GET_ITEM(field, 1)));
    if (!check(fault, field)) return false;
  }
  if (more) return true;
  exchange_->end_trailers();
  complete();
  return true;
}

bool AsgiExchange::send_early_hint(PyObject* message) {
  const Names& n = names();
  const PyRef links = read_links(message);
  if (!links || !check_not_over(n.response_early_hint)) return false;
  if (response_ != Response::NotStarted) {
    PyErr_SetString(application_.protocol_error(),
                    "'http.response.early_hint' was sent after 'http.response.start': hints come before");
    return false;
  }
  if (!check_connected()) return false;
  const Py_ssize_t count = PyTuple_GET_SIZE(links.get());
  if (count == 0) return true;  // RFC 8297 has nothing else to say
  exchange_->begin_head(103);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* link = PyTuple_GET_ITEM(links.get(), i);
    const auto fault = exchange_->add_field("link", view(link));
    if (fault == http::ResponseFault::None) continue;
    exchange_->drop_head();
    return check(fault, link);
  }
  exchange_->end_informational();
  return true;
}

bool AsgiExchange::send_debug(PyObject* message) {
  const PyRef info = PyRef::borrow(PyDict_GetItemWithError(message, names().info));
  if (!info || !PyDict_Check(info.get())) {
    if (PyErr_Occurred() != nullptr) return false;
    return refuse(PyExc_TypeError, "'info' of 'http.response.debug' must be a dict, not %.200R",
                  info ? info.get() : Py_None);
  }
  application_.report_debug(*this, info.get());
  return true;
}

// Of a client that has gone the connection has ended already, which is what was asked for.
bool AsgiExchange::send_abort() {
  if (!check_not_over(names().abort)) return false;
  was_aborted_ = true;
  if (exchange_ != nullptr) exchange_->abort();
  complete();
  return true;
}

}  // namespace outrider::python
