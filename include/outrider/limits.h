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
  /// Open connections of the whole server; above, new ones are closed at once. 0: as many as the system has
  /// descriptors.
  std::size_t connections_max = 0;
  /// Open connections from one IPv4 address, or one IPv6 network of 64 bits, which is what a single customer has;
  /// above, new ones are closed at once. Behind a proxy all connections come from its address, hence 0: no limit.
  /// Those over Unix sockets have no address and aren't counted, nor are those of Config::trusted_proxies that are
  /// named by address or network.
  std::size_t connections_per_address_max = 0;
  /// Requests that are being answered at the same time by the whole server; above, further ones are answered 503
  /// with Retry-After, so that those that are taken are answered in time. 0: no limit, because only the application
  /// knows how much it can do at once.
  std::size_t exchanges_max = 0;
  /// Exchanges on one connection, after which it is closed. 0: no limit.
  std::size_t exchanges_per_connection_max = 0;

  /// TLS handshakes of the whole server that are under way at the same time; above, connections wait in the order in
  /// which they came, as long as tls_handshake_timeout allows. Each holds some 50 KiB, and asks for a millisecond of
  /// computation. 0: no limit.
  std::size_t tls_handshakes_max = 1000;

  /// From a request's first byte to the end of its head; then 408. Against clients that send a byte a minute.
  std::chrono::milliseconds head_timeout = std::chrono::seconds(30);
  /// How long the application waits for a request body until it is judged whether enough came meanwhile
  /// (body_rate_min, and at least a byte); if not, 408. Then the next such time begins.
  std::chrono::milliseconds body_timeout = std::chrono::seconds(30);
  /// Bytes per second of a request body that a peer must send while the application waits for it, on average over
  /// body_timeout. Far below the slowest modem's, and far above that of clients that send a byte a second to hold a
  /// connection. 0: a byte in body_timeout is enough.
  std::size_t body_rate_min = 240;
  /// From a TLS connection's beginning to the end of its handshake, the wait for tls_handshakes_max included; then it
  /// is closed. Two round trips are a second even by satellite; the rest is for a packet that is lost twice.
  std::chrono::milliseconds tls_handshake_timeout = std::chrono::seconds(10);
  /// Without a request on an open connection; then it is closed. Above the 60 s of common load balancers, so that
  /// they close first and no request is lost to the race.
  std::chrono::milliseconds keep_alive_timeout = std::chrono::seconds(75);
  /// Without the peer taking a byte of a response; then the connection is reset.
  std::chrono::milliseconds write_timeout = std::chrono::seconds(30);
  /// From a request's first byte until its response is complete; then the handler is cancelled and the client
  /// answered 408, or 503 when the request was complete; a response that has begun is cut off. 0: no limit, because
  /// downloads and event streams take as long as they take.
  std::chrono::milliseconds request_timeout{0};
  /// For the peer to close its side after we closed ours; then the connection is closed anyway. One that goes on
  /// sending has 15 times that in all.
  std::chrono::milliseconds linger_timeout = std::chrono::seconds(2);

  /// Bytes of a WebSocket message, after decompression; more closes the connection with 1009.
  std::size_t websocket_message_bytes_max = 16 * 1024 * 1024;
  /// Bytes of the payload of a WebSocket frame; more closes the connection with 1009. 0: as many as a message.
  std::size_t websocket_frame_bytes_max = 0;
  /// WebSocket messages that wait for the application; reading stops above. The first one always may, however large.
  std::size_t websocket_queue_max = 32;
  /// Bytes of WebSocket messages that wait for the application; reading stops above.
  std::size_t websocket_queue_bytes_max = 256 * 1024;
  /// Between two pings to a WebSocket's peer, so that one that has gone is found and proxies keep the connection. 0:
  /// none are sent.
  std::chrono::milliseconds websocket_ping_interval = std::chrono::seconds(20);
  /// For the peer to answer a ping; then the connection is closed, the application is told 1011. 0: no limit.
  std::chrono::milliseconds websocket_ping_timeout = std::chrono::seconds(20);
  /// For the peer to answer a WebSocket's close frame; then the connection is closed without. And for the application
  /// to take the messages that came before the peer's own close frame; then that is answered without. 0: no limit.
  std::chrono::milliseconds websocket_close_timeout = std::chrono::seconds(10);
};

}  // namespace outrider
