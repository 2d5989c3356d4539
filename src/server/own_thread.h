// SPDX-License-Identifier: MIT
#pragma once

// Which server the calling thread belongs to, so that what would make a thread wait for its own end can be told from
// outside calls. Threads that a server's thread starts for its server pass it on (app/offload_pool.cpp).

namespace outrider::server {

/// Null on threads that aren't a server's. Only compared, never followed.
inline thread_local const void* current_server = nullptr;

}  // namespace outrider::server
