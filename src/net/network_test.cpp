// SPDX-License-Identifier: MIT
#include "net/network.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "outrider/error.h"

namespace outrider::net {
namespace {

bool contains(const char* network, const char* address) {
  return Network::parse(network).contains(Address::parse(address).value());
}

std::string complaint(const std::string& text) {
  try {
    TrustedProxies::parse({text});
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Option);
    return error.what();
  }
  return "";
}

TEST_CASE("a network contains the addresses that begin with its bits") {
  CHECK(contains("10.0.0.0/8", "10.0.0.0"));
  CHECK(contains("10.0.0.0/8", "10.255.255.255"));
  CHECK(!contains("10.0.0.0/8", "11.0.0.0"));
  CHECK(!contains("10.0.0.0/8", "9.255.255.255"));
  CHECK(contains("192.0.2.128/25", "192.0.2.128"));
  CHECK(!contains("192.0.2.128/25", "192.0.2.127"));
  CHECK(contains("192.0.2.6/31", "192.0.2.7"));
  CHECK(!contains("192.0.2.6/31", "192.0.2.8"));
  CHECK(contains("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK(!contains("2001:db8::/33", "2001:db8:8000::1"));
}

TEST_CASE("an address is a network of one") {
  for (const char* network : {"192.0.2.7", "192.0.2.7/32"}) {
    CHECK(contains(network, "192.0.2.7"));
    CHECK(!contains(network, "192.0.2.6"));
  }
  for (const char* network : {"2001:db8::7", "2001:db8::7/128"}) {
    CHECK(contains(network, "2001:db8::7"));
    CHECK(!contains(network, "2001:db8::6"));
  }
}

TEST_CASE("an address of a dual-stack socket is the IPv4 address that it stands for") {
  CHECK(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
  CHECK(contains("::ffff:10.0.0.0/104", "10.1.2.3"));
  CHECK(!contains("10.0.0.0/8", "::ffff:11.1.2.3"));
  CHECK(!contains("10.0.0.0/8", "::10.1.2.3"));
}

TEST_CASE("all of one family isn't all of the other") {
  CHECK(contains("0.0.0.0/0", "203.0.113.9"));
  CHECK(!contains("0.0.0.0/0", "2001:db8::1"));
  CHECK(contains("::/0", "2001:db8::1"));
  CHECK(!contains("::/0", "203.0.113.9"));
  CHECK(!contains("::/0", "::ffff:203.0.113.9"));
  CHECK(!contains("::fffe:0:0/95", "203.0.113.9"));
}

TEST_CASE("what has no IP address is in no network") {
  CHECK(!Network::parse("0.0.0.0/0").contains(Address()));
  CHECK(!Network::parse("::/0").contains(Address::unix_path("/x")));
}

TEST_CASE("what is no network is refused with what to write instead") {
  for (const char* text : {"", " ", "localhost", "10.0.0", "10.0.0.256", "[::1]", "10.0.0.0 /8", "10.0.0.1:80", "/8",
                           "fe80::1%lo/64", "Unix", "**", "10.0.0.0,10.0.0.1"}) {
    INFO(text);
    CHECK(complaint(text).find("\"" + std::string(text) + "\" is neither an address nor a network: expected") == 0);
  }
  for (const char* text : {"10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8 ", "10.0.0.0/8/8",
                           "10.0.0.0/255.0.0.0", "10.0.0.0/99999999999"}) {
    INFO(text);
    CHECK(complaint(text).find("after the slash come 0 to 32") != std::string::npos);
  }
  CHECK(complaint("::/129").find("after the slash come 0 to 128") != std::string::npos);
  CHECK(complaint("10.0.0.1/8") ==
        "\"10.0.0.1/8\" has bits of the address set behind the first 8: write \"10.0.0.0/8\" for the network, or "
        "\"10.0.0.1\" for the address");
  CHECK(complaint("2001:db8::1/32").find("write \"2001:db8::/32\"") != std::string::npos);
  CHECK(complaint("10.0.0.0/8").empty());
}

TEST_CASE("nobody is trusted by default, and everybody who connects by an asterisk") {
  const Address tcp = Address::parse("203.0.113.9").value();
  const Address unix_peer = Address::unix_path("/x");
  const TrustedProxies none;
  CHECK(none.empty());
  for (const Address& peer : {tcp, unix_peer, Address()}) {
    CHECK(!none.trusts_peer(peer));
    const TrustedProxies all = TrustedProxies::parse({"*"});
    CHECK(!all.empty());
    CHECK(all.trusts_peer(peer));
    CHECK(!all.trusts_named(peer));
  }
}

TEST_CASE("a Unix socket's peers are trusted by their word, and others by their networks") {
  const TrustedProxies trusted = TrustedProxies::parse({"unix", "10.0.0.0/8"});
  CHECK(trusted.trusts_peer(Address::unix_path("/x")));
  CHECK(!trusted.trusts_named(Address::unix_path("/x")));
  CHECK(trusted.trusts_peer(Address::parse("10.0.0.1").value()));
  CHECK(trusted.trusts_named(Address::parse("10.0.0.1").value()));
  CHECK(!trusted.trusts_peer(Address::parse("127.0.0.1").value()));
  CHECK(!trusted.trusts_peer(Address()));
}

}  // namespace
}  // namespace outrider::net
