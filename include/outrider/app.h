// SPDX-License-Identifier: MIT
#pragma once

// An application: which handler answers which method on which path.
//
//   App app;
//   app.get("/items/{id}", [](int id) { return "item " + std::to_string(id); });
//   app.post("/notes", [](Request& request) -> Task<Response> { … });
//
// Patterns begin with '/' and are matched segment by segment, on the decoded text of each segment:
//   /items         itself; "/items/" is another path
//   {id}           one segment that isn't empty
//   {rest...}      all the rest, slashes included, perhaps empty; only at the end. A decoded "%2F" in it can't be
//                  told from a slash, and ".." may occur: don't make a file's path of it unchecked.
// In each segment text is preferred to a parameter, and that to the rest, in whatever order routes were added; a
// route without the request's method is passed over. When only other methods match, the answer is 405 with Allow, or
// 501 for a method that neither the RFCs nor any route name; when nothing does, 404; for a path that isn't validly
// percent-encoded, 400. A GET handler answers HEAD, too, and OPTIONS is answered with Allow, unless there is a
// handler for these. App::fallback() answers in the place of all that but the 400.
//
// Handlers are functions, lambdas and coroutines. They take, in any order:
//   Request&                    the request
//   numbers, std::string,       the pattern's parameters, by position: all of them or none. A segment that isn't
//   std::string_view            wholly such a value (or out of its range) names nothing: the answer is 404.
// and return, or co_return in a Task:
//   std::string, const char*, std::string_view    200, text/plain in UTF-8
//   Response                                      that
//   void                                          204
// An exception that a handler lets out is answered with 500 and given to Config::on_error; HttpError with its status.
//
// A WebSocket's handler takes WebSocket& as well, and is a coroutine (outrider/websocket.h). A path may have one
// beside its other handlers: it answers the GETs that ask for a WebSocket. Those that don't are answered with 426
// unless there is a GET handler, too; those that do, where there is no WebSocket's handler, are requests like others.
//
// A handler must not block: other requests of its loop thread wait meanwhile (Request::offload() is for that). With
// Config::threads above 1 it is called by several threads at once. It lives in the App and in the servers started
// with it, longer than any coroutine it made: a lambda that is a coroutine may have captures here.

#include <memory>
#include <string_view>
#include <utility>

#include "outrider/handler.h"
#include "outrider/websocket.h"

namespace outrider {

namespace app {
class Router;
}

/// Thread: one at a time; serving happens on a copy of its table, so routes added later are seen by servers that
/// are started later, and an App may die before its servers.
class App {
 public:
  App();
  ~App();
  App(App&& other) noexcept;
  App& operator=(App&& other) noexcept;

  /// All of these throw std::invalid_argument when the pattern is invalid, when the handler's parameters don't fit
  /// it, and when the method has a handler there already.
  template <class F>
  App& get(std::string_view pattern, F&& handler) {
    return route("GET", pattern, std::forward<F>(handler));
  }
  template <class F>
  App& post(std::string_view pattern, F&& handler) {
    return route("POST", pattern, std::forward<F>(handler));
  }
  template <class F>
  App& put(std::string_view pattern, F&& handler) {
    return route("PUT", pattern, std::forward<F>(handler));
  }
  template <class F>
  App& patch(std::string_view pattern, F&& handler) {
    return route("PATCH", pattern, std::forward<F>(handler));
  }
  template <class F>
  App& del(std::string_view pattern, F&& handler) {
    return route("DELETE", pattern, std::forward<F>(handler));
  }
  template <class F>
  App& head(std::string_view pattern, F&& handler) {
    return route("HEAD", pattern, std::forward<F>(handler));
  }
  template <class F>
  App& options(std::string_view pattern, F&& handler) {
    return route("OPTIONS", pattern, std::forward<F>(handler));
  }
  /// Any method; its name is case-sensitive.
  template <class F>
  App& route(std::string_view method, std::string_view pattern, F&& handler) {
    add(method, pattern, detail::make_handler(std::forward<F>(handler)));
    return *this;
  }

  /// What answers a request that no route does, whatever its method: in the place of 404, 405, 426, 501 and of the
  /// answer to OPTIONS. It takes Request& or nothing. Paths that aren't validly encoded don't come here. Throws
  /// std::invalid_argument for a second one.
  template <class F>
  App& fallback(F&& handler) {
    set_fallback(detail::make_handler(std::forward<F>(handler)));
    return *this;
  }

  /// Throws for a subprotocol that isn't a token, too.
  template <class F>
  App& websocket(std::string_view pattern, F&& handler, WebSocketOptions options = {}) {
    add_websocket(pattern, detail::make_websocket_handler(std::forward<F>(handler)), std::move(options));
    return *this;
  }

  /// The table as it is now, for a server.
  std::shared_ptr<const app::Router> snapshot() const;

 private:
  void add(std::string_view method, std::string_view pattern, std::shared_ptr<detail::Handler> handler);
  void set_fallback(std::shared_ptr<detail::Handler> handler);
  void add_websocket(std::string_view pattern, std::shared_ptr<detail::Handler> handler, WebSocketOptions options);

  std::unique_ptr<app::Router> router_;
};

}  // namespace outrider
