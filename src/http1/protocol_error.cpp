// SPDX-License-Identifier: MIT
#include "http1/protocol_error.h"

#include <array>

#include "base/check.h"

namespace outrider::http1 {
namespace {

struct Row {
  Fault fault;
  int status;
  std::string_view sentence;
};

constexpr std::array<Row, kFaultCount> kRows{{
    {Fault::BareLineFeed, 400, "a line ends in LF without CR"},
    {Fault::TlsRecord, 400, "this port speaks http, and what came is TLS: use http://"},
    {Fault::MethodInvalid, 400, "the method is not a token"},
    {Fault::MethodTooLong, 501, "the method is longer than any that this server knows"},
    {Fault::MethodNotImplemented, 501, "this server is no proxy: CONNECT is not implemented"},
    {Fault::TargetInvalid, 400, "the request target is not valid"},
    {Fault::SchemeUnsecured, 421, "the request is for an https resource, but the connection is not secured"},
    {Fault::VersionInvalid, 400, "the request line does not end in an HTTP version"},
    {Fault::VersionUnsupported, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here"},
    {Fault::RequestLineTooLong, 414, "the request line is longer than this server accepts"},
    {Fault::HeadTooLarge, 431, "the header section is larger than this server accepts"},
    {Fault::TooManyFields, 431, "there are more header fields than this server accepts"},
    {Fault::ObsoleteFold, 400, "a header field is continued on a further line"},
    {Fault::SpaceBeforeColon, 400, "there is whitespace between a field name and its colon"},
    {Fault::FieldNameInvalid, 400, "a field name is not a token followed by a colon"},
    {Fault::FieldValueInvalid, 400, "a field value holds a control character"},
    {Fault::HostMissing, 400, "the Host field is missing"},
    {Fault::HostRepeated, 400, "there is more than one Host field"},
    {Fault::HostInvalid, 400, "the Host field is not a host with an optional port"},
    {Fault::HostConflict, 400, "the Host field and the request target name different hosts"},
    {Fault::ForwardedInvalid, 400, "what a proxy says of the request's origin (Forwarded, X-Forwarded) is not valid"},
    {Fault::ForwardedConflict, 400, "the Forwarded and the X-Forwarded fields say different things"},
    {Fault::ContentLengthInvalid, 400, "the Content-Length field is not a number that this server can take"},
    {Fault::ContentLengthRepeated, 400, "there is more than one Content-Length"},
    {Fault::ContentLengthWithTransferEncoding, 400, "there are both Content-Length and Transfer-Encoding"},
    {Fault::TransferEncodingInHttp10, 400, "HTTP/1.0 has no Transfer-Encoding"},
    {Fault::TransferEncodingInvalid, 400, "the Transfer-Encoding field is not a plain list of codings"},
    {Fault::TransferEncodingNotChunked, 400, "the last transfer coding is not chunked"},
    {Fault::TransferEncodingUnknown, 501, "a transfer coding other than chunked is not implemented"},
    {Fault::ConnectionInvalid, 400, "the Connection field is not a list of tokens"},
    {Fault::ExpectationUnknown, 417, "an expectation other than 100-continue can't be met"},
    {Fault::UpgradeWithContent, 400, "a request that asks for another protocol has content"},
    {Fault::ChunkSizeInvalid, 400, "a chunk size is not a hexadecimal number that this server can take"},
    {Fault::ChunkExtensionInvalid, 400, "a chunk extension is not valid"},
    {Fault::ChunkLineTooLong, 400, "a chunk size line is longer than this server accepts"},
    {Fault::ChunkExtensionsTooLarge, 400, "there is more of chunk extensions than of content"},
    {Fault::ChunkDataUnterminated, 400, "chunk data is not followed by CRLF"},
    {Fault::TrailerForbidden, 400, "a trailer field changes how the message is read"},
    {Fault::BodyTooLarge, 413, "the body is larger than this server accepts"},
    {Fault::HeadTimeout, 408, "the request head took too long"},
    {Fault::BodyTimeout, 408, "the request body took too long"},
    {Fault::RequestTimeout, 503, "the answer took longer than this server allows"},
}};

const Row& row(Fault fault) {
  const Row& found = kRows[static_cast<std::size_t>(fault)];
  OUTRIDER_DCHECK(found.fault == fault);
  return found;
}

}  // namespace

int ProtocolError::status() const { return row(fault).status; }
std::string_view ProtocolError::sentence() const { return row(fault).sentence; }

}  // namespace outrider::http1
