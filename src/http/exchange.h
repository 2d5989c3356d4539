// SPDX-License-Identifier: MIT
#pragma once

// The seam: one request with its response, between a protocol (HTTP/1, later HTTP/2) and a face (the C++ App, the
// ASGI bridge). Neither side knows the other; a protocol or a face is added without touching the rest.
//
//   protocol  implements Exchange, calls Application::on_request() and the ExchangeHandler;
//   face      implements Application and ExchangeHandler, calls the Exchange.
//
// An exchange ends for the face in one of two ways, and afterwards its Exchange must not be touched:
//   - the face ends it: write() of the last piece, or abort(). No callback follows.
//   - the protocol ends it: ExchangeHandler::on_disconnect(). The handler is told once.
//
// Thread: loop only. Callbacks come in the step phase of a pass (loop/loop.h), on_disconnect() in any phase; none
// comes from inside a call of the face.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "http/origin.h"
#include "http/request_head.h"
#include "net/address.h"
#include "net/file_part.h"

namespace outrider {
struct TlsInfo;
}

namespace outrider::websocket {
struct Service;
}

namespace outrider::http {

/// Why the protocol ended an exchange.
enum class Disconnect {
  PeerClosed,     ///< the peer closed or reset the connection
  Timeout,        ///< the peer took too long to send its body, or to take the response
  ProtocolError,  ///< what came as the body wasn't one
  Aborted,        ///< the server stops, and this exchange had used up its last deadline
};

/// What is wrong with a response, as the face that made it is told. Nothing was sent; the face can drop_head() and
/// answer something else, or abort() when has_sent_head().
enum class ResponseFault {
  None,
  StatusInvalid,         ///< not 200 to 999 (or not 100 to 199 for an informational response)
  FieldNameInvalid,      ///< the name is not a token
  FieldValueInvalid,     ///< the value holds CR, LF, NUL or another control character
  FieldForbidden,        ///< a field that the server itself must decide on (Transfer-Encoding, Upgrade and such)
  TrailerForbidden,      ///< a field that must be known before the content (RFC 9110 §6.5.1)
  ContentLengthInvalid,  ///< not a number, or given twice
  BodyTooLong,           ///< more content than Content-Length said
  BodyTooShort,          ///< less content than Content-Length said
};

/// One sentence per fault.
std::string_view sentence(ResponseFault fault);

/// A piece of a response's content. With an owner, the bytes may be kept without copying: release(owner) is called
/// once, when they aren't needed any more, on the loop's thread. Without one they are copied before write() returns.
struct Piece {
  std::string_view bytes;
  void* owner = nullptr;
  void (*release)(void* owner) = nullptr;
};

enum class More { Yes, No };

/// A peer's address for people: in logs.
struct PeerName {
  std::string host;  // "127.0.0.1", "::1"; empty for a Unix socket's peer, and one in memory
  uint16_t port = 0;

  /// "127.0.0.1:50412", "[::1]:50412", "-" for none.
  std::string to_string() const;
};

/// What the faces may know of the connection below an exchange. Behind a proxy it is the proxy's: who the client is,
/// and how it asked, the exchange knows.
class Connection {
 public:
  virtual net::Address local_address() const = 0;
  virtual net::Address peer_address() const = 0;
  /// The same as text, made once; valid as long as the connection.
  virtual const PeerName& peer_name() = 0;
  /// "http" or "https".
  virtual std::string_view scheme() const = 0;
  /// What the TLS handshake came to; null without TLS. Valid as long as the connection.
  virtual const TlsInfo* tls() const { return nullptr; }

  /// A place for the face to keep something per connection (the ASGI bridge: the client tuple); released like a
  /// Piece's owner when the connection dies.
  struct Attachment {
    void* object = nullptr;
    void (*release)(void* object) = nullptr;
  };
  virtual Attachment& attachment() = 0;
  /// What the WebSockets of this server share.
  virtual websocket::Service& websockets() = 0;

 protected:
  ~Connection() = default;
};

/// The face's side of an exchange.
class ExchangeHandler {
 public:
  /// More of the request's body arrived, or its end.
  virtual void on_body() = 0;
  /// So much of the response left that writing may go on (Exchange::is_writable()).
  virtual void on_writable() = 0;
  /// The peer sends nothing more on this connection; it may still read. Most peers that do so have gone.
  virtual void on_half_close() = 0;
  /// The protocol ended the exchange; apart from take_head(), it must not be touched from now on.
  virtual void on_disconnect(Disconnect reason) = 0;
  /// The server stops and this exchange had its grace: end soon. Told once; the exchange goes on.
  virtual void on_stop() = 0;
  /// The server stops and this exchange didn't end when told: cancel the handler. Told once; the exchange goes on.
  virtual void on_cancel() = 0;

