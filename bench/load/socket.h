// SPDX-License-Identifier: MIT
#pragma once
// The few socket calls that the bench programs share. All of them are for loopback only.

namespace bench {

// A connected, blocking socket with TCP_NODELAY, or -1 with errno set. `source_host` is the last part of the source
// address 127.0.0.x: one address has about 28,000 ports to a given destination.
int connect_loopback(int port, int source_host = 1);

// A listening, non-blocking socket, or -1 with errno set.
int listen_loopback(int port);

void set_nonblocking(int fd);
void set_nodelay(int fd);

}  // namespace bench
