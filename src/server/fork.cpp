// SPDX-License-Identifier: MIT
#include "server/fork.h"

#include <dirent.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "net/address.h"
#include "server/server_state.h"

namespace outrider::server {
namespace {

struct Registry {
  std::mutex mutex;
  std::vector<ServerState*> servers;
};

// Never destroyed: a server in static storage may outlive anything.
Registry& registry() {
  static auto* const instance = new Registry;
  return *instance;
}

void before_fork() { registry().mutex.lock(); }
void after_fork() { registry().mutex.unlock(); }

void after_fork_in_child() {
  std::vector<ServerState*> servers;
  servers.swap(registry().servers);
  registry().mutex.unlock();
  for (ServerState* server : servers) server->abandon();
}

// "0.0.0.0:8000" is where the connections to 127.0.0.1:8000 come in.
bool is_at(const net::Address& address, const std::string& bound) {
  if (address.to_string() == bound) return true;
  const std::string port = ":" + std::to_string(address.port());
  return !address.is_unix() && (bound == "0.0.0.0" + port || bound == "[::]" + port);
}

}  // namespace

void watch_fork(ServerState& server) {
  static std::once_flag once;
  std::call_once(once, [] { ::pthread_atfork(&before_fork, &after_fork, &after_fork_in_child); });
  const std::lock_guard lock(registry().mutex);
  registry().servers.push_back(&server);
}

void forget_fork(ServerState& server) {
  const std::lock_guard lock(registry().mutex);
  std::erase(registry().servers, &server);
}

void close_sockets_at(const std::vector<std::string>& addresses) {
  DIR* const folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return;
  std::vector<int> found;
  while (const dirent* entry = ::readdir(folder)) {
    const int fd = std::atoi(entry->d_name);  // "." and ".." are 0, which is asked like the others
    const net::Address address = net::Address::of_socket(fd);
    const auto matches = [&](const std::string& bound) { return is_at(address, bound); };
    if (std::any_of(addresses.begin(), addresses.end(), matches)) found.push_back(fd);
  }
  ::closedir(folder);
  for (const int fd : found) ::close(fd);
}

}  // namespace outrider::server
