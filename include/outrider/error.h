// SPDX-License-Identifier: MIT
#pragma once

// What a set-up call throws when the world (not the peer, not the application) stands in the way.

#include <stdexcept>
#include <string>

namespace outrider {

enum class ErrorKind {
  Address,   ///< the host, port or path can't be understood or resolved
  Bind,      ///< the address can't be bound or listened on (taken, not allowed, not of this machine)
  Resource,  ///< the operating system is out of something (descriptors, memory, threads)
  Option,    ///< an option has a value that can't be used
  Tls,       ///< a certificate, a key or another setting of TLS can't be used
  State,     ///< the call doesn't fit the server's state
};

/// Thrown by set-up calls: serve(), run(), Server. what() says what was being done, with which value, why it
/// failed, and where possible what to try. Value type; any thread.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message, int code = 0);

  ErrorKind kind() const { return kind_; }
  /// The operating system's error number (errno), or 0 when there is none.
  int code() const { return code_; }

 private:
  ErrorKind kind_;
  int code_;
};

}  // namespace outrider
