// SPDX-License-Identifier: MIT
#pragma once

// In a forked child the servers' threads don't exist, but their descriptors do: as long as the child lives, the
// parent's clients would see connections that never close, and nobody could bind its ports. So each server becomes a
// stopped one there, and its sockets are closed.
//
// Thread: any.

#include <string>
#include <vector>

namespace outrider::server {

class ServerState;

/// From now on, until forget_fork(), `server` is abandoned in forked children (ServerState::abandon()).
void watch_fork(ServerState& server);
void forget_fork(ServerState& server);

/// Closes all sockets of this process that have one of these local addresses (net::Address::to_string()): listeners
/// and accepted connections.
void close_sockets_at(const std::vector<std::string>& addresses);

}  // namespace outrider::server
