// SPDX-License-Identifier: MIT
#pragma once

// The ASGI cycle of a WebSocket (asgi_cycle.h): ASGI's messages on one side, an exchange and then the session that it
// becomes on the other (websocket/session.h).
//
//   Opening ──websocket.accept──► Open ──websocket.close──► Over
//   Opening ──websocket.close: 403──► Over
//   Opening ──websocket.http.response.start──► Responding ──the last body──► Over
//       any ──the application's end──► Over
//
// The peer's end, and the server's, come beside that: is_disconnected_.
//
// Thread: the loop's, with the GIL.

#include <Python.h>

#include <memory>
#include <optional>
#include <string_view>

#include "asgi_cycle.h"
#include "websocket/handshake.h"
#include "websocket/session.h"

namespace outrider::python {

class AsgiWebSocket final : public AsgiCycle, public websocket::SessionHandler {
 public:
  /// `self` is the Python object that this is part of (borrowed: it outlives this).
  AsgiWebSocket(AsgiApplication& application, http::Exchange& exchange, PyObject* self,
                websocket::Handshake handshake);

  // http::ExchangeHandler, until the session has the exchange
  void on_body() override {}
  void on_writable() override { wake(); }
  void on_half_close() override { tell(1006); }
  void on_disconnect(http::Disconnect reason) override;
  void on_stop() override;
  void on_cancel() override { AsgiCycle::on_cancel(); }

  // websocket::SessionHandler; on_writable() and on_cancel() are those above
  void on_message() override { wake(Wake::Now); }
  void on_closed() override;

  // AsgiCycle
  bool can_receive() override;
  PyObject* take_message() override;
  bool send(PyObject* message) override;
  bool can_send() override;
  bool check_connected() override;
  void on_application_end(PyObject* exception) override;

 private:
  enum class Stage { Opening, Open, Responding, Over };

  PyObject* method_of(PyObject* scope) const override;
  bool add_event(PyObject* message);
  PyRef message_value() const;
  bool add_disconnect(PyObject* message);
  bool has_data() const { return stage_ == Stage::Open && session_->has_message(); }
  bool send_data(PyObject* message);
  bool send_accept(PyObject* message);
  bool add_fields(PyObject* fields);
  std::optional<std::string_view> offered(PyObject* subprotocol) const;
  bool send_close(PyObject* message);
  bool refuse_handshake();
  bool send_start(PyObject* message);
  bool send_body(PyObject* message);
  bool check_stage(PyObject* type, Stage stage);
  void tell(uint16_t code);
  void end(const char* how);

  websocket::Handshake handshake_;  // the head's, as long as there is exchange_
  std::optional<websocket::Session> session_;
  websocket::Closure closure_;  // what websocket.disconnect says
  Stage stage_ = Stage::Opening;
  const char* ended_by_ = "";  // for errors: what made it Over
  bool gave_connect_ = false;  // websocket.connect was delivered
  bool is_stopping_ = false;   // the server, before there was an answer
};

}  // namespace outrider::python
