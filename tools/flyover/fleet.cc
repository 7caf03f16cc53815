#include "tools/flyover/fleet.h"

#include <curl/curl.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "tools/flyover/table.h"

namespace flyover {
namespace {

constexpr std::string_view kFamily = "flyover_service_table_digest{";
constexpr std::string_view kAnyFamily = "flyover_";
constexpr long kTimeoutMs = 5000;
constexpr size_t kMostBytes = size_t{16} << 20;

size_t Append(const char* data, size_t size, size_t count, void* to) {
  auto& text = *static_cast<std::string*>(to);
  if (text.size() + size * count > kMostBytes) return 0;
  text.append(data, size * count);
  return size * count;
}

// `service="NAME"` among the labels. Names of services need no escapes.
std::string_view ServiceOf(std::string_view labels) {
  constexpr std::string_view kLabel = "service=\"";
  const size_t at = labels.find(kLabel);
  if (at == labels.npos) return {};
  const std::string_view name = labels.substr(at + kLabel.size());
  return name.substr(0, name.find('"'));
}

std::set<std::string> Services(const std::vector<FleetBox>& fleet) {
  std::set<std::string> names;
  for (const FleetBox& box : fleet) {
    for (const auto& [name, digest] : box.digests) names.insert(name);
  }
  return names;
}

// Empty where the box does not have it.
std::string DigestAt(const FleetBox& box, const std::string& service) {
  const auto found = box.digests.find(service);
  return found == box.digests.end() ? "" : found->second;
}

bool IsAlike(const std::vector<FleetBox>& fleet, const std::string& service) {
  for (const FleetBox& box : fleet) {
    const std::string digest = DigestAt(box, service);
    if (digest.empty() || digest != DigestAt(fleet.front(), service)) return false;
  }
  return true;
}

}  // namespace

Result<std::string> FetchMetrics(const std::string& url) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy(curl_easy_init(),
                                                                 &curl_easy_cleanup);
  if (easy == nullptr) return Status(StatusCode::kUnavailable, "no memory");
  std::string text;
  char error[CURL_ERROR_SIZE] = {};
  curl_easy_setopt(easy.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_PROTOCOLS_STR, "http");
  curl_easy_setopt(easy.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(easy.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_TIMEOUT_MS, kTimeoutMs);
  curl_easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, &Append);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &text);
  const CURLcode code = curl_easy_perform(easy.get());
  if (code == CURLE_OK) return text;
  return Status(StatusCode::kUnavailable, error[0] != '\0' ? error : curl_easy_strerror(code));
}

std::string MetricsUrl(std::string_view place) {
  std::string url(place);
  if (url.find("://") == url.npos) url.insert(0, "http://");
  if (url.find('/', url.find("://") + 3) == url.npos) url += "/metrics";
  return url;
}

Result<std::map<std::string, std::string>> DigestsOf(std::string_view metrics) {
  std::map<std::string, std::string> digests;
  bool ours = false;
  while (!metrics.empty()) {
    const size_t end = metrics.find('\n');
    const std::string_view line = metrics.substr(0, end);
    metrics = end == metrics.npos ? std::string_view() : metrics.substr(end + 1);
    ours = ours || line.starts_with(kAnyFamily);
    if (!line.starts_with(kFamily)) continue;
    const size_t close = line.find("} ");
    if (close == line.npos) continue;
    const std::string_view number = line.substr(close + 2);
    double value = 0;
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), value);
    constexpr double kLimit = 281474976710656.0;  // 2^48: twelve digits
    if (parsed.ec != std::errc() || !(value >= 0 && value < kLimit)) continue;
    char digits[13];
    std::snprintf(digits, sizeof(digits), "%012llx", static_cast<unsigned long long>(value));
    digests[std::string(ServiceOf(line.substr(0, close)))] = digits;
  }
  if (!ours) return Status(StatusCode::kInvalidArgument, "no metrics of flyoverd there");
  return digests;
}

std::vector<FleetBox> AskFleet(const std::vector<std::string>& places, const FetchUrl& fetch) {
  std::vector<FleetBox> fleet;
  for (const std::string& place : places) {
    FleetBox& box = fleet.emplace_back();
    box.url = MetricsUrl(place);
    const Result<std::string> text = fetch(box.url);
    if (!text.ok()) {
      box.status = text.status();
      continue;
    }
    auto digests = DigestsOf(*text);
    if (digests.ok()) {
      box.digests = std::move(*digests);
    } else {
      box.status = digests.status();
    }
  }
  return fleet;
}

bool Alike(const std::vector<FleetBox>& fleet) {
  for (const FleetBox& box : fleet) {
    if (!box.status.ok()) return false;
  }
  for (const std::string& service : Services(fleet)) {
    if (!IsAlike(fleet, service)) return false;
  }
  return true;
}

std::string RenderFleet(const std::vector<FleetBox>& fleet) {
  std::vector<Table::Column> columns = {{"SERVICE"}, {"ALIKE"}};
  std::string boxes;
  for (size_t i = 0; i < fleet.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    columns.push_back({"BOX " + number});
    boxes += "box " + number + ": " + Printable(fleet[i].url) +
             (fleet[i].status.ok() ? "" : ": " + Printable(fleet[i].status.message())) + "\n";
  }
  Table table(columns);
  for (const std::string& service : Services(fleet)) {
    std::vector<std::string> row = {service, IsAlike(fleet, service) ? "yes" : "NO"};
    for (const FleetBox& box : fleet) {
      const std::string digest = DigestAt(box, service);
      row.push_back(digest.empty() ? "-" : digest);
    }
    table.AddRow(row);
  }
  return boxes + (table.empty() ? "no services\n" : table.Render());
}

nlohmann::json FleetJson(const std::vector<FleetBox>& fleet) {
  nlohmann::json boxes = nlohmann::json::array();
  for (const FleetBox& box : fleet) {
    boxes.push_back({{"url", box.url}, {"error", box.status.message()}});
  }
  nlohmann::json services = nlohmann::json::array();
  for (const std::string& service : Services(fleet)) {
    nlohmann::json digests = nlohmann::json::array();
    for (const FleetBox& box : fleet) digests.push_back(DigestAt(box, service));
    services.push_back(
        {{"name", service}, {"alike", IsAlike(fleet, service)}, {"digests", digests}});
  }
  return {{"alike", Alike(fleet)}, {"boxes", boxes}, {"services", services}};
}

}  // namespace flyover
