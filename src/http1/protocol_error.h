// SPDX-License-Identifier: MIT
#pragma once

// Every way in which a peer can break HTTP/1.x, as values: what was wrong and the status to answer with. Codecs
// return them; the connection answers them in one function.

#include <string_view>

namespace outrider::http1 {

enum class Fault {
  BareLineFeed,
  TlsRecord,
  MethodInvalid,
  MethodTooLong,
  MethodNotImplemented,
  TargetInvalid,
  SchemeUnsecured,
  VersionInvalid,
  VersionUnsupported,
  RequestLineTooLong,
  HeadTooLarge,
  TooManyFields,
  ObsoleteFold,
  SpaceBeforeColon,
  FieldNameInvalid,
  FieldValueInvalid,
  HostMissing,
  HostRepeated,
  HostInvalid,
  HostConflict,
  ForwardedInvalid,
  ForwardedConflict,
  ContentLengthInvalid,
  ContentLengthRepeated,
  ContentLengthWithTransferEncoding,
  TransferEncodingInHttp10,
  TransferEncodingInvalid,
  TransferEncodingNotChunked,
  TransferEncodingUnknown,
  ConnectionInvalid,
  ExpectationUnknown,
  UpgradeWithContent,
  ChunkSizeInvalid,
  ChunkExtensionInvalid,
  ChunkLineTooLong,
  ChunkExtensionsTooLarge,
  ChunkDataUnterminated,
  TrailerForbidden,
  BodyTooLarge,
  HeadTimeout,
  BodyTimeout,
  RequestTimeout,
};

struct ProtocolError {
  Fault fault;

  /// The status of the answer: 400 unless RFC 9110 has a more precise one.
  int status() const;
  /// One sentence, for the answer's body and for the log.
  std::string_view sentence() const;
};

/// The number of faults, for tests that cover each.
inline constexpr int kFaultCount = static_cast<int>(Fault::RequestTimeout) + 1;

}  // namespace outrider::http1
