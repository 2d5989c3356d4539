// SPDX-License-Identifier: MIT
// What a handler can take and return, and how paths are matched.

#include <outrider/outrider.h>

#include <map>
#include <string>

#include "client.h"

using client::expect;
using outrider::App;
using outrider::HttpError;
using outrider::Request;
using outrider::Response;

namespace {

std::map<int, std::string> kit{{1, "lantern"}, {2, "compass"}};

// Any function can be a handler.
Response show_item(int id) {
  if (!kit.contains(id)) throw HttpError(404, "there is no item " + std::to_string(id));
  return Response::json("{\"id\":" + std::to_string(id) + ",\"name\":\"" + kit[id] + "\"}")
      .add_header("cache-control", "no-store");
}

App make_app() {
  App app;
  app.get("/", [] { return "the kit"; });  // text/plain
  app.get("/items/{id}", show_item);
  app.del("/items/{id}", [](int id) { kit.erase(id); });  // nothing to say: 204
  app.get("/items/latest", [] { return kit.rbegin()->second; });
  app.get("/{shelf}/{row}",
          [](std::string_view shelf, long row) { return std::string(shelf) + ", row " + std::to_string(row); });
  app.get("/files/{path...}", [](std::string path) { return "file " + path; });
  app.get("/search", [](Request& request) {
    return "looking for " + request.query("q").value_or("nothing") + " as " +
           std::string(request.header("accept").value_or("anything"));
  });
  app.route("PURGE", "/items", [] { kit.clear(); });
  return app;
}

}  // namespace

int main() {
  auto server = outrider::serve(make_app());
  const uint16_t port = server.port();
  expect(client::get(port, "/").body == "the kit", "text");
  expect(client::get(port, "/items/2").body == R"({"id":2,"name":"compass"})", "a parameter");
  expect(client::get(port, "/items/two").status == 404, "not an int: not found");
  expect(client::get(port, "/items/3").body == "there is no item 3\n", "HttpError's text");
  expect(client::get(port, "/items/latest").body == "compass", "text before parameters");
  expect(client::get(port, "/caf%C3%A9%2F1/2").body == "caf\xc3\xa9/1, row 2", "decoded parameters");
  expect(client::get(port, "/files/a/b%20c.txt").body == "file a/b c.txt", "the rest of the path");
  expect(client::get(port, "/search?q=a+b").body == "looking for a b as anything", "a query");
  const client::Answer refused = client::ask(port, "POST", "/items/2");
  expect(refused.status == 405 && refused.head.find("allow: GET, HEAD, DELETE, OPTIONS") != std::string::npos, "405");
  expect(client::ask(port, "DELETE", "/items/2").status == 204, "204");
  expect(client::ask(port, "PURGE", "/items").status == 204, "any method");
  expect(client::ask(port, "OPTIONS", "/items").head.find("allow: PURGE, OPTIONS") != std::string::npos, "OPTIONS");
}
