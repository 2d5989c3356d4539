// SPDX-License-Identifier: MIT
#include "app/router.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace outrider::app {
namespace {

class NoHandler final : public detail::Handler {
 public:
  explicit NoHandler(std::size_t parameters) : parameters_(parameters) {}
  void handle(detail::Call&) override {}
  std::size_t parameter_count() const override { return parameters_; }

 private:
  std::size_t parameters_;
};

std::shared_ptr<detail::Handler> handler(std::size_t parameters = 0) {
  return std::make_shared<NoHandler>(parameters);
}

Router router_of(const std::vector<std::string>& patterns) {
  Router router;
  for (const std::string& pattern : patterns) router.add("GET", pattern, handler());
  return router;
}

// "/items/{id} id=3", or "" when nothing matches.
std::string match(const Router& router, std::string_view path, std::string_view method = "GET") {
  Captures captures;
  const Route* route = router.match(method, path, captures);
  if (route == nullptr) return "";
  std::string text = route->pattern;
  for (std::size_t i = 0; i < captures.count; ++i) {
    text += " " + route->parameter_names[i] + "=" + std::string(captures.values[i]);
  }
  return text;
}

std::string reason_against(Router& router, std::string_view method, std::string_view pattern, std::size_t taken = 0) {
  try {
    router.add(method, pattern, handler(taken));
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST_CASE("paths find their routes") {
  const Router router = router_of({"/", "/items", "/items/", "/items/{id}", "/items/{id}/parts/{part}",
                                   "/files/{path...}", "/caf\xc3\xa9", "/a b"});
  struct Case {
    const char* path;
    const char* expected;
  };
  const Case cases[] = {
      {"/", "/"},
      {"/items", "/items"},
      {"/items/", "/items/"},
      {"/items/3", "/items/{id} id=3"},
      {"/items/3/", ""},
      {"/items//", ""},
      {"/items/3/parts/x-1", "/items/{id}/parts/{part} id=3 part=x-1"},
      {"/items/3/parts", ""},
      {"/items/3/parts/", ""},
      {"/files", ""},
      {"/files/", "/files/{path...} path="},
      {"/files/a", "/files/{path...} path=a"},
      {"/files/a/b//c", "/files/{path...} path=a/b//c"},
      {"/caf%C3%A9", "/caf\xc3\xa9"},
      {"/a%20b", "/a b"},
      {"/%69tems/a%2Fb", "/items/{id} id=a%2Fb"},
      {"/items%2F3", ""},
      {"/Items", ""},
      {"//", ""},
      {"", ""},
      {"*", ""},
  };
  for (const Case& test : cases) {
    CAPTURE(test.path);
    CHECK(match(router, test.path) == test.expected);
  }
}

TEST_CASE("text precedes a parameter and a parameter precedes the rest, in whatever order they were added") {
  std::vector<std::string> patterns{"/users/me", "/users/{id}", "/users/{rest...}", "/{rest...}", "/{what}/me"};
  std::sort(patterns.begin(), patterns.end());
  do {
    const Router router = router_of(patterns);
    CHECK(match(router, "/users/me") == "/users/me");
    CHECK(match(router, "/users/%6De") == "/users/me");
    CHECK(match(router, "/users/7") == "/users/{id} id=7");
    CHECK(match(router, "/users/7/x") == "/users/{rest...} rest=7/x");
    CHECK(match(router, "/users/") == "/users/{rest...} rest=");
    CHECK(match(router, "/others/me") == "/{what}/me what=others");
    CHECK(match(router, "/others/you") == "/{rest...} rest=others/you");
    CHECK(match(router, "/") == "/{rest...} rest=");
  } while (std::next_permutation(patterns.begin(), patterns.end()));
}

TEST_CASE("a branch that leads nowhere is left again") {
  const Router router = router_of({"/a/b/c", "/a/{x}/d", "/{y}/b/e"});
  CHECK(match(router, "/a/b/c") == "/a/b/c");
  CHECK(match(router, "/a/b/d") == "/a/{x}/d x=b");
  CHECK(match(router, "/a/b/e") == "/{y}/b/e y=a");
  CHECK(match(router, "/a/b/f") == "");
}

TEST_CASE("a route without the method is passed over") {
  Router router;
  router.add("POST", "/items/special", handler());
  router.add("GET", "/items/{id}", handler());
  CHECK(match(router, "/items/special", "POST") == "/items/special");
  CHECK(match(router, "/items/special") == "/items/{id} id=special");
  CHECK(match(router, "/items/special", "DELETE") == "");
  CHECK(router.allowed_methods("/items/special") == "POST, GET, HEAD, OPTIONS");
}

TEST_CASE("HEAD finds the handler of GET unless it has its own") {
  Router router = router_of({"/"});
  CHECK(match(router, "/", "HEAD") == "/");
  Captures captures;
  CHECK(router.match("HEAD", "/", captures)->method == "GET");
  router.add("HEAD", "/", handler());
  CHECK(router.match("HEAD", "/", captures)->method == "HEAD");
}

TEST_CASE("the allowed methods are those of all routes that match") {
  Router router;
  router.add("PUT", "/x", handler());
  router.add("GET", "/{any}", handler());
  router.add("PURGE", "/{all...}", handler());
  CHECK(router.allowed_methods("/x") == "PUT, GET, HEAD, PURGE, OPTIONS");
  CHECK(router.allowed_methods("/y") == "GET, HEAD, PURGE, OPTIONS");
  CHECK(router.allowed_methods("/y/z") == "PURGE, OPTIONS");
  CHECK(router.allowed_methods("*") == "PUT, GET, HEAD, PURGE, OPTIONS");
  CHECK(Router().allowed_methods("/") == "");
  CHECK(Router().allowed_methods("*") == "");
}

TEST_CASE("what can't be registered is refused with a reason") {
  Router router = router_of({"/items/{id}"});
  CHECK(reason_against(router, "GET", "/items/{id}") ==
        "the route GET /items/{id} is there already, as GET /items/{id}");
  CHECK(reason_against(router, "GET", "/items/{name}") ==
        "the route GET /items/{name} is there already, as GET /items/{id}");
  CHECK(reason_against(router, "POST", "/items/{name}").empty());
  CHECK(reason_against(router, "GE T", "/") == "invalid method \"GE T\"");
  CHECK(reason_against(router, "", "/") == "invalid method \"\"");
  CHECK(reason_against(router, "GET", "/a/{b}", 2) ==
        "the handler of GET /a/{b} takes 2 path parameters, but the pattern has 1");
  CHECK(reason_against(router, "GET", "/a", 1) ==
        "the handler of GET /a takes 1 path parameters, but the pattern has 0");
  CHECK(reason_against(router, "GET", "a").find("must begin with '/'") != std::string::npos);
}

TEST_CASE("a hundred routes beside each other are told apart") {
  std::vector<std::string> patterns;
  for (int i = 0; i < 100; ++i) patterns.push_back("/route-" + std::to_string(i * 7919 % 100) + "/{id}");
  const Router router = router_of(patterns);
  for (int i = 0; i < 100; ++i) {
    const std::string name = "/route-" + std::to_string(i);
    CHECK(match(router, name + "/x") == name + "/{id} id=x");
  }
  CHECK(match(router, "/route-100/x") == "");
}

}  // namespace
}  // namespace outrider::app
