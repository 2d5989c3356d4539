// SPDX-License-Identifier: MIT
#pragma once

// OpenSSL's objects as values with an owner, and its errors in words. For the tls_ files only.

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace outrider::net {

template <auto free_object>
struct OpensslDeleter {
  template <class T>
  void operator()(T* object) const {
    free_object(object);
  }
};

inline void free_x509_stack(STACK_OF(X509) * stack) { sk_X509_pop_free(stack, X509_free); }

using BioPtr = std::unique_ptr<BIO, OpensslDeleter<BIO_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslDeleter<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, OpensslDeleter<X509_free>>;
using X509StackPtr = std::unique_ptr<STACK_OF(X509), OpensslDeleter<free_x509_stack>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, OpensslDeleter<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, OpensslDeleter<SSL_free>>;

/// The newest of this thread's errors in words ("no shared cipher"), and forgets all of them; empty for none.
std::string take_openssl_reason();

/// A certificate as PEM text.
std::string to_pem(X509* certificate);

}  // namespace outrider::net
