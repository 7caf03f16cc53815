#include "tools/flyover_bench/report.h"

#include <rte_cycles.h>

#include <algorithm>
#include <cstdio>

#include "tools/flyover_bench/format.h"
#include "tools/version/version.h"

namespace flyover {
namespace {

std::string TableOf(const LevelReport& level, uint64_t seed) {
  const auto& series = level.measured.series;
  std::string text = level.level + "\n";
  text +=
      Format("  %-20s %12s %17s %8s   %s\n", "load", ("ticks/" + level.unit).c_str(),
             "95 % interval", "M/s", series.size() > 1 ? "times the first, 95 %, worst pair" : "");
  for (const Series& s : series) {
    if (s.ticks.empty()) continue;
    const double median = Median(s.ticks);
    const Interval interval = BootstrapMedian(s.ticks, seed);
    text += Format("  %-20s %12.1f %8.1f-%-8.1f %8.2f", s.name.c_str(), median, interval.low,
                   interval.high, static_cast<double>(rte_get_tsc_hz()) / median / 1e6);
    if (&s != &series.front()) {
      const std::vector<double> ratios = Ratios(s.ticks, series.front().ticks);
      const Interval r = BootstrapMedian(ratios, seed);
      text += Format("   %.3f (%.3f-%.3f), %.3f", Median(ratios), r.low, r.high,
                     *std::max_element(ratios.begin(), ratios.end()));
    }
    text += "\n";
  }
  for (const Series& s : series) {
    if (!s.remark.empty()) text += "  " + s.name + ": " + s.remark + "\n";
  }
  const size_t rounds = series.empty() ? 0 : series.front().ticks.size();
  text += Format("  %zu rounds, %zu thrown away", rounds, level.measured.rejected.size());
  if (!level.measured.rejected.empty()) text += "; the last: " + level.measured.rejected.back();
  if (!level.measured.kept_disturbed.empty()) {
    text += Format("; %zu of those shown were DISTURBED; the last: ",
                   level.measured.kept_disturbed.size()) +
            level.measured.kept_disturbed.back();
  }
  if (level.measured.interrupted) text += "; interrupted: this is what was measured until then";
  if (rounds == 0) text += "; no figure: no round was undisturbed";
  return text + "\n";
}

}  // namespace

std::string ToText(const std::vector<LevelReport>& levels, const Context& context) {
  std::string text = Format(
      "machine: %s, TSC %.3f GHz, Linux %s, CPU %u, hugepages %s\nflyover %s (%s), %s, seed "
      "%lu%s%s\n",
      CpuModel().c_str(), static_cast<double>(rte_get_tsc_hz()) / 1e9, KernelRelease().c_str(),
      context.cpu, context.hugepages ? "yes" : "no", std::string(Version()).c_str(),
      std::string(Commit()).c_str(), "g++ " __VERSION__, context.seed,
      context.devices.empty() ? "" : "\ndevices: ", context.devices.c_str());
  for (const LevelReport& level : levels) text += "\n" + TableOf(level, context.seed);
  return text;
}

nlohmann::json ToJson(const std::vector<LevelReport>& levels, const Context& context) {
  nlohmann::json out = {
      {"cpu", CpuModel()},          {"tsc_hz", rte_get_tsc_hz()},       {"kernel", KernelRelease()},
      {"cpu_number", context.cpu},  {"hugepages", context.hugepages},   {"version", Version()},
      {"commit", Commit()},         {"compiler", "g++ " __VERSION__},   {"seed", context.seed},
      {"devices", context.devices}, {"levels", nlohmann::json::array()}};
  for (const LevelReport& level : levels) {
    nlohmann::json rows = nlohmann::json::array();
    for (const Series& s : level.measured.series) {
      const Interval interval = BootstrapMedian(s.ticks, context.seed);
      rows.push_back({{"load", s.name},
                      {"median", Median(s.ticks)},
                      {"interval", {interval.low, interval.high}},
                      {"packets", s.packets},
                      {"remark", s.remark},
                      {"ticks", s.ticks}});
    }
    out["levels"].push_back({{"level", level.level},
                             {"unit", level.unit},
                             {"series", rows},
                             {"rejected", level.measured.rejected},
                             {"kept_disturbed", level.measured.kept_disturbed},
                             {"interrupted", level.measured.interrupted}});
  }
  return out;
}

}  // namespace flyover