 protected:
  ~ExchangeHandler() = default;
};

/// The handler of an exchange that has become a tunnel (Exchange::begin_tunnel()). on_body() isn't called any more;
/// on_half_close() says that the peer sends nothing more, behind the last on_data().
class TunnelHandler : public ExchangeHandler {
 public:
  /// Where the bytes that come next are to be put, as net::StreamHandler::read_room() has it.
  virtual std::span<char> read_room() { return {}; }
  /// Bytes of the peer, valid and free to be overwritten until return. All of them must be taken. Unlike the others,
  /// this comes in the read phase: the application isn't to be called from it, but the exchange may be written to and
  /// ended.
  virtual void on_data(std::span<char> bytes) = 0;

  void on_body() final {}

 protected:
  ~TunnelHandler() = default;
};

class Exchange {
 public:
  /// Valid until the exchange ends.
  virtual const RequestHead& head() const = 0;
  /// Gives the head away, views of it included, for a handler that goes on without its exchange. To be called in
  /// ExchangeHandler::on_disconnect() only.
  virtual RequestHead take_head() = 0;
  virtual Connection& connection() = 0;
  /// Where the request comes from, as trusted proxies say; null when they say nothing, and so for every request of a
  /// server that trusts nobody. Valid until the exchange ends. A host that it names is in the head already.
  virtual const Origin* origin() const = 0;
  /// The client's address: as trusted proxies say, else the connection's peer's.
  net::Address client_address() { return origin() != nullptr ? origin()->client : connection().peer_address(); }
  /// "http" or "https": how the client asked.
  std::string_view scheme() { return origin() != nullptr ? origin()->scheme : connection().scheme(); }
  /// Must be called in Application::on_request(); the handler must live until the exchange ends.
  virtual void set_handler(ExchangeHandler* handler) = 0;

  // The request's body, pulled by the face.

  /// What arrived and wasn't consumed yet; valid until the next call that isn't const.
  virtual std::string_view body() const = 0;
  /// Nothing will come after body().
  virtual bool is_body_complete() const = 0;
  /// Drops `count` bytes of body(), and lets the peer send more when there is room.
  virtual void consume_body(std::size_t count) = 0;
  /// The face waits for the body: a peer that expects 100 (Continue) is sent one, and the body's time-out runs.
  virtual void want_body() = 0;
  /// The trailer fields; valid once the body is complete.
  virtual const RequestHead& trailers() const = 0;

  // The response: head, then content. Nothing leaves before the first write().

  /// Begins an informational response (100 to 199, but 101) or the response; then come its fields.
  virtual ResponseFault begin_head(int status) = 0;
  virtual ResponseFault add_field(std::string_view name, std::string_view value) = 0;
  /// Forgets the head that was begun, so that another one can be begun in its place. Before the first write() only.
  virtual void drop_head() = 0;
  /// Ends and sends an informational response.
  virtual void end_informational() = 0;
  /// Announces that trailers follow the content: it is then sent chunked. Before the first write().
  virtual void expect_trailers() = 0;
  /// Content. With More::No the response is complete (unless trailers are expected) and the exchange ends.
  virtual ResponseFault write(Piece piece, More more) = 0;
  /// The same with a part of a file, which is closed once its bytes left, or at once when that fails. A file that has
  /// become shorter by then cuts the connection.
  virtual ResponseFault write_file(net::FilePart part, More more) = 0;
  /// A trailer field; after the write() with More::No, if trailers were expected.
  virtual ResponseFault add_trailer(std::string_view name, std::string_view value) = 0;
  /// Ends the trailers and with them the exchange.
  virtual void end_trailers() = 0;

  virtual bool has_begun_head() const = 0;
  /// The head can't be changed any more: its bytes are on their way.
  virtual bool has_sent_head() const = 0;
  /// False while more than write_buffer_bytes_max waits for the peer; on_writable() comes once that has changed.
  virtual bool is_writable() = 0;
  /// Gives the response up, and the connection with it. What was written still leaves; the peer sees that the
  /// response is incomplete: by its framing, or else by a reset. The exchange ends.
  virtual void abort() = 0;

  // A tunnel: the response that changes the protocol, as the request asks (RFC 9110 §7.8), and then bytes both ways.

  /// Whether begin_tunnel() may be the answer: the request names other protocols in head().upgrade(), it has no
  /// content, and no head has been begun.
  virtual bool offers_tunnel() const = 0;
  /// Begins the head that opens the tunnel, which names the protocol; fields follow as for any head, and drop_head()
  /// undoes it. The first write(), perhaps of nothing, sends it. From then on `handler` is the exchange's handler and
  /// is given what the peer sends, what write() is given goes on the wire as it is, and no time-out of the request's
  /// counts any more. write() with More::No ends the tunnel in order, and the connection.
  virtual void begin_tunnel(std::string_view protocol, TunnelHandler& handler) = 0;
  /// Whether the peer is read from (true at first); what is under way may still come. For back-pressure.
  virtual void set_tunnel_reading(bool reads) = 0;

 protected:
  ~Exchange() = default;
};

/// The application as the engine sees it.
class Application {
 public:
  virtual ~Application() = default;
  /// A request's head is there (its body may still be on the way). Must call exchange.set_handler().
  virtual void on_request(Exchange& exchange) = 0;
  /// A pass is over: what was batched for its end is to be done.
  virtual void on_pass_end() {}
};

}  // namespace outrider::http
