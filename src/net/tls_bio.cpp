// SPDX-License-Identifier: MIT
#include "net/tls_bio.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace outrider::net {
namespace {

TlsBytes& bytes_of(BIO* bio) { return *static_cast<TlsBytes*>(BIO_get_data(bio)); }

int read_cb(BIO* bio, char* to, int size) noexcept {
  TlsBytes& bytes = bytes_of(bio);
  BIO_clear_retry_flags(bio);
  const std::size_t count = std::min(bytes.input.size(), static_cast<std::size_t>(size));
  if (count == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  std::memcpy(to, bytes.input.data(), count);
  bytes.input.remove_prefix(count);
  return static_cast<int>(count);
}

int write_cb(BIO* bio, const char* from, int size) noexcept {
  try {
    bytes_of(bio).output->append({from, static_cast<std::size_t>(size)});
    return size;
  } catch (const std::bad_alloc&) {
    return -1;
  }
}

long control_cb(BIO*, int command, long, void*) noexcept { return command == BIO_CTRL_FLUSH ? 1 : 0; }

// One for the process, never freed.
BIO_METHOD* method() {
  static BIO_METHOD* const made = [] {
    BIO_METHOD* one = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "outrider");
    if (one == nullptr) return one;
    BIO_meth_set_read(one, &read_cb);
    BIO_meth_set_write(one, &write_cb);
    BIO_meth_set_ctrl(one, &control_cb);
    return one;
  }();
  return made;
}

}  // namespace

bool set_tls_bytes(SSL* ssl, TlsBytes& bytes) {
  BIO* bio = method() == nullptr ? nullptr : BIO_new(method());
  if (bio == nullptr) return false;
  BIO_set_data(bio, &bytes);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);  // takes it
  return true;
}

}  // namespace outrider::net
