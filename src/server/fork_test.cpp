// SPDX-License-Identifier: MIT

// What a forked child has of its parent's servers.

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "outrider/outrider.h"
#include "testing/blocking_client.h"
#include "testing/hello_app.h"

namespace outrider {
namespace {

using testing::answers;
using testing::BlockingClient;
using testing::hello_app;

TEST_CASE("in a forked child a server is a stopped one, and the parent's goes on") {
  std::optional<Server> server = serve(hello_app(), {.threads = 2});
  const uint16_t port = server->port();
  BlockingClient idle(port);
  idle.get("/");
  CHECK(idle.read_until("hello"));
  int to_child[2];
  REQUIRE(::pipe(to_child) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(to_child[1]);
    bool is_stopped = !server->is_running() && server->stop().aborted == 0;
    try {
      server->quiesce();
      is_stopped = false;
    } catch (const Error&) {
    }
    server.reset();
    char until_the_parent_says_so;
    [[maybe_unused]] const auto count = ::read(to_child[0], &until_the_parent_says_so, 1);
    ::_exit(is_stopped ? 7 : 1);
  }
  CHECK(answers(port));
  server->stop();
  CHECK(idle.read_to_end());  // the child's copy doesn't keep the connection
  CHECK_NOTHROW(serve(hello_app(), {.port = port}).stop());
  ::close(to_child[0]);
  ::close(to_child[1]);
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 7));
}

}  // namespace
}  // namespace outrider
