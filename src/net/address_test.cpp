// SPDX-License-Identifier: MIT
#include "net/address.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "outrider/error.h"

namespace outrider::net {
namespace {

TEST_CASE("numeric addresses are understood and shown") {
  const struct {
    std::string host;
    uint16_t port;
    std::string text, url;
  } table[] = {
      {"127.0.0.1", 8000, "127.0.0.1:8000", "http://127.0.0.1:8000"},
      {"0.0.0.0", 1, "0.0.0.0:1", "http://127.0.0.1:1"},
      {"::1", 65535, "[::1]:65535", "http://[::1]:65535"},
      {"::", 80, "[::]:80", "http://[::1]:80"},
  };
  for (const auto& row : table) {
    INFO(row.text);
    const std::vector<Address> found = Address::resolve(row.host, row.port);
    REQUIRE(!found.empty());
    CHECK(found[0].host() == row.host);
    CHECK(found[0].port() == row.port);
    CHECK(found[0].to_string() == row.text);
    CHECK(found[0].url("http") == row.url);
    CHECK(!found[0].is_unix());
  }
}

TEST_CASE("an empty host is every interface") {
  for (const Address& address : Address::resolve("", 0)) {
    CHECK((address.host() == "0.0.0.0" || address.host() == "::"));
  }
}

TEST_CASE("a host that nobody knows is an error that names it") {
  try {
    Address::resolve("no such host", 80);
    FAIL("resolved");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Address);
    CHECK(std::string(error.what()).find("'no such host'") != std::string::npos);
  }
}

TEST_CASE("the path of a Unix socket has a length that the system allows") {
  const Address address = Address::unix_path("/run/a b.sock");
  CHECK(address.is_unix());
  CHECK(address.host() == "/run/a b.sock");
  CHECK(address.port() == 0);
  CHECK(address.to_string() == "unix:/run/a b.sock");
  CHECK(address.url("http") == "http+unix://%2Frun%2Fa%20b.sock");
  CHECK(Address::unix_path(std::string(107, 'p')).host().size() == 107);
  CHECK_THROWS_AS(Address::unix_path(std::string(108, 'p')), Error);
  CHECK_THROWS_AS(Address::unix_path(""), Error);
}

TEST_CASE("what has no address shows none") {
  const Address none;
  CHECK(none.family() == AF_UNSPEC);
  CHECK(none.host().empty());
  CHECK(none.port() == 0);
  CHECK(none.to_string() == "(none)");
  CHECK(Address::of_socket(-1).family() == AF_UNSPEC);
  CHECK(Address::of_peer(-1).family() == AF_UNSPEC);
}

TEST_CASE("a numeric address is parsed without looking anything up") {
  for (const char* text : {"192.0.2.1", "0.0.0.0", "255.255.255.255", "::", "2001:db8::7", "::ffff:192.0.2.1"}) {
    INFO(text);
    const std::optional<Address> address = Address::parse(text, 99);
    REQUIRE(address.has_value());
    CHECK(address->host() == text);
    CHECK(address->port() == 99);
  }
  // A leading zero is octal for some readers.
  for (const char* text :
       {"", " ", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "0x7f.1", "127.1", "1.2.3.4:5", "[::1]",
        ":::", "1::2::3", "fe80::1%lo", "::1/64", "localhost", "2001:db8:1:2:3:4:5:6:7",
        "12345::", "1111:2222:3333:4444:5555:6666:123.123.123.123.1234567"}) {
    INFO(text);
    CHECK(!Address::parse(text).has_value());
  }
  CHECK(!Address::parse(std::string_view("1.2.3.4\0", 8)).has_value());
}

TEST_CASE("IPv4 and its IPv4-mapped form are the same sixteen bytes") {
  CHECK(Address::parse("192.0.2.1")->ip() == Address::parse("::ffff:192.0.2.1")->ip());
  CHECK(Address::parse("192.0.2.1")->ip() != Address::parse("::192.0.2.1")->ip());
  CHECK(!Address().ip().has_value());
  CHECK(!Address::unix_path("/x").ip().has_value());
}

}  // namespace
}  // namespace outrider::net
