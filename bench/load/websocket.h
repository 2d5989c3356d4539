// SPDX-License-Identifier: MIT
#pragma once
// WebSocket: text messages that must come back. With deflate, the client offers permessage-deflate, gives up when the
// server doesn't take it, and sends every message compressed; the server may answer compressed or not.
//
// Consecutive messages differ, and so many of them take turns that none is still in a window of 32 KiB when
// it comes again: a server that keeps its context finds what it would find in real traffic, not the whole message.

#include <map>
#include <string>
#include <vector>

#include "protocol.h"
#include "websocket_handshake.h"

namespace bench {

class WebSocketProtocol : public Protocol {
 public:
  WebSocketProtocol(const Options& options, bool has_deflate);
  std::unique_ptr<Conversation> start() override;

  const std::string& opening() const { return opening_; }
  bool has_deflate() const { return has_deflate_; }
  const std::vector<std::string>& messages() const { return messages_; }
  // The messages as masked frames, made at the first call for these terms.
  const std::vector<std::string>& frames(const Negotiated& negotiated);

 private:
  const bool has_deflate_;
  const std::string opening_;
  std::vector<std::string> messages_;
  std::map<int, std::vector<std::string>> frames_;  // by the window's bits; 0 is for uncompressed ones
};

}  // namespace bench
