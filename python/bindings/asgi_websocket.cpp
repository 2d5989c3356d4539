// SPDX-License-Identifier: MIT
#include "asgi_websocket.h"

#include <algorithm>
#include <utility>

#include "asgi_application.h"
#include "base/ascii.h"
#include "message.h"
#include "names.h"
#include "websocket_message.h"

namespace outrider::python {
namespace {

PyObject* last_send_type = nullptr;
PyObject* last_accept_type = nullptr;
PyObject* last_close_type = nullptr;

// What large messages are received into is what the application is given.
class PythonObjects final : public websocket::ObjectMaker {
 public:
  Object make(websocket::MessageType type, std::size_t size) override {
    const auto length = static_cast<Py_ssize_t>(size);
    const bool is_text = type == websocket::MessageType::Text;
    PyObject* object = is_text ? PyUnicode_New(length, 0x7f) : PyBytes_FromStringAndSize(nullptr, length);
    if (object == nullptr) {
      PyErr_Clear();
      return {};
    }
    return {object, is_text ? static_cast<char*>(PyUnicode_DATA(object)) : PyBytes_AS_STRING(object)};
  }
  void release(void* object) override { Py_DECREF(static_cast<PyObject*>(object)); }
};

PythonObjects python_objects;

PyObject* text_of(std::string_view text) {
  return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
}

}  // namespace

AsgiWebSocket::AsgiWebSocket(AsgiApplication& application, http::Exchange& exchange, PyObject* self,
                             websocket::Handshake handshake)
    : AsgiCycle(application, exchange, self), handshake_(std::move(handshake)) {}

// --- what the peer and the server do -------------------------------------------------------------------------------

void AsgiWebSocket::tell(uint16_t code) {
  if (!is_disconnected_) closure_ = {code, {}};
  is_disconnected_ = true;
  wake();
}

void AsgiWebSocket::on_disconnect(http::Disconnect) {
  exchange_ = nullptr;
  tell(1006);
  release_self();
}

void AsgiWebSocket::on_stop() {
  is_stopping_ = true;
  tell(1012);
}

void AsgiWebSocket::on_closed() {
  // What the application said itself when it closed is what it is told, and was.
  if (stage_ != Stage::Over) closure_ = session_->closure();
  is_disconnected_ = true;
  wake();
  release_self();
}

// --- receive -------------------------------------------------------------------------------------------------------

bool AsgiWebSocket::can_receive() {
  return !gave_connect_ || has_data() || is_disconnected_ || stage_ == Stage::Over;
}

PyObject* AsgiWebSocket::take_message() {
  const Names& n = names();
  PyRef message = PyRef::steal(PyDict_New());  // first: a collection of garbage may run anything, a send() as well
  if (!message) return nullptr;
  if (!gave_connect_) {
    gave_connect_ = true;
    return PyDict_SetItem(message.get(), n.type, n.websocket_connect) == 0 ? message.release() : nullptr;
  }
  return add_event(message.get()) ? message.release() : nullptr;
}

// Only the one of 'text' and 'bytes' that there is.
bool AsgiWebSocket::add_event(PyObject* message) {
  const Names& n = names();
  if (!has_data()) return add_disconnect(message);
  const bool is_text = session_->message_type() == websocket::MessageType::Text;
  const PyRef value = message_value();
  if (!value || PyDict_SetItem(message, n.type, n.websocket_receive) != 0 ||
      PyDict_SetItem(message, is_text ? n.text : n.bytes, value.get()) != 0) {
    return false;
  }
  session_->pop_message();
  return true;
}

PyRef AsgiWebSocket::message_value() const {
  if (void* object = session_->message_object()) return PyRef::borrow(static_cast<PyObject*>(object));
  const std::string_view data = session_->message();
  const auto size = static_cast<Py_ssize_t>(data.size());
  const bool is_text = session_->message_type() == websocket::MessageType::Text;
  return PyRef::steal(is_text ? PyUnicode_DecodeUTF8(data.data(), size, nullptr)
                              : PyBytes_FromStringAndSize(data.data(), size));
}

bool AsgiWebSocket::add_disconnect(PyObject* message) {
  const Names& n = names();
  gave_disconnect_ = true;
  const PyRef code = PyRef::steal(PyLong_FromLong(closure_.code));
  const PyRef reason = PyRef::steal(text_of(closure_.reason));
  return code && reason && PyDict_SetItem(message, n.type, n.websocket_disconnect) == 0 &&
         PyDict_SetItem(message, n.code, code.get()) == 0 && PyDict_SetItem(message, n.reason, reason.get()) == 0;
}

// --- send ----------------------------------------------------------------------------------------------------------

bool AsgiWebSocket::can_send() {
  if (stage_ == Stage::Open) return is_disconnected_ || session_->is_writable();
  return stage_ != Stage::Responding || exchange_ == nullptr || exchange_->is_writable();
}

bool AsgiWebSocket::check_connected() {
  if (stage_ == Stage::Over || (stage_ == Stage::Open ? !is_disconnected_ : exchange_ != nullptr)) return true;
  PyErr_SetString(application_.disconnected_error(), "the client has disconnected: nothing can be sent to it");
  return false;
}

bool AsgiWebSocket::send(PyObject* message) {
  const Names& n = names();
  PyObject* type = message_type(message);
  if (type == nullptr) return false;
  if (is_type(type, n.websocket_send, last_send_type)) return send_data(message);
  if (is_type(type, n.websocket_accept, last_accept_type)) return send_accept(message);
  if (is_type(type, n.websocket_close, last_close_type)) return send_close(message);
  const auto is = [type](PyObject* known) { return PyUnicode_Check(type) && PyUnicode_Compare(type, known) == 0; };
  if (is(n.websocket_response_start)) return send_start(message);
  if (is(n.websocket_response_body)) return send_body(message);
  return refuse(PyExc_ValueError,
                "unknown ASGI message type %.200R: a WebSocket is 'websocket.accept', then 'websocket.send' and "
                "'websocket.close'",
                type);
}

// Whether a message of that type fits. One that may be sent in every stage has Stage::Over.
bool AsgiWebSocket::check_stage(PyObject* type, Stage stage) {
  const char* fault = nullptr;
  if (stage_ == Stage::Over) {
    fault = ended_by_;
  } else if (stage_ == Stage::Responding && stage != Stage::Responding) {
    fault = "after 'websocket.http.response.start': the handshake is answered by a response";
  } else if (stage_ == Stage::Opening && stage == Stage::Open) {
    fault = "before 'websocket.accept'";
  } else if (stage_ == Stage::Opening && stage == Stage::Responding) {
    fault = "before 'websocket.http.response.start'";
  } else if (stage_ == Stage::Open && stage != Stage::Open) {
    fault = "after 'websocket.accept'";
  }
  if (fault == nullptr) return check_connected();
  PyErr_Format(application_.protocol_error(), "%R was sent %s", type, fault);
  return false;
}

bool AsgiWebSocket::send_data(PyObject* message) {
  Payload payload;
  if (!read_payload(message, application_.protocol_error(), payload)) return false;
  // From here on nothing of the application's runs until all is done: see message.h.
  if (!check_stage(names().websocket_send, Stage::Open)) return false;
  session_->send(payload.type, {payload.bytes, payload.owner.release(),
                                [](void* owner) { Py_DECREF(static_cast<PyObject*>(owner)); }});
  return true;
}

// The one of the client's subprotocols that is meant; empty for None, and none for one that it doesn't offer.
std::optional<std::string_view> AsgiWebSocket::offered(PyObject* subprotocol) const {
  if (subprotocol == Py_None) return std::string_view();
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(subprotocol, &size);
  PyErr_Clear();  // a lone surrogate isn't offered either
  if (data == nullptr) return std::nullopt;
  const std::string_view text(data, static_cast<std::size_t>(size));
  const auto& all = handshake_.subprotocols;
  const auto found = std::find(all.begin(), all.end(), text);
  return found == all.end() ? std::nullopt : std::optional(*found);
}

bool AsgiWebSocket::send_accept(PyObject* message) {
  PyRef subprotocol;
  if (!read_subprotocol(message, subprotocol)) return false;
  const PyRef fields = read_fields(message, names().headers);
  if (!fields || !check_stage(names().websocket_accept, Stage::Opening)) return false;
  if (is_disconnected_) {  // the server stops, or the peer sends nothing more
    PyErr_SetString(application_.disconnected_error(),
                    "the client has disconnected: there is no WebSocket to accept");
    return false;
  }
  const std::optional<std::string_view> chosen = offered(subprotocol.get());
  if (!chosen) {
    return refuse(
        application_.protocol_error(),
        "'subprotocol' of 'websocket.accept' must be one of scope['subprotocols'], which the client offers, "
        "or None, not %.200R",
        subprotocol.get());
  }
  session_.emplace(*exchange_, handshake_, *this, &python_objects);
  if (!add_fields(fields.get())) return false;
  session_->accept(*chosen);
  exchange_ = nullptr;
  stage_ = Stage::Open;
  return true;
}

// All of them, or none and no session.
bool AsgiWebSocket::add_fields(PyObject* fields) {
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fields); ++i) {
    PyObject* field = PySequence_Fast_GET_ITEM(fields, i);
    const std::string_view name = view(PySequence_Fast_GET_ITEM(field, 0));
    const bool is_subprotocol = ascii::equals_ignore_case(name, "sec-websocket-protocol");
    const auto fault = is_subprotocol ? http::ResponseFault::FieldForbidden
                                      : session_->add_field(name, view(PySequence_Fast_GET_ITEM(field, 1)));
    if (fault == http::ResponseFault::None) continue;
    session_->drop();
    session_.reset();
    if (!is_subprotocol) return check(fault, field);
    return refuse(application_.protocol_error(),
                  "a header of 'websocket.accept' can't be Sec-WebSocket-Protocol: give 'subprotocol': %.200R",
                  field);
  }
  return true;
}

