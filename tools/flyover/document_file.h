// The file that `flyover reload` sends.
#pragma once

#include <cstddef>
#include <string>

#include "common/base/status.h"

namespace flyover {

inline constexpr size_t kMaxDocument = size_t{5} << 20;

// Its text; "-" reads standard input. Refuses what is longer than kMaxDocument or not UTF-8 (JSON
// could not carry it), the latter as file:line:column.
Result<std::string> ReadDocument(const std::string& file);

}  // namespace flyover
