// SPDX-License-Identifier: MIT
// doctest: a server for each test, and somebody else's API.

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <outrider/testing.h>

#include "client.h"
#include "testing_shop.h"

using outrider::testing::Answer;
using outrider::testing::LiveServer;
using outrider::testing::Mock;

struct Shop : LiveServer {
  Shop() : LiveServer(make_shop()) {}
};

TEST_CASE_FIXTURE(Shop, "an item is found by its number") {
  CHECK(client::get(port(), "/items/3").body == "item 3");
  CHECK(end_test() == "");  // no handler let an exception out
}

TEST_CASE_FIXTURE(Shop, "what a handler lets out is told, with the requests") {
  CHECK(client::get(port(), "/broken").status == 500);
  CHECK(errors() == std::vector<std::string>{"GET /broken: the shelf is empty"});
}

TEST_CASE("a weather service that fails is asked again") {
  Mock weather;
  weather.get("/weather/{place}", Answer{.status = 503}, Answer::json(R"({"degrees":21})"));
  CHECK(forecast(weather.port(), "oslo") == R"({"degrees":21})");
  CHECK(weather.count("GET", "/weather/oslo") == 2);
  CHECK(weather.unexpected() == "");  // and nothing else was asked for
}

TEST_CASE("a file that comes half is noticed, and so is a connection that breaks") {
  Mock files;
  files.get("/half", Answer{.body = "0123456789", .cut_after = 4});
  files.get("/gone", Answer{.drop = true});
  std::string content;
  CHECK(!download(files.port(), "/half", content));
  CHECK(content == "0123");
  CHECK(!download(files.port(), "/gone", content));
}
