// The control socket's commands (common/control/results.h lists them): thin adapters from arguments
// to the parts that know the answers.
#include <rte_version.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "tools/flyoverd/daemon/daemon.h"
#include "tools/flyoverd/daemon/show_balancer.h"
#include "tools/flyoverd/daemon/show_ecmp.h"
#include "tools/flyoverd/daemon/show_lookup.h"
#include "tools/flyoverd/daemon/show_router.h"
#include "tools/flyoverd/daemon/wall_time.h"
#include "tools/version/version.h"

namespace flyover {
namespace {

using nlohmann::json;

constexpr size_t kDefaultLimit = 100;

Status Invalid(const std::string& message) { return Status(StatusCode::kInvalidArgument, message); }

std::string TextArgument(const json& args, const char* key) {
  const auto it = args.find(key);
  return it != args.end() && it->is_string() ? it->get<std::string>() : "";
}

bool FlagArgument(const json& args, const char* key) {
  const auto it = args.find(key);
  return it != args.end() && it->is_boolean() && it->get<bool>();
}

size_t LimitArgument(const json& args, size_t otherwise) {
  const auto it = args.find("limit");
  return it != args.end() && it->is_number_unsigned() ? it->get<size_t>() : otherwise;
}

const Status kNoAnswer(StatusCode::kUnavailable,
                       "a forwarding thread did not answer within a second");

}  // namespace

void Daemon::RegisterCommands() {
  RegisterShow();
  control_->Register("reload", [this](const json& args, const ControlReply& reply) {
    Reload(args, reply, "reload", std::nullopt);
  });
  control_->Register(
      "commit", [this](const json& args, const ControlReply& reply) { CommitChange(args, reply); });
  control_->Register("confirm", [this](const json&, const ControlReply& reply) { Confirm(reply); });
  control_->Register("rollback",
                     [this](const json&, const ControlReply& reply) { RollBackNow(reply); });
  control_->Register(
      "plan", [this](const json& args, const ControlReply& reply) { PlanChange(args, reply); });
  const auto drain_box = [this](bool drained) {
    return [this, drained](const json&, const ControlReply& reply) {
      balancer_->SetBoxDrained(drained);
      JournalEntryResult entry = EntryBy(reply.caller(), drained ? "box.drain" : "box.enable");
      entry.generation = generation_;
      journal_->Add(std::move(entry));
      reply.Ok(BoxResult{.drained = drained});
    };
  };
  control_->Register("box.drain", drain_box(true));
  control_->Register("box.enable", drain_box(false));
  control_->Register("stop", [this](const json&, const ControlReply& reply) {
    JournalEntryResult entry = EntryBy(reply.caller(), "stop");
    entry.generation = generation_;
    journal_->Add(std::move(entry));
    reply.Ok(BoxResult{.drained = balancer_->box_drained()});
    // Behind the answer.
    stop_ = loop_.RunAfter(std::chrono::milliseconds(50), [this] { loop_.Stop(); });
  });
  control_->Register("backend.drain", [this](const json& args, const ControlReply& reply) {
    ChangeBackend(args, reply, "backend.drain",
                  [this](const std::string& service, const std::string& backend) {
                    return balancer_->manager().Drain(service, backend);
                  });
  });
  control_->Register("backend.enable", [this](const json& args, const ControlReply& reply) {
    ChangeBackend(args, reply, "backend.enable",
                  [this](const std::string& service, const std::string& backend) {
                    return balancer_->manager().Enable(service, backend);
                  });
  });
  control_->Register("backend.weight", [this](const json& args, const ControlReply& reply) {
    const auto weight = args.find("weight");
    if (weight == args.end() || !weight->is_number_unsigned() || weight->get<uint64_t>() > 65535) {
      return reply.Fail(Invalid("weight: accepted: a whole number from 0 to 65535"));
    }
    const auto value = weight->get<uint16_t>();
    ChangeBackend(args, reply, "backend.weight",
                  [this, value](const std::string& service, const std::string& backend) {
                    return balancer_->manager().SetWeight(service, backend, value);
                  });
  });
}

void Daemon::ChangeBackend(
    const json& args, const ControlReply& reply, const char* command,
    const std::function<Status(const std::string& service, const std::string& backend)>& change) {
  const std::string service = TextArgument(args, "service");
  const std::string backend = TextArgument(args, "backend");
  const lb::TableSnapshot before = balancer_->manager().Tables();
  if (Status status = change(service, backend); !status.ok()) return reply.Fail(status);
  BackendChangeResult result;
  result.service = service;
  result.backend = backend;
  for (const lb::BackendInfo& info : balancer_->manager().Backends()) {
    if (info.service != service || info.name != backend) continue;
    result.weight = info.weight_by_command.value_or(info.weight);
    result.drained = info.drained;
  }
  JournalEntryResult entry = EntryBy(reply.caller(), command);
  entry.generation = generation_;
  entry.message = service + "/" + backend + ": weight " + std::to_string(result.weight) +
                  (result.drained ? ", drained" : "");
  for (const lb::ServiceMoves& m : balancer_->manager().MovesSince(before)) {
    entry.moved.push_back({m.service, m.slots, m.moved, m.least});
  }
  journal_->Add(std::move(entry));
  reply.Ok(result);
}

void Daemon::RegisterShow() {
  const auto show = [this](const char* command, auto answer) {
    control_->Register(
        command, [answer](const json& args, const ControlReply& reply) { reply.Ok(answer(args)); });
  };
  // Answers that are of one VRF: the main one, or what `vrf` names.
  const auto with_vrf = [this](const char* command, auto answer) {
    control_->Register(command, [this, answer](const json& args, const ControlReply& reply) {
      const std::string wanted = TextArgument(args, "vrf");
      std::string names;
      for (const auto& vrf : kernel_->vrfs()) {
        names += (names.empty() ? "" : ", ") + vrf->name();
        if (vrf->name() != (wanted.empty() ? kMainVrfName : wanted)) continue;
        auto result = answer(args, *vrf, kernel_->rib().vrf(vrf->index()));
        if (!result.ok()) return reply.Fail(result.status());
        return reply.Ok(*result);
      }
      reply.Fail(Invalid("there is no VRF '" + wanted + "'; accepted: " + names));
    });
  };
  show("show.ports", [this](const json&) { return ShowPorts(*dataplane_, *kernel_, document_); });
  show("show.lcores", [this](const json& args) {
    const std::string stages = TextArgument(args, "stages");
    LcoresResult result = ShowLcores(*dataplane_, lcore_cpus_, PortNames(), lcore_cycles_);
    if (stages == "start") stages_.Start(*dataplane_);
    if (stages == "stop") stages_.Stop(*dataplane_, result);
    return result;
  });
  with_vrf("show.routes",
           [this](const json& args, const KernelVrf& vrf,
                  const router::VrfRib& rib) -> Result<RoutesResult> {
             const size_t limit = LimitArgument(args, 0);
             if (FlagArgument(args, "refused")) return ShowRefusedRoutes(vrf, rib, Names(), limit);
             return ShowRoutes(vrf, rib, Names(), limit);
           });
  with_vrf(
      "show.sync",
      [this](const json& args, KernelVrf& vrf, const router::VrfRib& rib) -> Result<SyncResult> {
        const auto now = std::chrono::steady_clock::now();
        std::vector<router::RouteDifference> differences;
        const bool compare = FlagArgument(args, "diff");
        if (compare) {
          auto diff = vrf.sync().Diff(now);
          if (!diff.ok()) return diff.status();
          differences = *std::move(diff);
        }
        return ShowSync(vrf, now, rib, Names(), compare ? &differences : nullptr);
      });
  show("show.vrfs", [this](const json&) {
    return ShowVrfs(*kernel_, std::chrono::steady_clock::now(), kernel_->rib(), Names());
  });
  show("show.neighbors", [this](const json&) { return ShowNeighbors(kernel_->rib(), Names()); });
  show("show.vips", [this](const json&) {
    return ShowVips(balancer_->manager(), balancer_->Vips(), balancer_->announces(),
                    balancer_->box_drained(), std::chrono::steady_clock::now());
  });
  show("show.services", [this](const json&) { return ShowServices(balancer_->manager()); });
  show("show.backends", [this](const json&) { return ShowBackends(balancer_->manager()); });
  show("show.handshakes", [this](const json&) { return ShowHandshakes(balancer_->manager()); });
  show("show.connections", [this](const json& args) {
    const size_t limit = LimitArgument(args, kDefaultLimit);
    return ShowConnections(balancer_->manager(), *dataplane_,
                           limit == 0 ? std::numeric_limits<size_t>::max() : limit);
  });
  show("show.config", [this](const json&) {
    ConfigResult result;
    result.yaml = text_;
    result.file = file_;
    result.generation = generation_;
    result.loaded_at = Rfc3339(loaded_at_);
    result.confirm_seconds = ConfirmSecondsLeft();
    if (waiting_) result.rollback_generation = waiting_->generation;
    return result;
  });
  show("show.journal",
       [this](const json& args) { return journal_->Show(LimitArgument(args, kDefaultLimit)); });
  show("show.version", [this](const json&) {
    VersionResult result;
    result.version = Version();
    result.commit = Commit();
    result.dpdk = rte_version();
    result.dataplane = document_.dataplane.name;
    result.pid = getpid();
    result.uptime_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started_at_).count();
    result.confirm_seconds = ConfirmSecondsLeft();
    return result;
  });
  with_vrf(
      "show.route",
      [this](const json& args, const KernelVrf& vrf,
             const router::VrfRib& rib) -> Result<RouteExplainResult> {
        const std::string text = TextArgument(args, "address");
        const auto address = IpAddress::Parse(text);
        if (!address) {
          return Invalid("'" + text + "' is not an address; accepted: 192.0.2.1 or 2001:db8::1");
        }
        return ShowRoute(vrf, rib, Names(), *address);
      });
  show("show.ecmp", [this](const json& args) {
    return ShowEcmp(kernel_->rib(), PortNames(), LimitArgument(args, 0));
  });
  with_vrf("show.lookup", [this](const json& args, const KernelVrf& vrf, const router::VrfRib&) {
    return ShowLookups(kernel_->rib(), dataplane_->tables(), Names(), vrf.index(),
                       TextArgument(args, "addresses"));
  });
  const auto with_ledger = [this](const char* command, auto answer) {
    control_->Register(command, [this, answer](const json&, const ControlReply& reply) {
      ledger_->Collect([answer, reply](const LedgerTotals* totals) {
        if (totals == nullptr) return reply.Fail(kNoAnswer);
        reply.Ok(answer(*totals));
      });
    });
  };
  with_ledger("show.counters",
              [this](const LedgerTotals& totals) { return ShowCounters(totals, document_); });
  with_ledger("show.drops", [this](const LedgerTotals& totals) {
    return ShowDrops(totals, *dataplane_, document_);
  });
}

}  // namespace flyover
