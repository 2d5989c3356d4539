// SPDX-License-Identifier: MIT
// Catch2, version 2 or 3: a server for each test, and a webhook that is waited for.

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_test_macros.hpp>
#else
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
#include <outrider/testing.h>

#include <chrono>
#include <future>

#include "client.h"
#include "testing_shop.h"

using outrider::testing::Answer;
using outrider::testing::LiveServer;
using outrider::testing::Mock;
using outrider::testing::MockRequest;

struct Shop : LiveServer {
  Shop() : LiveServer(make_shop()) {}
};

TEST_CASE_METHOD(Shop, "an item is found by its number") {
  CHECK(client::get(port(), "/items/3").body == "item 3");
  CHECK(end_test() == "");
}

TEST_CASE("orders are sent to the warehouse, which counts them") {
  Mock warehouse;
  warehouse.post("/orders", [&warehouse](const MockRequest& order) {
    return Answer{.status = 201, .body = order.body + " is order " + std::to_string(warehouse.requests().size())};
  });
  CHECK(client::ask(warehouse.port(), "POST", "/orders", "tea").body == "tea is order 1");
  CHECK(client::ask(warehouse.port(), "POST", "/orders", "salt").body == "salt is order 2");
}

TEST_CASE("what comes from another thread is waited for") {
  Mock hooks;
  hooks.post("/sold", Answer{.status = 204});
  auto sale = std::async(std::launch::async, [&] { client::ask(hooks.port(), "POST", "/sold", R"({"item":3})"); });
  const MockRequest sold = hooks.wait_for("POST", "/sold", std::chrono::seconds(10));  // or throws what came instead
  CHECK(sold.header("content-type") == "application/json");
  CHECK(sold.body == R"({"item":3})");
  sale.wait();
}
