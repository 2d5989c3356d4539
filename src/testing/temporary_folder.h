// SPDX-License-Identifier: MIT
#pragma once

// A folder for a test's files, such as Unix sockets; with a short path, as those need.

#include <stdlib.h>  // NOLINT: mkdtemp() is POSIX
#include <unistd.h>

#include <string>
#include <vector>

#include "base/check.h"

namespace outrider::testing {

/// A folder that is removed with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder() { OUTRIDER_CHECK(::mkdtemp(path_.data()) != nullptr); }
  ~TemporaryFolder() {
    for (const std::string& name : names_) ::unlink(file(name).c_str());
    ::rmdir(path_.c_str());
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string path_of(const std::string& name) {
    names_.push_back(name);
    return file(name);
  }

 private:
  std::string file(const std::string& name) const { return path_ + "/" + name; }

  std::string path_ = "/tmp/outrider-XXXXXX";
  std::vector<std::string> names_;
};

}  // namespace outrider::testing
