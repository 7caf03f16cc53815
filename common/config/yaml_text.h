// What must hold of a document's bytes before a YAML parser sees them.
#pragma once

#include <string_view>

#include "common/config/config_report.h"

namespace flyover {

// Size, emptiness, control bytes, tabs as indentation, UTF-8 (RFC 3629). False: an error was
// reported.
bool CheckYamlText(std::string_view text, ConfigReport& report);

}  // namespace flyover
