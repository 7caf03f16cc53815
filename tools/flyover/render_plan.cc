// What a document would change, and what was changed.
#include <cstdio>

#include "tools/flyover/render.h"
#include "tools/flyover/table.h"
#include "tools/flyover/units.h"

namespace flyover {
namespace {

constexpr auto kRight = Table::Align::kRight;

std::string Percent(double percent) {
  char text[16];
  std::snprintf(text, sizeof(text), "%.2f %%", percent);
  return text;
}

std::string Listed(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += " " + Printable(item);
  return text;
}

std::string Moved(const std::vector<JournalMoveResult>& moves) {
  std::string text;
  for (const JournalMoveResult& m : moves) {
    const double percent = m.slots == 0 ? 0 : 100.0 * m.moved / m.slots;
    text += (text.empty() ? "" : ", ") + m.service + " " + Percent(percent);
  }
  return text;
}

}  // namespace

std::string Render(const PlanResult& result, const RenderOptions&) {
  Table services({{"SERVICE"},
                  {"CHANGE"},
                  {"SLOTS", kRight},
                  {"MOVED", kRight},
                  {"LEAST", kRight},
                  {"MOVED-SHARE", kRight},
                  {"REMEMBERED", kRight},
                  {"BROKEN", kRight},
                  {"BROKEN-SHARE", kRight}});
  Table backends({{"SERVICE"},
                  {"BACKEND"},
                  {"ADDRESS"},
                  {"CHANGE"},
                  {"NOW", kRight},
                  {"THEN", kRight},
                  {"SLOTS-LOST", kRight},
                  {"SLOTS-GAINED", kRight},
                  {"REMEMBERED", kRight}});
  for (const PlanServiceResult& s : result.services) {
    services.AddRow({s.name, s.change, ExactCount(s.slots), ExactCount(s.slots_moved),
                     ExactCount(s.slots_least), Percent(s.moved_percent), ExactCount(s.flows),
                     ExactCount(s.flows_broken), Percent(s.broken_percent)});
    for (const PlanBackendResult& b : s.backends) {
      backends.AddRow({s.name, b.name, b.address, b.change, Percent(b.share_before_percent),
                       Percent(b.share_after_percent), ExactCount(b.slots_lost),
                       ExactCount(b.slots_gained), ExactCount(b.flows)});
    }
  }
  std::string text;
  for (const std::string& change : result.changes) text += Printable(change) + "\n";
  if (result.changes.empty()) text += "nothing changes\n";
  if (!services.empty()) text += "\n" + services.Render() + "\n" + backends.Render();
  Table endpoints({{"VIP"}, {"PROTOCOL"}, {"PORT", kRight}, {"NOW"}, {"THEN"}, {"BROKEN", kRight}});
  for (const PlanEndpointResult& e : result.endpoints) {
    endpoints.AddRow({e.vip, e.protocol, e.ports, e.service_before.empty() ? "-" : e.service_before,
                      e.service_after.empty() ? "-" : e.service_after, Percent(e.broken_percent)});
  }
  if (!endpoints.empty()) text += "\n" + endpoints.Render();
  text += "\n";
  const auto list = [&](const char* what, const std::vector<std::string>& vips) {
    if (!vips.empty()) text += what + Listed(vips) + "\n";
  };
  list("new VIPs:", result.vips_added);
  list("VIPs that go:", result.vips_removed);
  list(result.box_drained ? "announced when the box is no longer drained:" : "announced:",
       result.vips_announced);
  list("withdrawn:", result.vips_withdrawn);
  text += "services unchanged: " + std::to_string(result.services_unchanged) +
          "; the most that moves: " + Percent(result.max_moved_percent);
  if (result.limited) {
    text += std::string(result.within ? ", within " : ", BEYOND ") + "the limit of " +
            Percent(result.limit_percent);
  }
  return text + "\n";
}

std::string Render(const JournalResult& result, const RenderOptions&) {
  Table table({{"TIME"},
               {"USER"},
               {"COMMAND"},
               {"OUTCOME"},
               {"GENERATION", kRight},
               {"CHANGES", kRight},
               {"MOVED"},
               {"WHAT"}});
  for (const JournalEntryResult& e : result.entries) {
    std::string what = e.message;
    if (what.empty() && !e.changes.empty()) what = e.changes.front();
    if (what.size() > 120) what = what.substr(0, 117) + "...";
    table.AddRow({e.time, e.user.empty() ? std::to_string(e.uid) : e.user, e.command, e.outcome,
                  std::to_string(e.generation), std::to_string(e.changes_total), Moved(e.moved),
                  what});
  }
  std::string text = table.empty() ? "" : table.Render();
  text += std::to_string(result.total) + " entries";
  if (result.entries.size() < result.total) {
    text += " (the last " + std::to_string(result.entries.size()) + " shown; --limit 0 shows all)";
  }
  return text + "\n";
}

}  // namespace flyover
