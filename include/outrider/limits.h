// SPDX-License-Identifier: MIT
#pragma once

// How much a peer may ask for and how long it may take. Every limit has a name, a default and a reason; 0 means
// "no limit" where a field says so, and for times.

#include <chrono>
#include <cstddef>

namespace outrider {

struct Limits {
  /// Bytes of the request line without its line ending; more is answered 414. RFC 9112 §3 asks for at least 8000;
  /// 16 KiB is what browsers and proxies still send.
  std::size_t request_line_bytes_max = 16 * 1024;
  /// Bytes of a whole request head, and of a trailer section; more is answered 431. Larger than nginx's and
  /// node's defaults, so that cookies which pass those pass here.
  std::size_t head_bytes_max = 64 * 1024;
  /// Header fields of a request, and of a trailer section; more is answered 431.
  std::size_t header_count_max = 128;
  /// Bytes of a request body, chunked or not; more is answered 413. 0: no limit, because only the application
  /// knows what it wants to be sent; back-pressure bounds the memory.
  std::size_t body_bytes_max = 0;
  /// Bytes of a request body that wait in memory for the application; reading stops above.
  std::size_t body_buffer_bytes_max = 256 * 1024;
  /// Bytes of responses that wait for the peer; above, writers are suspended and no further request is begun.
  std::size_t write_buffer_bytes_max = 256 * 1024;
  /// Bytes of further (pipelined) requests that wait while one is being answered; reading stops above.
  std::size_t pipeline_bytes_max = 64 * 1024;
  /// Open connections; above, new ones are closed at once. 0: as many as the system has descriptors.
  std::size_t connections_max = 0;
  /// Exchanges on one connection, after which it is closed. 0: no limit.
  std::size_t exchanges_per_connection_max = 0;

  /// From a request's first byte to the end of its head; then 408. Against clients that send a byte a minute.
  std::chrono::milliseconds head_timeout = std::chrono::seconds(30);
  /// Without a byte of a request body that the application waits for; then 408.
  std::chrono::milliseconds body_timeout = std::chrono::seconds(30);
  /// Without a request on an open connection; then it is closed. Above the 60 s of common load balancers, so that
  /// they close first and no request is lost to the race.
  std::chrono::milliseconds keep_alive_timeout = std::chrono::seconds(75);
  /// Without the peer taking a byte of a response; then the connection is reset.
  std::chrono::milliseconds write_timeout = std::chrono::seconds(30);
  /// For the peer to close its side after we closed ours; then the connection is closed anyway.
  std::chrono::milliseconds linger_timeout = std::chrono::seconds(2);
};

}  // namespace outrider
