// What this build is. The commit is stamped by Bazel into this one library, so that a new commit
// relinks binaries but recompiles nothing else.
#pragma once

#include <string_view>

namespace flyover {

std::string_view Version();  // "0.1.0"
std::string_view
Commit();  // 12 hex digits, "-dirty" appended when the tree had changes; "unknown" outside git

}  // namespace flyover
