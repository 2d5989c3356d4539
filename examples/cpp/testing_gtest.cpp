// SPDX-License-Identifier: MIT
// GoogleTest: one server for a suite, which settles between its tests.

#include <gtest/gtest.h>
#include <outrider/testing.h>

#include <memory>

#include "client.h"
#include "testing_shop.h"

using outrider::testing::Answer;
using outrider::testing::LiveServer;
using outrider::testing::Mock;

class ShopTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { shop = std::make_unique<LiveServer>(make_shop()); }
  static void TearDownTestSuite() { shop.reset(); }
  // Ends what the test has left running; what a handler let out fails the test.
  void TearDown() override { EXPECT_EQ(shop->end_test(), ""); }

  static inline std::unique_ptr<LiveServer> shop;
};

TEST_F(ShopTest, FindsAnItemByItsNumber) { EXPECT_EQ(client::get(shop->port(), "/items/3").body, "item 3"); }

TEST_F(ShopTest, StartsEachTestWithNothingToTell) {
  EXPECT_TRUE(shop->requests().empty()) << shop->describe();
  EXPECT_EQ(client::get(shop->port(), "/items/tea").status, 404);
}

TEST(Weather, IsUnknownWhereTheServiceIsDown) {
  Mock weather;
  weather.get("/weather/{place}", Answer{.status = 500});
  EXPECT_EQ(forecast(weather.port(), "oslo"), "nobody knows");
  EXPECT_EQ(weather.count("GET", "/weather/oslo"), 2u) << weather.describe();
  weather.assert_not_called("POST", "/{rest...}");  // throws what was asked for, if it was
}
