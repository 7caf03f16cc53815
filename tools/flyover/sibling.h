// The other programs of Flyover, which `check` and `bench` become.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"

namespace flyover {

// Looks in `directory` (where this program is), in `directory`/../`build_directory` (as Bazel lays
// them out), and along `path` ("/usr/bin:/bin").
Result<std::string> FindSibling(const std::string& name, const std::string& build_directory,
                                const std::string& directory, std::string_view path);

// Where this program is; empty when the kernel does not say.
std::string OwnDirectory();

// Replaces the process. Returns only when that failed.
Status Become(const std::string& program, const std::vector<std::string>& arguments);

}  // namespace flyover