bool AsgiWebSocket::send_close(PyObject* message) {
  if (stage_ == Stage::Opening) return refuse_handshake();
  Close close;
  if (!read_close(message, application_.protocol_error(), close)) return false;
  if (!check_stage(names().websocket_close, Stage::Open)) return false;
  closure_ = {close.code, std::string(close.reason)};
  end("after 'websocket.close'");
  session_->close(close.code, close.reason);
  return true;
}

// ASGI, "Close": before the handshake is complete, it is a 403. Code and reason have no place there, and aren't
// looked at: FastAPI's reason is a list of what is wrong with a request.
bool AsgiWebSocket::refuse_handshake() {
  if (!check_connected()) return false;
  closure_ = {1006, {}};
  end("after 'websocket.close', which has refused the handshake");
  abandon(403);
  return true;
}

bool AsgiWebSocket::send_start(PyObject* message) {
  const Names& n = names();
  long status = 0;
  if (!read_status(message, n.websocket_response_start, status)) return false;
  const PyRef fields = read_fields(message, n.headers);
  if (!fields || !check_stage(n.websocket_response_start, Stage::Opening)) return false;
  if (!begin_response(status, fields.get())) return false;
  stage_ = Stage::Responding;
  return true;
}

bool AsgiWebSocket::send_body(PyObject* message) {
  const Names& n = names();
  bool more = false;
  if (!read_flag(message, n.more_body, more)) return false;
  PyRef bytes = read_body(message, n.websocket_response_body);
  if (!bytes || !check_stage(n.websocket_response_body, Stage::Responding)) return false;
  if (!write_response(std::move(bytes), more ? http::More::Yes : http::More::No, message)) return false;
  if (more) return true;
  exchange_ = nullptr;
  closure_ = {1006, {}};
  end("after the response was complete (more_body was false)");
  release_self();  // the caller's argument keeps this alive
  return true;
}

// --- the end -------------------------------------------------------------------------------------------------------

void AsgiWebSocket::end(const char* how) {
  stage_ = Stage::Over;
  ended_by_ = how;
  if (!waiters_.empty()) wake();
}

void AsgiWebSocket::on_application_end(PyObject* exception) {
  task_.clear();
  const Stage stage = stage_;
  const bool raised = exception != nullptr && exception != Py_None;
  if (raised) {
    application_.report_exception(*this, exception, is_disconnected_);
  } else if (exchange_ != nullptr && !is_disconnected_) {
    application_.report_incomplete(*this, stage == Stage::Responding);
  }
  if (stage_ == Stage::Over) return;
  end("after the application had ended");
  if (!is_disconnected_) closure_ = {stage == Stage::Open ? uint16_t{1000} : uint16_t{1006}, {}};
  if (exchange_ != nullptr) return abandon(is_stopping_ ? 503 : 500);
  // An application that returns is done with its WebSocket.
  if (session_) session_->close(raised ? 1011 : 1000, {});
}

PyObject* AsgiWebSocket::method_of(PyObject*) const { return names().word_websocket; }

}  // namespace outrider::python
