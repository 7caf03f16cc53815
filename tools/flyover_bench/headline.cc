#include "tools/flyover_bench/headline.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <string_view>

namespace flyover {
namespace {

enum class Form : uint8_t {
  kTicks,       // of a
  kDifference,  // a - b
  kRatio,       // a / b
  kPerSecond,   // millions a second at a's ticks
};

struct Promise {
  const char* what;
  const char* level;
  Form form;
  const char* a;
  const char* b;
  bool at_most;
  double bound;
};

constexpr std::array kPromises = {
    Promise{"IPv4 route, ticks above testpmd io", "device", Form::kDifference, "router-64",
            "testpmd io", true, 25},
    Promise{"1M routes and flows, times hot", "path", Form::kRatio, "router-full-table",
            "router-64", true, 1.45},
    Promise{"IPv6 hot, throughput times IPv4's", "path", Form::kRatio, "router-64", "router6-64",
            false, 0.8},
    Promise{"IPv6 230k routes, throughput times IPv4's", "path", Form::kRatio, "router-230k",
            "router6-full-table", false, 0.8},
    Promise{"IPIP service, 4,096 flows", "path", Form::kTicks, "lb-ipip-4k", "", true, 115},
    Promise{"IPIP service, 4,096 flows with entries", "path", Form::kTicks, "lb-ipip-kept-4k", "",
            true, 115},
    Promise{"IPIP service, 1M flows", "path", Form::kTicks, "lb-ipip-1m", "", true, 145},
    Promise{"IPIP service, 1M flows with entries", "path", Form::kTicks, "lb-ipip-kept-1m", "",
            true, 145},
    Promise{"IPIP service, new flows", "path", Form::kTicks, "lb-new-flows", "", true, 195},
    Promise{"second lcore, routes: throughput of both", "path", Form::kRatio, "router-64",
            "router-64, 2 lcores", false, 1.9},
    Promise{"second lcore, service: throughput of both", "path", Form::kRatio, "lb-ipip-4k",
            "lb-ipip-4k, 2 lcores", false, 1.9},
    Promise{"IPIP service, new flows a second", "path", Form::kPerSecond, "lb-new-flows", "", false,
            4},
};

const std::vector<double>* SamplesOf(const std::vector<LevelReport>& levels, std::string_view level,
                                     std::string_view name) {
  for (const LevelReport& report : levels) {
    if (!report.level.starts_with(std::string(level) + ":")) continue;
    for (const Series& series : report.measured.series) {
      if (series.name == name && !series.ticks.empty()) return &series.ticks;
    }
  }
  return nullptr;
}

const char* UnitOf(Form form) {
  switch (form) {
    case Form::kRatio:
      return "times";
    case Form::kPerSecond:
      return "M/s";
    default:
      return "ticks";
  }
}

double Value(Form form, double a, double b, double tsc_hz) {
  switch (form) {
    case Form::kDifference:
      return a - b;
    case Form::kRatio:
      return a / b;
    case Form::kPerSecond:
      return tsc_hz / a / 1e6;
    default:
      return a;
  }
}

}  // namespace

std::vector<HeadlineFigure> HeadlineOf(const std::vector<LevelReport>& levels, uint64_t seed,
                                       double tsc_hz) {
  std::vector<HeadlineFigure> figures;
  for (const Promise& promise : kPromises) {
    HeadlineFigure figure;
    figure.what = promise.what;
    figure.unit = UnitOf(promise.form);
    figure.at_most = promise.at_most;
    figure.bound = promise.bound;
    const auto* const a = SamplesOf(levels, promise.level, promise.a);
    const bool paired = promise.form == Form::kDifference || promise.form == Form::kRatio;
    const auto* const b = paired ? SamplesOf(levels, promise.level, promise.b) : a;
    if (a != nullptr && b != nullptr && a->size() == b->size()) {
      std::vector<double> values;
      for (size_t i = 0; i < a->size(); ++i) {
        values.push_back(Value(promise.form, (*a)[i], (*b)[i], tsc_hz));
      }
      figure.measured = true;
      figure.median = Median(values);
      figure.interval = BootstrapMedian(values, seed);
    }
    figures.push_back(std::move(figure));
  }
  return figures;
}

std::string HeadlineText(const std::vector<HeadlineFigure>& figures) {
  std::string text = "headline (median of rounds, 95 % interval)\n";
  for (const HeadlineFigure& f : figures) {
    char line[256];
    const char* const sign = f.at_most ? "<=" : ">=";
    if (f.measured) {
      std::snprintf(line, sizeof(line), "  %-44s %8.2f (%.2f-%.2f) %-5s  %s %g: %s\n",
                    f.what.c_str(), f.median, f.interval.low, f.interval.high, f.unit.c_str(), sign,
                    f.bound, f.met() ? "met" : "NOT met");
    } else {
      std::snprintf(line, sizeof(line), "  %-44s not measured in this run (%s %g %s)\n",
                    f.what.c_str(), sign, f.bound, f.unit.c_str());
    }
    text += line;
  }
  return text;
}

nlohmann::json HeadlineJson(const std::vector<HeadlineFigure>& figures) {
  nlohmann::json rows = nlohmann::json::array();
  for (const HeadlineFigure& f : figures) {
    nlohmann::json row = {{"figure", f.what},
                          {"unit", f.unit},
                          {f.at_most ? "at_most" : "at_least", f.bound},
                          {"measured", f.measured}};
    if (f.measured) {
      row["median"] = f.median;
      row["interval"] = {f.interval.low, f.interval.high};
      row["met"] = f.met();
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace flyover
