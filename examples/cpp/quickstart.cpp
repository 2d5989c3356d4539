// SPDX-License-Identifier: MIT
// A server beside a program: start it, know its URL, use it, stop it.

#include <outrider/outrider.h>

#include <iostream>
#include <string>

#include "client.h"

int main() {
  outrider::App app;
  app.get("/", [] { return "hello"; });
  app.get("/items/{id}", [](int id) { return "item " + std::to_string(id); });

  auto server = outrider::serve(app);  // accepts connections from here on, or throws outrider::Error
  std::cout << server.url() << "\n";   // http://127.0.0.1:41873

  std::cout << client::get(server.port(), "/items/3").body << "\n";

  outrider::StopReport report = server.stop();  // its threads have ended, its port is free
  std::cout << report.to_string() << "\n";      // stopped in 0.3 ms: 0 completed, 0 disconnected, …
}
