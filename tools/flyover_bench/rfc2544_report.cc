#include "tools/flyover_bench/rfc2544_report.h"

#include "tools/flyover_bench/format.h"

namespace flyover {
namespace {

double Million(double rate) { return rate / 1e6; }
double Us(uint64_t ticks, double tsc_hz) { return 1e6 * static_cast<double>(ticks) / tsc_hz; }

nlohmann::json ToJson(const LoadBounds& bounds) {
  return {{"lower", bounds.lower}, {"upper", bounds.upper}, {"forwarded", bounds.forwarded}};
}

}  // namespace

std::string ToText(const std::string& load, const Rfc2544Report& report, double tsc_hz) {
  std::string text = load;
  if (!report.disturbed.empty()) text += " (DISTURBED: " + report.disturbed + ")";
  if (report.interrupted) text += " (interrupted)";
  text +=
      "\n  frame   throughput, M/s: one trial, MLRsearch without loss, 0.5 %   latency us at 100 "
      "%: "
      "p50, p99, max   at 50 %: p50, p99   back-to-back   recovery us\n";
  for (const FrameReport& f : report.frames) {
    const auto& full = f.latency[0];
    const auto& half = f.latency[1];
    text +=
        Format("  %5u   %29.3f %22.3f %6.3f   %26.1f %5.1f %7.1f   %13.1f %5.1f   %12lu   %10.0f\n",
               f.frame, Million(f.strict.lower), Million(f.no_loss.lower), Million(f.partial.lower),
               Us(full.p50, tsc_hz), Us(full.p99, tsc_hz), Us(full.max, tsc_hz),
               Us(half.p50, tsc_hz), Us(half.p99, tsc_hz), f.back_to_back, f.recovery_us);
  }
  for (const FrameReport& f : report.frames) {
    if (f.partial.upper == 0) {
      text += "  " + std::to_string(f.frame) +
              " bytes: the generator is slower than the device: these are at least its rates\n";
    }
    text += Format("  %5u   frame loss of %.2f M/s offered:", f.frame, Million(f.offered));
    for (const auto& loss : f.loss) {
      text += Format("  %.0f %%: %.3f %%", 100 * loss.share, 100 * loss.ratio);
    }
    text += "\n";
  }
  return text;
}

nlohmann::json ToJson(const std::string& load, const Rfc2544Report& report, double tsc_hz) {
  nlohmann::json frames = nlohmann::json::array();
  for (const FrameReport& f : report.frames) {
    nlohmann::json latency = nlohmann::json::array(), loss = nlohmann::json::array();
    for (const auto& l : f.latency) {
      latency.push_back({{"share", l.share},
                         {"p50_us", Us(l.p50, tsc_hz)},
                         {"p99_us", Us(l.p99, tsc_hz)},
                         {"max_us", Us(l.max, tsc_hz)}});
    }
    for (const auto& l : f.loss) loss.push_back({{"share", l.share}, {"ratio", l.ratio}});
    frames.push_back({{"frame", f.frame},
                      {"offered", f.offered},
                      {"throughput", ToJson(f.strict)},
                      {"mlrsearch_no_loss", ToJson(f.no_loss)},
                      {"mlrsearch_half_percent", ToJson(f.partial)},
                      {"latency", latency},
                      {"loss", loss},
                      {"back_to_back", f.back_to_back},
                      {"recovery_us", f.recovery_us}});
  }
  return {{"load", load},
          {"disturbed", report.disturbed},
          {"interrupted", report.interrupted},
          {"frames", frames}};
}

}  // namespace flyover
