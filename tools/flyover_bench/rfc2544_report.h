// What `flyover bench rfc2544` prints: a table a load for people, JSON with everything.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/flyover_bench/rfc2544.h"

namespace flyover {

std::string ToText(const std::string& load, const Rfc2544Report& report, double tsc_hz);
nlohmann::json ToJson(const std::string& load, const Rfc2544Report& report, double tsc_hz);

}  // namespace flyover
