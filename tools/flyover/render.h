// The daemon's answers as text for people (common/control/results.h). Pure: values in, text out.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "common/control/results.h"

namespace flyover {

struct RenderOptions {
  bool exact = false;  // full numbers instead of "1.2 M"
  bool all = false;    // drops: zeros, too
};

std::string Render(const PortsResult& result, const RenderOptions& options);
std::string Render(const LcoresResult& result, const RenderOptions& options);
std::string Render(const CountersResult& result, const RenderOptions& options);
std::string Render(const DropsResult& result, const RenderOptions& options);
std::string Render(const RoutesResult& result, const RenderOptions& options);
std::string Render(const RouteExplainResult& result, const RenderOptions& options);
std::string Render(const EcmpResult& result, const RenderOptions& options);
std::string Render(const LookupsResult& result, const RenderOptions& options);
std::string Render(const SyncResult& result, const RenderOptions& options);
std::string Render(const HandshakesResult& result, const RenderOptions& options);
std::string Render(const VipsResult& result, const RenderOptions& options);
std::string Render(const BoxResult& result, const RenderOptions& options);
std::string Render(const VrfsResult& result, const RenderOptions& options);
std::string Render(const NeighborsResult& result, const RenderOptions& options);
std::string Render(const ServicesResult& result, const RenderOptions& options);
std::string Render(const BackendsResult& result, const RenderOptions& options);
std::string Render(const ConnectionsResult& result, const RenderOptions& options);
std::string Render(const ConfigResult& result, const RenderOptions& options);
std::string Render(const VersionResult& result, const RenderOptions& options);
std::string Render(const ReloadResult& result, const RenderOptions& options);
std::string Render(const ConfirmResult& result, const RenderOptions& options);
std::string Render(const PlanResult& result, const RenderOptions& options);
std::string Render(const JournalResult& result, const RenderOptions& options);
std::string Render(const BackendChangeResult& result, const RenderOptions& options);

// False when a source's or the total's equation does not hold.
bool LedgerBalanced(const CountersResult& result);

// The text for the answer to `command` ("show.ports"). Nothing when the answer is not of the
// command's shape.
std::optional<std::string> RenderAnswer(std::string_view command, const nlohmann::json& answer,
                                        const RenderOptions& options);

}  // namespace flyover
