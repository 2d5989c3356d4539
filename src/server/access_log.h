// SPDX-License-Identifier: MIT
#pragma once

// The access log of one loop: formats a line for each exchange that ended, and writes the lines of a pass in one
// piece. Whatever the file does, serving goes on: lines that can't be written wait in a bounded buffer, then are
// dropped and counted, and that is said.
//
// Thread: loop only.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "http/served_connection.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "server/access_file.h"
#include "server/access_format.h"

namespace outrider::server {

class AccessLog {
 public:
  using WriteLine = std::function<void(std::string_view line)>;
  using Trouble = std::function<void(const std::string& message)>;

  /// `trouble` is told when lines can't be written, and when they can again.
  AccessLog(loop::Loop& loop, AccessFormat format, std::shared_ptr<AccessFile> file, Trouble trouble);
  /// Each line is given to `write_line`, when its exchange ends; it must not throw.
  AccessLog(loop::Loop& loop, AccessFormat format, WriteLine write_line);
  /// Writes what it can.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  void add(const http::ExchangeRecord& record);

  // So many bytes of lines leave before the end of a pass; and so many wait, at most, for a file that takes none.
  static constexpr std::size_t kWriteBytes = 64 * 1024;
  static constexpr std::size_t kWaitingBytesMax = 1024 * 1024;

 private:
  void write();
  void on_failure(int code);
  void on_recovered();

  loop::Loop& loop_;
  AccessFormat format_;
  std::shared_ptr<AccessFile> file_;  // null when write_line_ has the lines
  WriteLine write_line_;
  Trouble trouble_;
  Buffer lines_;
  loop::Deferred write_;
  loop::Timer retry_;
  uint64_t lost_ = 0;  // lines, since it was last said
  bool is_stuck_ = false;
  bool has_told_ = false;
};

}  // namespace outrider::server
