// SPDX-License-Identifier: MIT
#include "net/proxy_protocol.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <string_view>

#include "testing/proxy_header.h"

using namespace std::string_literals;

namespace outrider::net {
namespace {

using Client = ProxyHeader::Client;
using testing::binary_header;
using testing::extension;

const Address kSource4 = Address::parse("203.0.113.7", 50412).value();
const Address kDestination4 = Address::parse("192.0.2.1", 443).value();
const Address kSource6 = Address::parse("2001:db8::7", 50412).value();
const Address kDestination6 = Address::parse("2001:db8::1", 443).value();

// The header, which must be all of `bytes`; at no shorter prefix is there a verdict, and what follows changes
// nothing.
ProxyHeader parse(const std::string& bytes) {
  INFO(bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto partial = parse_proxy_header(std::string_view(bytes).substr(0, size));
    REQUIRE(bool(partial));
    REQUIRE(!partial.value().has_value());
  }
  for (const std::string& rest : {"GET / HTTP/1.1\r\n\r\n"s, "PROXY UNKNOWN\r\n"s, bytes, "\r\n"s, "\0"s}) {
    const auto followed = parse_proxy_header(bytes + rest);
    REQUIRE(bool(followed));
    REQUIRE(followed.value().has_value());
    CHECK(followed.value()->size == bytes.size());
  }
  const auto whole = parse_proxy_header(bytes);
  REQUIRE(bool(whole));
  REQUIRE(whole.value().has_value());
  CHECK(whole.value()->size == bytes.size());
  return *whole.value();
}

// The fault, which is the same with each prefix that has one, and with anything behind.
ProxyFault refuse(const std::string& bytes) {
  INFO(bytes);
  const auto whole = parse_proxy_header(bytes);
  REQUIRE(!whole);
  bool has_fault = false;
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const auto partial = parse_proxy_header(std::string_view(bytes).substr(0, size));
    if (has_fault || !partial) {
      has_fault = true;
      REQUIRE(!partial);
      CHECK(partial.error() == whole.error());
    } else {
      CHECK(!partial.value().has_value());
    }
  }
  const auto followed = parse_proxy_header(bytes + "GET / HTTP/1.1\r\n\r\n");
  REQUIRE(!followed);
  CHECK(followed.error() == whole.error());
  return whole.error();
}

TEST_CASE("a line of version 1 names both ends") {
  ProxyHeader header = parse("PROXY TCP4 203.0.113.7 192.0.2.1 50412 443\r\n");
  CHECK(header.client == Client::Named);
  CHECK(header.source.to_string() == "203.0.113.7:50412");
  CHECK(header.destination.to_string() == "192.0.2.1:443");

  header = parse("PROXY TCP6 2001:db8::7 2001:DB8:0:0:0:0:0:1 0 65535\r\n");
  CHECK(header.client == Client::Named);
  CHECK(header.source.to_string() == "[2001:db8::7]:0");
  CHECK(header.destination.to_string() == "[2001:db8::1]:65535");
}

TEST_CASE("a line of version 1 may not know the client, and then says anything") {
  for (const std::string& line :
       {"PROXY UNKNOWN\r\n"s, "PROXY UNKNOWN \r\n"s, "PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n"s,
        "PROXY UNKNOWN \x01\xff what ever\r\n"s, "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n"}) {
    CHECK(parse(line).client == Client::Unnamed);
  }
}

TEST_CASE("a line of version 1 that isn't to the letter is refused") {
  for (const char* line : {
           "PROXY \r\n",
           "PROXY TCP4\r\n",
           "PROXY TCP5 203.0.113.7 192.0.2.1 1 2\r\n",
           "PROXY tcp4 203.0.113.7 192.0.2.1 1 2\r\n",
           "PROXY UNKNOWNS\r\n",
           "PROXY  TCP4 203.0.113.7 192.0.2.1 1 2\r\n",
           "PROXY TCP4  203.0.113.7 192.0.2.1 1 2\r\n",
           "PROXY TCP4 203.0.113.7 192.0.2.1 1 2 \r\n",
           "PROXY TCP4 203.0.113.7 192.0.2.1 1 2 3\r\n",
           "PROXY TCP4 203.0.113.7\t192.0.2.1 1 2\r\n",
           "PROXY TCP4 203.0.113.7 192.0.2.1 1\r\n",
           "PROXY TCP4 203.0.113.7 1 2\r\n",
           "PROXY TCP4 203.0.113.07 192.0.2.1 1 2\r\n",
           "PROXY TCP4 203.0.113 192.0.2.1 1 2\r\n",
           "PROXY TCP4 203.0.113.256 192.0.2.1 1 2\r\n",
           "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
           "PROXY TCP6 203.0.113.7 192.0.2.1 1 2\r\n",
           "PROXY TCP6 2001:db8::7 192.0.2.1 1 2\r\n",
           "PROXY TCP6 [2001:db8::7] 2001:db8::1 1 2\r\n",
           "PROXY TCP4 203.0.113.7 192.0.2.1 65536 2\r\n",
           "PROXY TCP4 203.0.113.7 192.0.2.1 01 2\r\n",
           "PROXY TCP4 203.0.113.7 192.0.2.1 00 2\r\n",
           "PROXY TCP4 203.0.113.7 192.0.2.1 -1 2\r\n",
           "PROXY TCP4 203.0.113.7 192.0.2.1 +1 2\r\n",
           "PROXY TCP4 203.0.113.7 192.0.2.1 1 2\n",
           "PROXY TCP4 203.0.113.7 192.0.2.1 1 2\r\r\n",
           "PROXY TCP4 203.0.113.7 192.0.2.1 1 2\rX",
           "PROXY UNKNOWN\n",
           "PROXY UNKNOWN a\nb\r\n",
           "PROXY UNKNOWN a\rb\r\n",
       }) {
    CHECK(refuse(line) == ProxyFault::LineInvalid);
  }
}

TEST_CASE("a line of version 1 has 107 bytes at the most") {
  CHECK(parse("PROXY UNKNOWN " + std::string(107 - 14 - 2, 'x') + "\r\n").size == 107);
  CHECK(refuse("PROXY UNKNOWN " + std::string(108 - 14 - 2, 'x') + "\r\n") == ProxyFault::LineTooLong);
  CHECK(refuse("PROXY " + std::string(5000, 'x')) == ProxyFault::LineTooLong);
}

TEST_CASE("what doesn't begin with a signature is refused at the first byte that differs") {
  for (const std::string& bytes : {"GET / HTTP/1.1\r\n"s, "\x16\x03\x01"s, "PROXX"s, "proxy TCP4"s, "PROXY\t"s,
                                   "\r\n\r\nGET / HTTP/1.1"s, "\r\n\r\n\0\r\nQUIX"s, "\n"s, "\0"s}) {
    CHECK(refuse(bytes) == ProxyFault::SignatureInvalid);
    const auto before = parse_proxy_header(std::string_view(bytes).substr(0, 0));
    CHECK(bool(before));
  }
  CHECK(!parse_proxy_header("G"));
}

TEST_CASE("a binary header names both ends") {
  ProxyHeader header = parse(binary_header(kSource4, kDestination4));
  CHECK(header.client == Client::Named);
  CHECK(header.source.to_string() == "203.0.113.7:50412");
  CHECK(header.destination.to_string() == "192.0.2.1:443");
  CHECK(header.size == 28);

  header = parse(binary_header(kSource6, kDestination6));
  CHECK(header.source.to_string() == "[2001:db8::7]:50412");
  CHECK(header.destination.to_string() == "[2001:db8::1]:443");
  CHECK(header.size == 52);
}

TEST_CASE("the client of a datagram protocol is one, too") {
  CHECK(parse(binary_header(0x21, 0x12, testing::address_block(kSource4, kDestination4))).client == Client::Named);
}

TEST_CASE("a binary header names Unix sockets") {
  std::string source = "/run/client.sock", destination(108, 'x');
  source.resize(108);
  const ProxyHeader header = parse(binary_header(0x21, 0x31, source + destination));
  CHECK(header.client == Client::Named);
  CHECK(header.source.to_string() == "unix:/run/client.sock");
  CHECK(header.destination.to_string() == "unix:" + std::string(107, 'x'));
  const ProxyHeader unnamed = parse(binary_header(0x21, 0x31, std::string(216, '\0')));
  CHECK(unnamed.client == Client::Named);
  CHECK(unnamed.source.is_unix());
  CHECK(unnamed.source.host().empty());
}

TEST_CASE("a proxy that speaks for itself may say anything else") {
  CHECK(parse(binary_header(0x20, 0x00, "")).client == Client::Proxy);
  CHECK(parse(binary_header(0x20, 0x11, testing::address_block(kSource4, kDestination4))).client == Client::Proxy);
  CHECK(parse(binary_header(0x20, 0xff, "anything")).client == Client::Proxy);
}

TEST_CASE("a client without an address is unnamed") {
  const std::string block = testing::address_block(kSource4, kDestination4);
  CHECK(parse(binary_header(0x21, 0x00, "")).client == Client::Unnamed);
  CHECK(parse(binary_header(0x21, 0x00, extension(4, "padding"))).client == Client::Unnamed);
  CHECK(parse(binary_header(0x21, 0x01, "")).client == Client::Unnamed);
  CHECK(parse(binary_header(0x21, 0x10, block)).client == Client::Unnamed);
}

TEST_CASE("extensions are skipped") {
  const std::string extensions = extension(1, "http/1.1") + extension(2, "example.com") + extension(4, "") +
                                 extension(0x20, std::string("\x01\0\0\0\0", 5)) + extension(0xea, "vpce-1");
  CHECK(parse(binary_header(kSource4, kDestination4, extensions)).size == 28 + extensions.size());
}

TEST_CASE("extensions that don't fit are refused") {
  for (const std::string& extensions : {"\x04"s, "\x04\0"s, "\x04\0\x01"s, extension(4, "ab") + "\x04\0\x02x"s,
                                        extension(3, "abc"), extension(3, "abcde"), extension(3, "")}) {
    CHECK(refuse(binary_header(kSource4, kDestination4, extensions)) == ProxyFault::ExtensionInvalid);
  }
}

TEST_CASE("a checksum is checked") {
  // Computed by another implementation of CRC32c.
  const std::string right = binary_header(kSource4, kDestination4, extension(3, "\x36\xeb\xb7\xb0"s));
  CHECK(parse(right).source.to_string() == "203.0.113.7:50412");
  for (std::size_t i = 16; i < 28; ++i) {
    std::string changed = right;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK(refuse(changed) == ProxyFault::ChecksumWrong);
  }
  CHECK(refuse(binary_header(kSource4, kDestination4, extension(3, "\0\0\0\0"s))) == ProxyFault::ChecksumWrong);
  CHECK(refuse(right.substr(0, 15) + "\x1a" + right.substr(16) + extension(3, "\0\0\0\0"s)) ==
        ProxyFault::ExtensionInvalid);
}

TEST_CASE("a binary header that isn't as specified is refused") {
  const std::string block = testing::address_block(kSource4, kDestination4);
  for (const int command : {0x00, 0x10, 0x11, 0x31, 0xf1}) {
    CHECK(refuse(binary_header(command, 0x11, block)) == ProxyFault::VersionInvalid);
  }
  for (const int command : {0x22, 0x2f}) {
    CHECK(refuse(binary_header(command, 0x11, block)) == ProxyFault::CommandInvalid);
  }
  for (const int family : {0x13, 0x41, 0xf1, 0x0f}) {
    CHECK(refuse(binary_header(0x21, family, block)) == ProxyFault::FamilyInvalid);
  }
  CHECK(refuse(binary_header(0x21, 0x11, block.substr(0, 11))) == ProxyFault::AddressesTooShort);
  CHECK(refuse(binary_header(0x21, 0x21, block)) == ProxyFault::AddressesTooShort);
  CHECK(refuse(binary_header(0x21, 0x31, std::string(215, '\0'))) == ProxyFault::AddressesTooShort);
}

TEST_CASE("a binary header is bounded, also one that is to be skipped") {
  const std::size_t room = kProxyHeaderBytesMax - 28 - 3;
  CHECK(parse(binary_header(kSource4, kDestination4, extension(4, std::string(room, 'x')))).size ==
        kProxyHeaderBytesMax);
  CHECK(refuse(binary_header(kSource4, kDestination4, extension(4, std::string(room + 1, 'x')))) ==
        ProxyFault::HeaderTooLong);
  CHECK(refuse(binary_header(0x20, 0, std::string(65535, 'x')).substr(0, 16)) == ProxyFault::HeaderTooLong);
}

TEST_CASE("every fault of a PROXY header has a sentence of its own") {
  std::set<std::string_view> sentences;
  for (int i = 0; i < kProxyFaultCount; ++i) sentences.insert(sentence(static_cast<ProxyFault>(i)));
  CHECK(!sentences.contains(""));
  CHECK(sentences.size() == kProxyFaultCount);
}

}  // namespace
}  // namespace outrider::net
