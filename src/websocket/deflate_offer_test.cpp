// SPDX-License-Identifier: MIT
#include "websocket/deflate_offer.h"

#include <doctest/doctest.h>

#include <string>

namespace outrider::websocket {
namespace {

WebSocketDeflate with_bits(int server, int client) {
  WebSocketDeflate config;
  config.server_max_window_bits = server;
  config.client_max_window_bits = client;
  return config;
}

// What the server answers to that field; "none" when it takes no offer, "malformed" when the field is no list.
std::string answer(const std::string& value, const WebSocketDeflate& config = with_bits(15, 15)) {
  std::vector<DeflateOffer> offers;
  if (!read_deflate_offers(value, offers)) return "malformed";
  const auto agreement = agree(config, offers);
  return agreement ? agreement->field : "none";
}

std::string answer_to(const std::string& parameters, const WebSocketDeflate& config = with_bits(15, 15)) {
  const std::string name = "permessage-deflate";
  const std::string field = answer(name + "; " + parameters, config);
  return field.rfind(name, 0) == 0 ? field.substr(name.size()) : field;
}

TEST_CASE("an offer without parameters is taken as the server is set up") {
  CHECK(answer("permessage-deflate") == "permessage-deflate");
  CHECK(answer("permessage-deflate", with_bits(12, 12)) == "permessage-deflate; server_max_window_bits=12");
  WebSocketDeflate config = with_bits(15, 15);
  config.server_no_context_takeover = config.client_no_context_takeover = true;
  CHECK(answer("permessage-deflate", config) ==
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
  config.is_enabled = false;
  CHECK(answer("permessage-deflate", config) == "none");
}

TEST_CASE("the context takeover parameters are answered when they are offered") {
  CHECK(answer_to("server_no_context_takeover") == "; server_no_context_takeover");
  CHECK(answer_to("client_no_context_takeover") == "; client_no_context_takeover");
  CHECK(answer_to("server_no_context_takeover=1") == "none");
  CHECK(answer_to("client_no_context_takeover=\"\"") == "malformed");
  CHECK(answer_to("server_no_context_takeover; server_no_context_takeover") == "none");
}

TEST_CASE("the server's window is the smaller of what both want") {
  for (int offered = 9; offered <= 15; ++offered) {
    for (int own = 9; own <= 15; ++own) {
      const int bits = std::min(offered, own);
      const std::string expected = bits == 15 ? "" : "; server_max_window_bits=" + std::to_string(bits);
      CHECK(answer_to("server_max_window_bits=" + std::to_string(offered), with_bits(own, 15)) == expected);
    }
  }
  CHECK(answer_to("server_max_window_bits=8") == "none");  // zlib can't
  for (const std::string value : {"7", "16", "010", "09", "0", "-9", "1", "abc", "100"}) {
    CHECK(answer_to("server_max_window_bits=" + value) == "none");
  }
  CHECK(answer_to("server_max_window_bits") == "none");
  CHECK(answer_to("server_max_window_bits=") == "malformed");
  CHECK(answer_to("server_max_window_bits=10; server_max_window_bits=10") == "none");
}

TEST_CASE("the client's window is limited only when the client offers that") {
  CHECK(answer("permessage-deflate", with_bits(15, 10)) == "permessage-deflate");
  CHECK(answer_to("client_max_window_bits", with_bits(15, 10)) == "; client_max_window_bits=10");
  CHECK(answer_to("client_max_window_bits") == "");
  for (int offered = 8; offered <= 15; ++offered) {
    const int bits = std::min(offered, 12);
    CHECK(answer_to("client_max_window_bits=" + std::to_string(offered), with_bits(15, 12)) ==
          "; client_max_window_bits=" + std::to_string(bits));
  }
  for (const std::string value : {"7", "16", "08", "x"}) {
    CHECK(answer_to("client_max_window_bits=" + value) == "none");
  }
  CHECK(answer_to("client_max_window_bits; client_max_window_bits=10") == "none");
}

TEST_CASE("an offer that can't be taken is declined, and the next one looked at") {
  CHECK(answer("permessage-deflate; x=1, permessage-deflate; server_max_window_bits=8, "
               "permessage-deflate; client_no_context_takeover, permessage-deflate") ==
        "permessage-deflate; client_no_context_takeover");
  CHECK(answer("x-webkit-deflate-frame, permessage-bzip2") == "none");
  CHECK(answer("") == "none");
  CHECK(answer(" , ,permessage-deflate, ") == "permessage-deflate");
}

TEST_CASE("values may be quoted, and space is let be") {
  CHECK(answer_to("server_max_window_bits=\"10\"") == "; server_max_window_bits=10");
  CHECK(answer_to("server_max_window_bits=\"1\\0\"") == "; server_max_window_bits=10");
  CHECK(answer("permessage-deflate \t;\tserver_max_window_bits = 10 , x") ==
        "permessage-deflate; server_max_window_bits=10");
  CHECK(answer("x; a=\"b\\\"\"") == "malformed");  // what is quoted must be a token
}

TEST_CASE("what isn't a list of extensions is told") {
  for (const std::string value : {";", "=", "a b", "a; b c", "a;", "a; b=", "a; b=\"c", "a; b=\"c\\", "a; \"b\"",
                                  "permessage-deflate server_max_window_bits", "a/b", "a; b=c=d"}) {
    CHECK(answer(value) == "malformed");
  }
}

}  // namespace
}  // namespace outrider::websocket
