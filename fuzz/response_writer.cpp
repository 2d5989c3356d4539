// SPDX-License-Identifier: MIT
// Whatever an application asks for, it is refused or a client reads just that: no field, line or response more.
//
// Input: a byte of context, a status, then counted fields, pieces of content and trailers; each text has its length
// before it.

#include "http1/response_writer.h"

#include <string>

#include "response_checker.h"
#include "support.h"

namespace outrider::fuzz {
namespace {

using http::More;
using http::ResponseFault;

class Conversation {
 public:
  explicit Conversation(Input input) : input_(input) {
    const std::size_t flags = input_.byte();
    context_.is_http11 = (flags & 1) != 0;
    context_.is_head = (flags & 2) != 0;
    context_.keep_alive = (flags & 4) == 0;
    if ((flags & 8) != 0) context_.date = "date: now\r\n";
    if ((flags & 16) != 0) context_.server = "server: outrider\r\n";
    expects_trailers_ = (flags & 32) != 0;
    has_informational_ = (flags & 64) != 0;
  }

  void run() {
    if (expects_trailers_) writer_.expect_trailers();
    if (has_informational_) send_informational();
    if (!begin()) return;
    const bool is_complete = send_content();
    check_output(is_complete);
  }

 private:
  // The same fields as the response, before it.
  void send_informational() {
    check(writer_.begin(103) == ResponseFault::None, "early hints can be begun");
    add_field("x-hint", input_.text());
    writer_.end_informational(out_);
    asked_.clear();
  }

  bool begin() {
    const int status = static_cast<int>(input_.byte() << 8 | input_.byte());
    const ResponseFault fault = writer_.begin(status);
    const bool is_status = status >= 100 && status <= 999 && status != 101;
    check((fault == ResponseFault::None) == is_status, "a status is accepted if it is one");
    if (!is_status) return false;
    status_ = status;
    for (std::size_t i = input_.byte() % 16; i > 0; --i) {
      const std::string_view name = input_.text();
      add_field(name, input_.text());
    }
    if (status >= 200) return true;
    writer_.end_informational(out_);
    std::string_view bytes = out_.view();
    if (has_informational_) check(take_response(bytes, false).has_value(), "early hints are complete");
    check_fields(take_response(bytes, false).value(), /*adds=*/false);
    check(bytes.empty(), "nothing follows an informational response");
    return false;
  }

  void add_field(std::string_view name, std::string_view value) {
    const ResponseFault fault = writer_.add_field(name, value);
    const bool is_field = ascii::is_token(name) && is_field_text(value);
    if (!is_field) check(fault != ResponseFault::None, "what is no field is refused");
    if (fault != ResponseFault::None) return;
    for (const std::string_view own : {"connection", "keep-alive", "content-length", "transfer-encoding"}) {
      if (ascii::equals_ignore_case(name, own)) return;  // comes out as the server decides
    }
    asked_.emplace_back(name, value);
  }

  // False when it was refused on the way: an exchange is then answered otherwise, or cut.
  bool send_content() {
    const std::size_t pieces = input_.byte() % 8 + 1;
    for (std::size_t i = 0; i < pieces; ++i) {
      const std::string_view piece = input_.text();
      const std::size_t before = out_.size();
      const http1::ResponseWriter::Frame frame =
          writer_.frame_content(piece.size(), i + 1 == pieces ? More::No : More::Yes, context_, out_);
      if (frame.fault != ResponseFault::None) {
        check(out_.size() == before, "nothing is written of what is refused");
        return !writer_.has_sent_head() && replace();
      }
      if (frame.sends_content) out_.append(piece);
      out_.append(frame.suffix);
      content_.append(piece);
      if (i == 0) context_ = http1::ResponseContext{true, context_.is_head, true, {}, {}};
    }
    if (writer_.has_trailers()) send_trailers();
    return true;
  }

  // What the faces do with a response that can't be sent.
  bool replace() {
    writer_.drop_head();
    asked_.clear();
    content_ = "no";
    status_ = 500;
    expects_trailers_ = false;
    check(writer_.begin(500) == ResponseFault::None, "another head can be begun");
    const http1::ResponseWriter::Frame frame = writer_.frame_content(2, More::No, context_, out_);
    check(frame.fault == ResponseFault::None && frame.suffix.empty(), "another response can be sent");
    if (frame.sends_content) out_.append(content_);
    return true;
  }

  void send_trailers() {
    for (std::size_t i = input_.byte() % 8; i > 0; --i) {
      const std::string_view name = input_.text();
      const std::string_view value = input_.text();
      const bool is_taken = writer_.add_trailer(name, value, out_) == ResponseFault::None;
      check(!is_taken || (ascii::is_token(name) && is_field_text(value)), "what is no field is refused as a trailer");
      if (is_taken) trailers_.emplace_back(name, value);
    }
    writer_.end_trailers(out_);
  }

  void check_output(bool is_complete) {
    std::string_view bytes = out_.view();
    if (has_informational_) {
      check(take_response(bytes, false).value().status == 103, "early hints come first");
    }
    const std::optional<Response> response = take_response(bytes, context_.is_head);
    if (!is_complete) return;  // a cut is seen by the client; that what left was no nonsense is all that counts
    check(response.has_value() && bytes.empty(), "one response leaves");
    check(response->status == status_, "its status is the one that was asked for");
    check_fields(*response, /*adds=*/true);
    check(response->says_close == !writer_.keeps_alive(), "a close is told");
    const bool has_content = !context_.is_head && status_ != 204 && status_ != 205 && status_ != 304;
    check(response->content == (has_content ? content_ : ""), "its content is the application's");
    if (response->count("transfer-encoding") == 1 && has_content) {
      check(response->trailers == trailers_, "its trailers are the application's");
    }
  }

  // The application's fields, in order and as they were, and then only those of the server.
  void check_fields(const Response& response, bool adds) {
    check(response.fields.size() >= asked_.size(), "no field is missing");
    for (std::size_t i = 0; i < asked_.size(); ++i) check(response.fields[i] == asked_[i], "a field is as it was");
    check(adds || response.fields.size() == asked_.size(), "nothing is added");
    for (std::size_t i = asked_.size(); i < response.fields.size(); ++i) {
      const std::string& name = response.fields[i].first;
      const bool is_own = name == "date" || name == "server" || name == "content-length" ||
                          name == "transfer-encoding" || name == "connection";
      check(is_own, "only the server's own fields are added");
    }
  }

  Input input_;
  http1::ResponseContext context_;
  bool expects_trailers_ = false;
  bool has_informational_ = false;
  http1::ResponseWriter writer_;
  Buffer out_;
  int status_ = 0;
  std::vector<std::pair<std::string, std::string>> asked_;
  std::string content_;
  std::vector<std::pair<std::string, std::string>> trailers_;
};

}  // namespace
}  // namespace outrider::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  outrider::fuzz::Conversation(outrider::fuzz::Input(data, size)).run();
  return 0;
}
