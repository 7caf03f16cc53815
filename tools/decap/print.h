// What flyover-decap prints, on standard output.
#pragma once

#include <string>
#include <vector>

#include "tools/decap/host_check.h"
#include "tools/decap/loader.h"

namespace flyover::decap {

// Sorted by their names: "10.2.0.11, 2001:db8:2::11".
std::string Listed(const std::vector<DecapAddress>& addresses);
std::string Listed(const std::vector<DecapPrefix>& prefixes);

void PrintTable(const std::string& interface, const Report& report);
void PrintJson(const std::string& interface, const Report& report);
// The text format of Prometheus, for node_exporter's textfile collector.
void PrintPrometheus(const std::string& interface, const Report& report);
void PrintFindings(const std::vector<Finding>& findings, bool json);

}  // namespace flyover::decap
