// SPDX-License-Identifier: MIT
#include "http/request_id.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "outrider/error.h"

namespace outrider::http {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

RequestHead head_with(const Fields& fields) {
  RequestHead head;
  const auto put = [&](const std::string& text) {
    const Span span{static_cast<uint32_t>(head.storage().size()), static_cast<uint32_t>(text.size())};
    head.storage().append(text);
    return span;
  };
  for (const auto& [name, value] : fields) {
    const Span placed = put(name);
    head.layout().fields.push_back({placed, put(value)});
  }
  return head;
}

Fields fields_of(const RequestHead& head) {
  Fields fields;
  for (std::size_t i = 0; i < head.field_count(); ++i) fields.emplace_back(head.field(i).name, head.field(i).value);
  return fields;
}

// The id that a request with these ids gets.
std::string assigned(bool trusts_peer, const std::vector<std::string>& ids) {
  Fields fields{{"host", "a"}};
  for (const std::string& id : ids) fields.emplace_back("x-request-id", id);
  fields.emplace_back("accept", "*/*");
  RequestHead head = head_with(fields);
  RequestIds("X-Request-ID", trusts_peer).assign(head);
  CHECK(head.field_count() == 3);  // one of that name, the others untouched
  CHECK(head.find("host") == "a");
  CHECK(head.find("accept") == "*/*");
  return std::string(head.find("x-request-id"));
}

TEST_CASE("an id is a UUID of version 7, and no two are the same") {
  RequestIds ids("x-request-id", false);
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    RequestHead head;
    ids.assign(head);
    const std::string id(head.find("x-request-id"));
    REQUIRE(id.size() == 36);
    for (std::size_t at = 0; at < id.size(); ++at) {
      const bool is_hyphen = at == 8 || at == 13 || at == 18 || at == 23;
      CHECK((id[at] == '-') == is_hyphen);
      if (!is_hyphen) CHECK(std::string("0123456789abcdef").find(id[at]) != std::string::npos);
    }
    CHECK(id[14] == '7');
    CHECK(std::string("89ab").find(id[19]) != std::string::npos);
    CHECK(is_valid_request_id(id));
    CHECK(seen.insert(id).second);
  }
  // The time comes first: two servers' ids sort by it, and differ behind it.
  RequestHead other;
  RequestIds("x-request-id", false).assign(other);
  CHECK(std::string(other.find("x-request-id")).substr(0, 7) >= seen.begin()->substr(0, 7));
}

TEST_CASE("what a peer sent under the id's name is replaced unless it is to be trusted") {
  CHECK(assigned(false, {}).size() == 36);
  CHECK(assigned(false, {"mine"}).size() == 36);
  CHECK(assigned(true, {"mine"}) == "mine");
  CHECK(assigned(true, {}).size() == 36);
  CHECK(assigned(true, {"one", "two"}).size() == 36);
}

TEST_CASE("a trusted id that isn't a valid one is replaced") {
  const std::string longest(128, 'x');
  CHECK(assigned(true, {longest}) == longest);
  CHECK(assigned(true, {"Root=1-67891233-abcdef012345678912345678;a/b+c:d@e._~"}) ==
        "Root=1-67891233-abcdef012345678912345678;a/b+c:d@e._~");
  for (const std::string& bad : {std::string(), longest + "x", std::string("a b"), std::string("a\"b"),
                                 std::string("a\tb"), std::string("\xc3\xa9"), std::string("a,b")}) {
    CHECK(assigned(true, {bad}) != bad);
  }
}

TEST_CASE("the option must be the name of a header field that is nobody's") {
  CHECK(request_id_field("X-Request-ID") == "x-request-id");
  CHECK_THROWS_WITH_AS(request_id_field("x id"),
                       "request_id is 'x id', which is not the name of a header field: try x-request-id", Error);
  CHECK_THROWS_AS(request_id_field(""), Error);
  CHECK_THROWS_WITH_AS(request_id_field("Host"),
                       "request_id is 'Host', which has a meaning of its own: try x-request-id", Error);
  CHECK_THROWS_AS(request_id_field("content-length"), Error);
}

TEST_CASE("replacing a field leaves the others in their order") {
  RequestHead head = head_with({{"a", "1"}, {"b", "2"}, {"a", "3"}, {"c", "4"}});
  head.replace("a", "5");
  CHECK(fields_of(head) == Fields{{"b", "2"}, {"c", "4"}, {"a", "5"}});
  head.replace("d", "");
  CHECK(fields_of(head) == Fields{{"b", "2"}, {"c", "4"}, {"a", "5"}, {"d", ""}});
}

}  // namespace
}  // namespace outrider::http
