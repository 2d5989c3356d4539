// SPDX-License-Identifier: MIT

// testing::LiveServer: a Server whose callbacks write down what a test may want to know.

#include <algorithm>
#include <deque>
#include <mutex>
#include <utility>

#include "outrider/app.h"
#include "outrider/testing.h"

namespace outrider::testing {

struct LiveServer::Notes {
  // The last kKept lines.
  class Lines {
   public:
    void add(std::string line) {
      if (lines_.size() == kKept) lines_.pop_front();
      lines_.push_back(std::move(line));
    }
    std::vector<std::string> all() const { return {lines_.begin(), lines_.end()}; }
    bool empty() const { return lines_.empty(); }
    void clear() { lines_.clear(); }

   private:
    std::deque<std::string> lines_;
  };

  void add(Lines Notes::*lines, std::string line) {
    const std::lock_guard lock(mutex);
    (this->*lines).add(std::move(line));
  }
  std::vector<std::string> all(const Lines Notes::*lines) const {
    const std::lock_guard lock(mutex);
    return (this->*lines).all();
  }

  /// The config of a server that tells these notes what it tells its own callbacks.
  static Config watch(const std::shared_ptr<Notes>& notes, Config config) {
    auto log = std::move(config.log);
    config.log = [notes, log](LogLevel level, std::string_view line) {
      notes->add(&Notes::log, std::string(to_string(level)) + ": " + std::string(line));
      if (log) log(level, line);
    };
    auto on_error = std::move(config.on_error);
    config.on_error = [notes, on_error, log](const HandlerError& error) {
      notes->add(&Notes::errors, error.message());
      if (on_error) return on_error(error);
      if (log) log(LogLevel::Error, "a handler failed: " + error.message());
    };
    AccessLogConfig& access = config.access_log;
    if (access.format.empty() && access.path.empty() && access.fd < 0 && !access.write) {
      access.format = "%m %U%q %s";
      access.write = [notes](std::string_view line) { notes->add(&Notes::requests, std::string(line)); };
    }
    return config;
  }

  mutable std::mutex mutex;
  Lines requests, errors, log;
};

LiveServer::LiveServer(const App& app, Config config)
    : notes_(std::make_shared<Notes>()), server_(serve(app, Notes::watch(notes_, std::move(config)))) {}

LiveServer::~LiveServer() = default;

std::vector<std::string> LiveServer::requests() const { return notes_->all(&Notes::requests); }
std::vector<std::string> LiveServer::errors() const { return notes_->all(&Notes::errors); }
std::vector<std::string> LiveServer::log() const { return notes_->all(&Notes::log); }

std::string LiveServer::describe() const {
  std::string text;
  for (const auto& lines : {requests(), log(), errors()}) {
    for (const std::string& line : lines) text.append(line).append("\n");
  }
  return text;
}

void LiveServer::forget() {
  const std::lock_guard lock(notes_->mutex);
  for (Notes::Lines* lines : {&notes_->requests, &notes_->errors, &notes_->log}) lines->clear();
}

void LiveServer::settle(const StopPolicy& policy) {
  try {
    server_.quiesce(policy);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::State) throw;
    server_.wait();  // it stops, or has stopped; on a thread of its own, which may not settle it, this throws again
  }
}

std::string LiveServer::end_test() {
  settle();
  std::string text = errors().empty() ? std::string() : describe();
  forget();
  return text;
}

}  // namespace outrider::testing
