// The books: counters, drops and punts. Numbers stand in full here, as the equation is exact.
#include <algorithm>
#include <cstdlib>

#include "tools/flyover/render.h"
#include "tools/flyover/table.h"
#include "tools/flyover/units.h"

namespace flyover {
namespace {

constexpr auto kRight = Table::Align::kRight;

std::string Signed(int64_t value) { return (value > 0 ? "+" : "") + std::to_string(value); }

void AddSource(Table& table, const SourceResult& s) {
  table.AddRow({s.name, s.kind, ExactCount(s.rx), ExactCount(s.from_kernel),
                ExactCount(s.generated), ExactCount(s.copies), ExactCount(s.tx),
                ExactCount(s.punted), ExactCount(s.dropped), std::to_string(s.buffered)});
}

std::string BySource(const DropResult& drop) {
  std::string text;
  for (const auto& [source, packets] : drop.per_source) {
    if (packets == 0) continue;
    if (!text.empty()) text += ", ";
    text += source + " " + ExactCount(packets);
  }
  return text;
}

}  // namespace

bool LedgerBalanced(const CountersResult& result) {
  const auto balanced = [](const SourceResult& s) {
    return s.balanced && LedgerDifference(s) == 0;
  };
  return balanced(result.total) &&
         std::all_of(result.sources.begin(), result.sources.end(), balanced);
}

std::string Render(const CountersResult& result, const RenderOptions&) {
  Table table({{"SOURCE"},
               {"KIND"},
               {"RX", kRight},
               {"FROM-KERNEL", kRight},
               {"GENERATED", kRight},
               {"COPIES", kRight},
               {"TX", kRight},
               {"PUNTED", kRight},
               {"DROPPED", kRight},
               {"BUFFERED", kRight}});
  for (const SourceResult& source : result.sources) AddSource(table, source);
  AddSource(table, result.total);
  std::string text = table.Render();
  text += "rx + from-kernel + generated + copies = tx + punted + dropped + buffered\n";
  if (LedgerBalanced(result)) return text + "ledger: balanced\n";

  std::string where;
  uint64_t sum = 0;
  for (const SourceResult& source : result.sources) {
    const int64_t difference = LedgerDifference(source);
    if (difference == 0 && source.balanced) continue;
    sum += static_cast<uint64_t>(std::abs(difference));
    where += (where.empty() ? " (" : ", ") + Printable(source.name) + " " + Signed(difference);
  }
  const auto total = static_cast<uint64_t>(std::abs(LedgerDifference(result.total)));
  // Sources may be off in opposite directions.
  text += "ledger: OFF BY " + std::to_string(std::max(total, sum)) + where;
  return text + (where.empty() ? "\n" : ")\n");
}

std::string Render(const DropsResult& result, const RenderOptions& options) {
  std::vector<DropResult> drops;
  for (const DropResult& drop : result.drops) {
    if (drop.packets > 0 || options.all) drops.push_back(drop);
  }
  std::stable_sort(drops.begin(), drops.end(),
                   [](const DropResult& a, const DropResult& b) { return a.packets > b.packets; });
  std::string text;
  if (drops.empty()) {
    text = "no drops\n";
  } else {
    Table table({{"DROPPED", kRight}, {"REASON"}, {"FROM"}, {"MEANING"}});
    for (const DropResult& drop : drops) {
      table.AddRow({ExactCount(drop.packets), drop.reason, BySource(drop), drop.help});
    }
    text = table.Render();
  }
  Table punts({{"TO-KERNEL", kRight}, {"REASON"}, {"CLASS"}, {"MEANING"}});
  for (const PuntResult& punt : result.punts) {
    if (punt.packets == 0 && !options.all) continue;
    punts.AddRow({ExactCount(punt.packets), punt.reason, punt.punt_class, punt.help});
  }
  if (!punts.empty()) text += "\n" + punts.Render();
  Table classes({{"POLICED", kRight}, {"CLASS"}, {"RATE", kRight}, {"MEANING"}});
  for (const PuntClassResult& c : result.punt_classes) {
    classes.AddRow({ExactCount(c.policed), c.name, HumanCount(c.rate_pps) + "/s", c.help});
  }
  if (!classes.empty()) text += "\n" + classes.Render();
  Table errors({{"SENT", kRight}, {"LIMITED", kRight}, {"ICMP-ERROR"}});
  for (const IcmpErrorResult& error : result.icmp_errors) {
    if (error.sent + error.limited == 0 && !options.all) continue;
    errors.AddRow({ExactCount(error.sent), ExactCount(error.limited), error.type});
  }
  if (!errors.empty()) text += "\n" + errors.Render();
  if (result.fragmented > 0) {
    text += "\nfragmented: " + ExactCount(result.fragmented) + " IPv4 packets into " +
            ExactCount(result.fragments) + " pieces\n";
  }
  return text;
}

}  // namespace flyover
