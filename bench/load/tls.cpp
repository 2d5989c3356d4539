// SPDX-License-Identifier: MIT
#include "tls.h"

#include <openssl/err.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace bench {
namespace {

constexpr unsigned char kAlpn[] = "\x08http/1.1";

struct FreeSession {
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
using Session = std::unique_ptr<SSL_SESSION, FreeSession>;

class TlsStream : public Stream {
 public:
  TlsStream(SSL_CTX* context, int fd, Session session, bool must_resume)
      : Stream(fd), ssl_(SSL_new(context)), must_resume_(must_resume) {
    SSL_set_fd(ssl_, fd);
    SSL_set_app_data(ssl_, this);
    SSL_set_connect_state(ssl_);
    if (session != nullptr) SSL_set_session(ssl_, session.get());
  }

  // Says goodbye: OpenSSL gives up the session of a connection that is dropped.
  ~TlsStream() override {
    if (SSL_is_init_finished(ssl_)) SSL_shutdown(ssl_);
    SSL_free(ssl_);
    ERR_clear_error();
  }

  ssize_t read(char* data, std::size_t size) override {
    if (!trouble_.empty()) return errno = EPROTO, -1;  // a write() has seen it
    ERR_clear_error();
    const int result = SSL_read(ssl_, data, static_cast<int>(size));
    return is_as_agreed() ? result > 0 ? result : explain(result) : -1;
  }

  // A record for each piece, as many as the socket takes.
  ssize_t write(const Output& output) override {
    std::array<iovec, 64> pieces;
    const std::size_t count = output.describe(pieces);
    ssize_t written = 0;
    for (std::size_t index = 0; index < count; ++index) {
      ERR_clear_error();
      const int result = SSL_write(ssl_, pieces[index].iov_base, static_cast<int>(pieces[index].iov_len));
      if (result <= 0) return written > 0 ? written : explain(result);
      written += result;
      if (static_cast<std::size_t>(result) < pieces[index].iov_len) break;
    }
    return written;
  }

  bool waits_for_room() const override { return SSL_want_write(ssl_); }
  bool has_more() const override { return SSL_pending(ssl_) > 0; }
  std::string trouble() const override { return trouble_.empty() ? Stream::trouble() : trouble_; }

  void keep(SSL_SESSION* session) { session_.reset(session); }
  Session take_session() { return std::move(session_); }

 private:
  // As recv() would tell it.
  ssize_t explain(int result) {
    const int system_error = errno;
    const int error = SSL_get_error(ssl_, result);
    errno = EAGAIN;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return -1;
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    if (error == SSL_ERROR_SYSCALL && system_error == 0) return 0;
    errno = error == SSL_ERROR_SYSCALL ? system_error : EPROTO;
    const unsigned long reason = ERR_peek_error();
    // Some servers end TCP without ending TLS before.
    if (ERR_GET_REASON(reason) == SSL_R_UNEXPECTED_EOF_WHILE_READING) return 0;
    if (error == SSL_ERROR_SSL) trouble_ = std::string("TLS: ") + ERR_reason_error_string(reason);
    return -1;
  }

  bool is_as_agreed() {
    if (is_checked_ || !SSL_is_init_finished(ssl_)) return true;
    is_checked_ = true;
    if ((SSL_session_reused(ssl_) == 1) == must_resume_) return true;
    trouble_ = must_resume_ ? "the session was not resumed" : "a session was resumed";
    errno = EPROTO;
    return false;
  }

  SSL* const ssl_;
  const bool must_resume_;
  bool is_checked_ = false;
  Session session_;  // the last that the server gave
  std::string trouble_;
};

int keep_session(SSL* ssl, SSL_SESSION* session) {
  static_cast<TlsStream*>(SSL_get_app_data(ssl))->keep(session);
  return 1;  // it is ours now
}

SSL_CTX* make_context(Resumption resumption) {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1 ||
      SSL_CTX_set1_groups_list(context, "X25519") != 1 ||
      SSL_CTX_set_alpn_protos(context, kAlpn, sizeof kAlpn - 1) != 0) {
    std::fprintf(stderr, "load: OpenSSL lacks TLS_AES_128_GCM_SHA256, X25519 or ALPN\n");
    std::exit(1);
  }
  if (resumption == Resumption::Always) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep_session);
  }
  return context;
}

}  // namespace

TlsTransport::TlsTransport(Resumption resumption) : resumption_(resumption), context_(make_context(resumption)) {}

std::unique_ptr<Stream> TlsTransport::over(int fd, std::unique_ptr<Stream> before) {
  const bool must_resume = resumption_ == Resumption::Always && before != nullptr;
  Session session;
  if (must_resume) session = static_cast<TlsStream&>(*before).take_session();
  return std::make_unique<TlsStream>(context_.get(), fd, std::move(session), must_resume);
}

}  // namespace bench
