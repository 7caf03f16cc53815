// `flyover fleet URL...`: whether boxes that serve the same VIPs choose backends alike, by the
// digests of the Maglev tables that their metrics tell (flyover_service_table_digest). Boxes with
// another seed, another document or other backends up send the same flow to different backends.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"

namespace flyover {

struct FleetBox {
  std::string url;
  Status status = Status::Ok();                // of asking it
  std::map<std::string, std::string> digests;  // by service, as `flyover show services` has them
};

// The text that a URL answers with.
using FetchUrl = std::function<Result<std::string>(const std::string& url)>;
// One GET over HTTP, at most five seconds and 16 MiB. Errors: kUnavailable.
Result<std::string> FetchMetrics(const std::string& url);

// "10.0.0.1:9100" stands for http://10.0.0.1:9100/metrics.
std::string MetricsUrl(std::string_view place);
// Digests of a metrics page. Errors: kInvalidArgument when it is none of Flyover's.
Result<std::map<std::string, std::string>> DigestsOf(std::string_view metrics);

std::vector<FleetBox> AskFleet(const std::vector<std::string>& places, const FetchUrl& fetch);
// Every box answered, has the same services, and each of them the same digest everywhere.
bool Alike(const std::vector<FleetBox>& fleet);
std::string RenderFleet(const std::vector<FleetBox>& fleet);
nlohmann::json FleetJson(const std::vector<FleetBox>& fleet);

}  // namespace flyover
