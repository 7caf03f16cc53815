// What a reload would change, and what of it cannot change while packets flow.
#pragma once

#include <string>
#include <vector>

#include "common/config/config_error.h"
#include "tools/flyoverd/document/document.h"

namespace flyover {

// Differences in what is built at start only (lcores, memory, devices, TAPs, seeds, listening
// addresses). A reload with any of them is refused as a whole.
std::vector<ConfigError> ChangesThatNeedRestart(const Document& running, const Document& next,
                                                const std::string& file);

// The rest, one line each: "services.web.backends.web1.weight: 100 -> 50".
std::vector<std::string> DescribeChanges(const Document& running, const Document& next);

}  // namespace flyover
