// SPDX-License-Identifier: MIT
#include "http/request_head.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

namespace outrider::http {
namespace {

RequestHead make(const std::string& bytes) {
  RequestHead head;
  head.storage().append(bytes);
  head.layout().method = {0, 3};
  head.layout().fields.push_back({{3, 1}, {4, 1}});
  head.layout().fields.push_back({{3, 1}, {5, 1}});
  return head;
}

TEST_CASE("a head shows the parts that a parser marked") {
  const RequestHead head = make("GETx12");
  CHECK(head.method() == "GET");
  CHECK(head.field_count() == 2);
  CHECK(head.field(1).name == "x");
  CHECK(head.field(1).value == "2");
  CHECK(head.find("x") == "1");  // the first
  CHECK(head.find("y").data() == nullptr);
  CHECK(head.query().empty());
}

TEST_CASE("a recycled head is empty and gives large storage back") {
  RequestHead head = make("GETx12" + std::string(100'000, 'x'));
  head.layout().minor_version = 0;
  head.layout().wants_keep_alive = false;
  head.layout().expects_continue = true;
  head.layout().body_framing = BodyFraming::Chunked;
  head.recycle();
  CHECK(head.field_count() == 0);
  CHECK(head.method().empty());
  CHECK(head.minor_version() == 1);
  CHECK(head.wants_keep_alive());
  CHECK(!head.expects_continue());
  CHECK(head.body_framing() == BodyFraming::None);
  CHECK(head.storage().capacity() == 0);
}

TEST_CASE("a head that is moved takes its views along") {
  RequestHead head = make("GETx12");
  const std::string_view method = head.method();
  const RequestHead moved = std::move(head);
  CHECK(moved.method().data() == method.data());
  CHECK(moved.find("x") == "1");
}

}  // namespace
}  // namespace outrider::http
