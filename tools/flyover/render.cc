#include "tools/flyover/render.h"

#include <array>
#include <nlohmann/json.hpp>

#include "tools/flyover/table.h"
#include "tools/flyover/units.h"

namespace flyover {
namespace {

template <typename T>
std::string RenderAs(const nlohmann::json& answer, const RenderOptions& options) {
  return Render(answer.get<T>(), options);
}

struct Renderer {
  std::string_view command;
  std::string (*render)(const nlohmann::json&, const RenderOptions&);
};
constexpr std::array<Renderer, 28> kRenderers = {{
    {"show.ecmp", &RenderAs<EcmpResult>},
    {"show.lookup", &RenderAs<LookupsResult>},
    {"show.ports", &RenderAs<PortsResult>},
    {"show.lcores", &RenderAs<LcoresResult>},
    {"show.counters", &RenderAs<CountersResult>},
    {"show.drops", &RenderAs<DropsResult>},
    {"show.routes", &RenderAs<RoutesResult>},
    {"show.route", &RenderAs<RouteExplainResult>},
    {"show.sync", &RenderAs<SyncResult>},
    {"show.handshakes", &RenderAs<HandshakesResult>},
    {"show.vips", &RenderAs<VipsResult>},
    {"box.enable", &RenderAs<BoxResult>},
    {"show.vrfs", &RenderAs<VrfsResult>},
    {"show.neighbors", &RenderAs<NeighborsResult>},
    {"show.services", &RenderAs<ServicesResult>},
    {"show.backends", &RenderAs<BackendsResult>},
    {"show.connections", &RenderAs<ConnectionsResult>},
    {"show.config", &RenderAs<ConfigResult>},
    {"show.version", &RenderAs<VersionResult>},
    {"show.journal", &RenderAs<JournalResult>},
    {"plan", &RenderAs<PlanResult>},
    {"reload", &RenderAs<ReloadResult>},
    {"commit", &RenderAs<ReloadResult>},
    {"confirm", &RenderAs<ConfirmResult>},
    {"rollback", &RenderAs<ConfirmResult>},
    {"backend.drain", &RenderAs<BackendChangeResult>},
    {"backend.enable", &RenderAs<BackendChangeResult>},
    {"backend.weight", &RenderAs<BackendChangeResult>},
}};

}  // namespace

std::optional<std::string> RenderAnswer(std::string_view command, const nlohmann::json& answer,
                                        const RenderOptions& options) {
  for (const Renderer& renderer : kRenderers) {
    if (renderer.command != command) continue;
    if (!answer.is_object()) return std::nullopt;
    // The boundary for nlohmann's exceptions: a field of another type.
    try {
      return renderer.render(answer, options);
    } catch (const nlohmann::json::exception&) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

std::string Render(const ConfigResult& result, const RenderOptions&) {
  std::string text = "# generation " + std::to_string(result.generation) + ", loaded " +
                     Printable(result.loaded_at) + " from " + Printable(result.file) + "\n";
  if (result.confirm_seconds > 0) {
    text += "# waits for `flyover confirm`: in " + HumanDuration(result.confirm_seconds) +
            " generation " + std::to_string(result.rollback_generation) + " comes back\n";
  }
  text += result.yaml;
  if (text.back() != '\n') text += '\n';
  return text;
}

std::string Render(const VersionResult& result, const RenderOptions&) {
  return "flyoverd " + Printable(result.version) + " (commit " + Printable(result.commit) +
         ", DPDK " + Printable(result.dpdk) + ")\n  data plane " + Printable(result.dataplane) +
         ", pid " + std::to_string(result.pid) + ", up " + HumanDuration(result.uptime_seconds) +
         "\n" +
         (result.confirm_seconds > 0 ? "  waits for `flyover confirm` for another " +
                                           HumanDuration(result.confirm_seconds) + "\n"
                                     : "");
}

std::string Render(const ReloadResult& result, const RenderOptions&) {
  const std::string generation = std::to_string(result.generation);
  if (!result.changed && result.confirm_seconds <= 0) {
    return "nothing changed, still generation " + generation + "\n";
  }
  std::string text = "running generation " + generation + "\n";
  for (const std::string& change : result.changes) text += "  " + Printable(change) + "\n";
  if (result.confirm_seconds > 0) {
    text += "goes back in " + HumanDuration(result.confirm_seconds) +
            " unless `flyover confirm` comes\n";
  }
  return text;
}

std::string Render(const ConfirmResult& result, const RenderOptions&) {
  const std::string generation = std::to_string(result.generation);
  if (result.was == 0) return "generation " + generation + " is confirmed\n";
  return "went back from generation " + std::to_string(result.was) + "; running generation " +
         generation + "\n";
}

std::string Render(const BoxResult& result, const RenderOptions&) {
  return result.drained ? "the box is drained\n" : "the box announces VIPs that have backends\n";
}

std::string Render(const BackendChangeResult& result, const RenderOptions&) {
  return Printable(result.service) + "/" + Printable(result.backend) + ": weight " +
         std::to_string(result.weight) + (result.drained ? ", drained" : "") + "\n";
}

}  // namespace flyover
