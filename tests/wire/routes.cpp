// SPDX-License-Identifier: MIT
#include "routes.h"

#include <string>

namespace outrider::testing {
namespace {

using http::More;

void hello(Recorded& exchange) { exchange.respond(200, "hello\n", {{"content-type", "text/plain"}}); }

// What came, as text.
void about(Recorded& exchange) {
  exchange.on_complete = [](Recorded& done) {
    std::string text = done.method + " " + done.target + " 1." + std::to_string(done.minor_version) + " " + done.body;
    for (const auto& [name, value] : done.trailers)
      text.append(" [").append(name).append("|").append(value).append("]");
    done.respond(200, text);
  };
  exchange.read();
}

void echo(Recorded& exchange) {
  exchange.on_complete = [](Recorded& done) { done.respond(200, done.body); };
  exchange.read();
}

// The response begins before the body is there, and has a length that the request gave.
void echo_stream(Recorded& exchange) {
  exchange.begin(200, {{"content-length", exchange.query}});
  exchange.on_piece = [sent = std::size_t{0}](Recorded& going) mutable {
    const std::string_view piece = std::string_view(going.body).substr(sent);
    sent = going.body.size();
    going.write(piece, going.is_body_complete ? More::No : More::Yes);
  };
  exchange.read();
}

void pieces(Recorded& exchange) {
  exchange.begin(200);
  exchange.write("one", More::Yes);
  exchange.write("", More::Yes);
  exchange.write("twotwo", More::Yes);
  exchange.write("", More::No);
}

void hints(Recorded& exchange) {
  exchange.begin(103, {{"link", "</style.css>"}});
  exchange.exchange().end_informational();
  hello(exchange);
}

void trailers(Recorded& exchange) {
  exchange.begin(200);
  exchange.expect_trailers();
  exchange.write("abc", More::No);
  exchange.exchange().add_trailer("x-sum", "6");
  exchange.end_trailers();
}

}  // namespace

void add_routes(RecordingApplication& application) {
  application.route("/hello", hello);
  application.route("*", hello);
  application.route("/about", about);
  application.route("/echo", echo);
  application.route("/echo-stream", echo_stream);
  application.route("/pieces", pieces);
  application.route("/hints", hints);
  application.route("/trailers", trailers);
  application.route("/empty", [](Recorded& exchange) { exchange.respond(204, ""); });
  application.route("/not-modified", [](Recorded& exchange) {
    exchange.respond(304, "", {{"content-length", "9"}});
  });
  application.route("/close", [](Recorded& exchange) { exchange.respond(200, "bye", {{"connection", "close"}}); });
  application.route("/large", [](Recorded& exchange) { exchange.respond(200, std::string(200'000, 'L')); });
}

}  // namespace outrider::testing
