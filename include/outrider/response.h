// SPDX-License-Identifier: MIT
#pragma once

// What a handler answers.
//
//   return Response::json(R"({"ok":true})").add_header("cache-control", "no-store");
//   return Response::stream([](ResponseWriter& out) -> Task<void> {
//     for (int i = 0; i < 10; ++i) co_await out.write("tick\n");
//   });
//
// Value types; any thread, one at a time. ResponseWriter: the handler's loop only.

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "outrider/task.h"
#include "outrider/wait.h"

namespace outrider {

class Request;

/// A response that can't be sent as it is: a status below 200 or above 999, a header that isn't one, a body that
/// differs from its Content-Length. A mistake of the application: as an exception of a handler it becomes a 500.
class ResponseError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Thrown by a handler to answer with that status and text; not reported as an error.
class HttpError : public std::runtime_error {
 public:
  explicit HttpError(int status, const std::string& text = {}) : std::runtime_error(text), status_(status) {}
  int status() const { return status_; }

 private:
  int status_;
};

/// Thrown by a handler, or by a stream's function, to give its exchange up: nothing (more) is sent, and the
/// connection ends, so that the peer sees that something is missing: by the framing of what was written, which still
/// leaves, or else by a reset. A WebSocket is cut without a closing handshake. Not reported as an error. For a server
/// that breaks on purpose, as tests of clients need it, and for a stream that notices that it can't go on.
class Abort : public std::exception {
 public:
  const char* what() const noexcept override { return "the handler gave its exchange up"; }
};

/// Where a streamed response goes. Valid until the stream's coroutine has ended.
class ResponseWriter {
 public:
  ResponseWriter(const ResponseWriter&) = delete;
  ResponseWriter& operator=(const ResponseWriter&) = delete;

  /// Sends bytes; they are taken in the call and leave, at the latest, when the coroutine next waits for something.
  /// The co_await completes when there is room for more (Limits::write_buffer_bytes_max). Throws Cancelled when the
  /// peer has gone or the exchange is cancelled, and once when the server stops and nothing else has told the stream,
  /// ResponseError for more than content_length(). An empty piece sends the response's head if that hasn't left yet.
  detail::Write write(std::string_view bytes) {
    send(bytes);
    return detail::Write(*run_);
  }
  /// The same, without copying what is large.
  detail::Write write_owned(std::string bytes) {
    send(std::move(bytes));
    return detail::Write(*run_);
  }
  /// A trailer field, sent after the content; the Response must have announced it (Response::announce_trailers()).
  /// Throws ResponseError when it hasn't.
  void add_trailer(std::string_view name, std::string_view value);

  Request& request() const;

 private:
  friend app::HandlerRun;
  explicit ResponseWriter(app::HandlerRun& run) : run_(&run) {}
  void send(std::string_view bytes);
  void send(std::string&& bytes);

  app::HandlerRun* run_;
};

namespace detail {

/// A stream's coroutine function with its captures, kept until the coroutine has ended.
class Producer {
 public:
  virtual ~Producer() = default;
  virtual Task<void> produce(ResponseWriter& out) = 0;
};

template <class F>
class ProducerOf final : public Producer {
 public:
  explicit ProducerOf(F function) : function_(std::move(function)) {}
  Task<void> produce(ResponseWriter& out) override { return function_(out); }

 private:
  F function_;
};

}  // namespace detail

class Response {
 public:
  /// 200 without content.
  Response() = default;
  /// 200, text/plain in UTF-8.
  Response(std::string body) : body_(std::move(body)), content_type_(kText) {}  // NOLINT: implicit
  Response(std::string_view body) : Response(std::string(body)) {}              // NOLINT: implicit
  Response(const char* body) : Response(std::string(body)) {}                   // NOLINT: implicit

  static Response text(std::string body) { return {std::move(body), kText}; }
  static Response html(std::string body) { return {std::move(body), "text/html; charset=utf-8"}; }
  static Response json(std::string body) { return {std::move(body), "application/json"}; }
  /// Any other content; `content_type` is copied.
  static Response content(std::string body, std::string_view content_type) {
    Response response(std::move(body), {});
    response.add_header("content-type", content_type);
    return response;
  }
  static Response empty(int status = 204) {
    Response response;
    response.status_ = status;
    return response;
  }
  /// 307 keeps the method; 303 makes it GET.
  static Response redirect(std::string_view location, int status = 307) {
    Response response = empty(status);
    response.add_header("location", location);
    return response;
  }
  /// Content that a coroutine writes: `function(ResponseWriter&) -> Task<void>`, perhaps a lambda with captures.
  /// It starts when the head can leave, and isn't started for HEAD. When it returns, the response is complete; when
  /// it throws, the connection is cut, so that the peer sees that something is missing.
  template <class F>
  static Response stream(F function, std::string_view content_type = "text/plain; charset=utf-8") {
    static_assert(std::is_invocable_r_v<Task<void>, F&, ResponseWriter&>,
                  "a stream's function takes ResponseWriter& and is a coroutine, or returns a Task<void>");
    Response response;
    response.add_header("content-type", content_type);
    response.producer_ = std::make_unique<detail::ProducerOf<F>>(std::move(function));
    return response;
  }

  int status() const { return status_; }
  Response& set_status(int status) & {
    status_ = status;
    return *this;
  }
  Response&& set_status(int status) && { return std::move(set_status(status)); }

  /// Adds a field; content-type, of which there can be one only, replaces what was there. Date, Server,
  /// Content-Length and Connection may be given; the others that belong to the server (Transfer-Encoding, Upgrade)
  /// are refused with ResponseError, here or when the response is sent. So is what would break the message: CR, LF
  /// and other control characters.
  Response& add_header(std::string_view name, std::string_view value) &;
  Response&& add_header(std::string_view name, std::string_view value) && {
    return std::move(add_header(name, value));
  }

  /// The length of a stream, when it is known: it is then sent with Content-Length instead of chunks, and a stream
  /// that writes more or less is an error.
  Response& set_content_length(uint64_t length) &;
  Response&& set_content_length(uint64_t length) && { return std::move(set_content_length(length)); }

  /// A stream that ends with trailer fields (ResponseWriter::add_trailer()).
  Response& announce_trailers() & {
    has_trailers_ = true;
    return *this;
  }
  Response&& announce_trailers() && { return std::move(announce_trailers()); }

  const std::string& body() const { return body_; }
  bool is_stream() const { return producer_ != nullptr; }
  /// The first field of that name, in whatever case; nothing when there is none.
  std::optional<std::string_view> header(std::string_view name) const;

 private:
  friend app::HandlerRun;
  static constexpr std::string_view kText = "text/plain; charset=utf-8";
  Response(std::string body, std::string_view content_type) : body_(std::move(body)), content_type_(content_type) {}

  void drop_content_type();
  /// Takes the first field off `fields`, which is in the form of fields_.
  static std::pair<std::string_view, std::string_view> next_field(std::string_view& fields);

  int status_ = 200;
  bool has_trailers_ = false;
  std::string body_;
  std::string fields_;             // "name\nvalue\n" for each; neither can hold a line feed
  std::string_view content_type_;  // of a helper above: no allocation; empty when there is a field or no content
  std::unique_ptr<detail::Producer> producer_;
};

}  // namespace outrider
