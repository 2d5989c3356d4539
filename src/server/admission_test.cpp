// SPDX-License-Identifier: MIT
#include "server/admission.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace outrider::server {
namespace {

net::Address address(const std::string& host) { return net::Address::resolve(host, 1000).at(0); }

TEST_CASE("connections are admitted up to the limit, and again when one has gone") {
  Limits limits;
  limits.connections_max = 2;
  const auto admission = std::make_shared<Admission>(limits);
  const auto first = admission->admit({});
  auto second = admission->admit({});
  CHECK(first != nullptr);
  CHECK(second != nullptr);
  CHECK(admission->admit({}) == nullptr);
  second.reset();
  CHECK(admission->admit({}) != nullptr);
}

TEST_CASE("the connections of one address don't take those of another") {
  Limits limits;
  limits.connections_per_address_max = 2;
  const auto admission = std::make_shared<Admission>(limits);
  std::vector<std::shared_ptr<const void>> held{admission->admit(address("10.0.0.1")),
                                                admission->admit(address("10.0.0.1"))};
  CHECK(held[1] != nullptr);
  CHECK(admission->admit(address("10.0.0.1")) == nullptr);
  CHECK(admission->admit(address("::ffff:10.0.0.1")) == nullptr);  // the same
  CHECK(admission->admit(address("10.0.0.2")) != nullptr);
  held.clear();
  CHECK(admission->admit(address("10.0.0.1")) != nullptr);
}

TEST_CASE("an IPv6 network of 64 bits is one client, and Unix sockets are none") {
  Limits limits;
  limits.connections_per_address_max = 1;
  const auto admission = std::make_shared<Admission>(limits);
  const auto held = admission->admit(address("2001:db8:1:2::1"));
  CHECK(admission->admit(address("2001:db8:1:2:ffff::9")) == nullptr);
  CHECK(admission->admit(address("2001:db8:1:3::1")) != nullptr);
  const auto one = admission->admit({});
  const auto other = admission->admit(net::Address::unix_path("/tmp/x"));
  CHECK(one != nullptr);
  CHECK(other != nullptr);
}

TEST_CASE("a connection that is refused for its address doesn't count among all") {
  Limits limits;
  limits.connections_max = 2;
  limits.connections_per_address_max = 1;
  const auto admission = std::make_shared<Admission>(limits);
  const auto held = admission->admit(address("10.0.0.1"));
  for (int i = 0; i < 5; ++i) CHECK(admission->admit(address("10.0.0.1")) == nullptr);
  CHECK(admission->admit(address("10.0.0.2")) != nullptr);
}

TEST_CASE("requests are taken up to the limit, and again when one has been answered") {
  Limits limits;
  limits.exchanges_max = 1;
  Admission admission(limits);
  CHECK(admission.begin_exchange());
  CHECK(!admission.begin_exchange());
  admission.end_exchange();
  CHECK(!admission.begin_exchange());  // the one before is still there
  admission.end_exchange();
  admission.end_exchange();
  CHECK(admission.begin_exchange());
  Admission unlimited{Limits()};
  for (int i = 0; i < 3; ++i) CHECK(unlimited.begin_exchange());
}

}  // namespace
}  // namespace outrider::server
