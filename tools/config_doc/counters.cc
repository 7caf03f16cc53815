// docs/counters.md.
#include <algorithm>

#include "common/datapath/reasons.h"
#include "common/metrics/families.h"
#include "tools/config_doc/generators.h"

namespace flyover {
namespace {

constexpr char kIntroduction[] = R"(# Counters

*Made by `tools/config_doc` from `common/datapath/reasons.h` and `common/metrics/families.h`; edit those,
not this page.*

Every packet that enters leaves by exactly one exit, and every exit is counted under a name. For each
source (a port, a TAP, packets generated here), and in all:

    rx + from_kernel + generated + copies = tx + punted + sum(drops) + buffered

No term is derived from the others. `flyover show counters` prints the equation, `flyover show drops` the
drops by reason. The labels below are those of the metrics and of `--json`, and do not change.

)";

std::string Escaped(std::string_view words) {
  std::string text;
  for (const char c : words) {
    if (c == '|') text += '\\';
    text += c;
  }
  return text;
}

// "a,b" -> "`a`, `b`".
std::string Labels(std::string_view labels) {
  std::string text;
  while (!labels.empty()) {
    const size_t comma = std::min(labels.find(','), labels.size());
    text += (text.empty() ? "`" : ", `") + std::string(labels.substr(0, comma)) + "`";
    labels.remove_prefix(std::min(comma + 1, labels.size()));
  }
  return text;
}

}  // namespace

std::string CountersMarkdown() {
  std::string out = kIntroduction;
  out += "## Drop reasons\n\n| Label | Why the packet was dropped |\n|---|---|\n";
  for (const DropReasonInfo& info : kDropReasons) {
    out += "| `" + std::string(info.label) + "` | " + Escaped(info.help) + " |\n";
  }
  out +=
      "\n## Punt classes\n\nPackets for the box itself go up to the kernel. Each class has a rate "
      "of "
      "its own (`punt` in the\ndocument, per second and lcore), and an earlier class goes before a "
      "later one.\n\n| Label | Packets | Default rate |\n|---|---|---|\n";
  for (const PuntClassInfo& info : kPuntClasses) {
    out += "| `" + std::string(info.label) + "` | " + Escaped(info.help) + " | " +
           std::to_string(info.default_rate) + "/s |\n";
  }
  out += "\n## Punt reasons\n\n| Label | Class | Packets |\n|---|---|---|\n";
  for (const PuntReasonInfo& info : kPuntReasons) {
    out += "| `" + std::string(info.label) + "` | `" + std::string(Info(info.punt_class).label) +
           "` | " + Escaped(info.help) + " |\n";
  }
  out +=
      "\n## Metrics\n\nOf the Prometheus endpoint (`metrics` in the document).\n\n| Metric | Type "
      "| "
      "Labels | Meaning |\n|---|---|---|---|\n";
  for (const MetricInfo& info : kMetricFamilies) {
    out += "| `" + std::string(info.name) + "` | " +
           (info.type == MetricType::kCounter ? "counter" : "gauge") + " | " + Labels(info.labels) +
           " | " + Escaped(info.help) + " |\n";
  }
  return out;
}

}  // namespace flyover
