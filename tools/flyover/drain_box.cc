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

Result<uint64_t> PacketsTo(const WaitForBackend& options, const CallDaemon& call) {
  Result<json> answer = call("show.backends");
  if (!answer.ok()) return answer.status();
  for (const BackendResult& backend : answer->get<BackendsResult>().backends) {
    if (backend.service == options.service && backend.name == options.backend) {
      return backend.packets;
    }
  }
  return Status(StatusCode::kNotFound,
                "service " + options.service + " has no backend " + options.backend + " any more");
}

}  // namespace

Status RunWaitForBackend(const WaitForBackend& options, const CallDaemon& call, std::ostream& out,
                         std::chrono::milliseconds period) {
  try {
    Result<uint64_t> before = PacketsTo(options, call);
    if (!before.ok()) return before.status();
    const auto end = std::chrono::steady_clock::now() + options.limit;
    for (unsigned quiet = 0; quiet < options.quiet;) {
      if (std::chrono::steady_clock::now() >= end) {
        return {StatusCode::kUnavailable, options.backend + " still has packets after " +
                                              std::to_string(options.limit.count()) +
                                              " s; it stays drained"};
      }
      std::this_thread::sleep_for(period);
      const Result<uint64_t> now = PacketsTo(options, call);
      if (!now.ok()) return now.status();
      const uint64_t packets = *now - std::min(*before, *now);
      before = now;
      quiet = packets == 0 ? quiet + 1 : 0;
      out << packets << " packets to " << options.backend << "\n" << std::flush;
    }
    return Status::Ok();
  } catch (const json::exception&) {
    return {StatusCode::kInternal,
            "the daemon's answer has another shape; is it of another version?"};
  }
}

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
