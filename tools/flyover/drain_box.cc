#include "tools/flyover/drain_box.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

#include "common/control/results.h"

namespace flyover {
namespace {

using nlohmann::json;

constexpr double kQuietRate = 10;  // packets a second
constexpr double kQuietShare = 0.01;
constexpr unsigned kQuietPeriods = 2;

Result<uint64_t> PacketsToServices(const CallDaemon& call) {
  Result<json> answer = call("show.services");
  if (!answer.ok()) return answer.status();
  uint64_t packets = 0;
  for (const ServiceResult& service : answer->get<ServicesResult>().services) {
    packets += service.packets;
  }
  return packets;
}

Status WaitUntilQuiet(const DrainBox& options, const CallDaemon& call, std::ostream& out,
                      std::chrono::milliseconds period) {
  Result<uint64_t> before = PacketsToServices(call);
  if (!before.ok()) return before.status();
  const auto end = std::chrono::steady_clock::now() + options.limit;
  const double seconds = std::chrono::duration<double>(period).count();
  double busiest = 0, rate = 0;
  unsigned quiet = 0;
  while (quiet < kQuietPeriods) {
    if (std::chrono::steady_clock::now() >= end) {
      return {StatusCode::kUnavailable,
              "packets still come, " + std::to_string(static_cast<uint64_t>(rate)) +
                  " a second after " + std::to_string(options.limit.count()) +
                  " s; the box stays drained (flyover enable --box takes it back)"};
    }
    std::this_thread::sleep_for(period);
    const Result<uint64_t> now = PacketsToServices(call);
    if (!now.ok()) return now.status();
    rate = static_cast<double>(*now - std::min(*before, *now)) / seconds;
    before = now;
    busiest = std::max(busiest, rate);
    quiet = rate < std::min(kQuietRate, std::max(1.0, busiest * kQuietShare)) ? quiet + 1 : 0;
    out << static_cast<uint64_t>(rate) << " packets/s to the VIPs\n" << std::flush;
  }
  return Status::Ok();
}

}  // namespace

Status RunDrainBox(const DrainBox& options, const CallDaemon& call, std::ostream& out,
                   std::chrono::milliseconds period) {
  try {
    Result<json> vips = call("show.vips");
    if (!vips.ok()) return vips.status();
    if (!vips->get<VipsResult>().announces) {
      return {StatusCode::kFailedPrecondition,
              "the document has no balancer.announce: whoever sends packets here would not hear of "
              "it; nothing was changed"};
    }
    if (Result<json> drained = call("box.drain"); !drained.ok()) return drained.status();
    out << "VIPs are withdrawn\n" << std::flush;
    if (Status status = WaitUntilQuiet(options, call, out, period); !status.ok()) return status;
    if (!options.stop) return Status::Ok();
    if (Result<json> stopped = call("stop"); !stopped.ok()) return stopped.status();
    out << "the daemon stops\n";
    return Status::Ok();
  } catch (const json::exception&) {
    return {StatusCode::kInternal,
            "the daemon's answer has another shape; is it of another version?"};
  }
}

}  // namespace flyover
