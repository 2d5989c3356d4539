// SPDX-License-Identifier: MIT
#pragma once
// What the load programs say and expect to hear. A protocol is made once for a run and knows the messages; it makes a
// conversation for each connection, which knows how far that one has come.

#include <cstddef>
#include <memory>
#include <string_view>

#include "options.h"
#include "output.h"

namespace bench {

enum class Outcome { NeedMore, Complete, Bad };

class Conversation {
 public:
  virtual ~Conversation() = default;

  // What comes before the first request on a new connection.
  virtual void open(Output&) {}
  // One more request; a conversation that isn't open yet keeps it until it is.
  virtual void ask(Output& output) = 0;
  // Consumes from the front of `data` up to the end of one answer. After Complete the rest of `data` belongs to the
  // next one; after Bad the connection is of no further use. What the server has to be told between requests, such as
  // a pong, goes to `output`.
  virtual Outcome feed(std::string_view& data, Output& output) = 0;
  // Whether the connection ends with the last complete answer.
  virtual bool closes() const = 0;
  // Whether the server may close a connection on which it owes no answer.
  virtual bool may_be_closed() const = 0;
  // What is wrong, after Bad.
  virtual const char* trouble() const = 0;
};

class Protocol {
 public:
  virtual ~Protocol() = default;
  // The conversation must not outlive the protocol.
  virtual std::unique_ptr<Conversation> start() = 0;
};

// The one that the options ask for.
std::unique_ptr<Protocol> make_protocol(const Options& options);

}  // namespace bench
