// SPDX-License-Identifier: MIT
#include "http1/default_fields.h"

#include <doctest/doctest.h>

#include <string>

namespace outrider::http1 {
namespace {

using http::ResponseFault;

std::string completed(const DefaultFields& fields, std::string_view head) {
  Buffer buffer;
  buffer.append(head);
  fields.complete(buffer);
  return std::string(buffer.view());
}

TEST_CASE("default fields are added where the application set none of that name") {
  DefaultFields fields;
  CHECK(fields.is_empty());
  CHECK(fields.add("X-Frame-Options", "DENY") == ResponseFault::None);
  CHECK(fields.add("via", "") == ResponseFault::None);
  CHECK(completed(fields, "HTTP/1.1 200 OK\r\n") == "HTTP/1.1 200 OK\r\nX-Frame-Options: DENY\r\nvia: \r\n");
  CHECK(completed(fields, "HTTP/1.1 200 OK\r\na: b\r\nx-frame-OPTIONS: SAMEORIGIN\r\n") ==
        "HTTP/1.1 200 OK\r\na: b\r\nx-frame-OPTIONS: SAMEORIGIN\r\nvia: \r\n");
  CHECK(completed(fields, "HTTP/1.1 200 OK\r\nvia: 1.1 a\r\nX-Frame-Options: a\r\n") ==
        "HTTP/1.1 200 OK\r\nvia: 1.1 a\r\nX-Frame-Options: a\r\n");
}

TEST_CASE("a name that only begins or ends like a default field's isn't it") {
  DefaultFields fields;
  fields.add("link", "x");
  CHECK(completed(fields, "HTTP/1.1 200 OK\r\nlinks: a\r\nx-link: b\r\na: link:\r\n").ends_with("link: x\r\n"));
}

TEST_CASE("a default field may occur twice, and is then sent twice") {
  DefaultFields fields;
  fields.add("link", "a");
  fields.add("Link", "b");
  CHECK(completed(fields, "HTTP/1.1 200 OK\r\n") == "HTTP/1.1 200 OK\r\nlink: a\r\nLink: b\r\n");
  CHECK(fields.has("LINK"));
  CHECK(!fields.has("lin"));
}

TEST_CASE("default fields that no response could have are refused") {
  DefaultFields fields;
  CHECK(fields.add("", "x") == ResponseFault::FieldNameInvalid);
  CHECK(fields.add("a b", "x") == ResponseFault::FieldNameInvalid);
  CHECK(fields.add("a", "x\r\ny: z") == ResponseFault::FieldValueInvalid);
  for (const char* name : {"Connection", "content-length", "Keep-Alive", "Trailer", "Transfer-Encoding", "upgrade"}) {
    CHECK(fields.add(name, "x") == ResponseFault::FieldForbidden);
  }
  CHECK(fields.is_empty());
}

}  // namespace
}  // namespace outrider::http1
