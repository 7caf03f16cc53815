// flyoverd: one data plane from one document. Start builds everything in order, Run serves until a
// signal, and the end closes everything in reverse, with nothing left in a buffer that is not
// counted.
//
// Threads: control thread only.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/control/control_server.h"
#include "common/control/event_loop.h"
#include "common/metrics/exporter.h"
#include "tools/flyoverd/daemon/balancer_side.h"
#include "tools/flyoverd/daemon/journal.h"
#include "tools/flyoverd/daemon/kernel_side.h"
#include "tools/flyoverd/daemon/ledger_collector.h"
#include "tools/flyoverd/daemon/metrics_source.h"
#include "tools/flyoverd/daemon/router_names.h"
#include "tools/flyoverd/daemon/runtime_dir.h"
#include "tools/flyoverd/daemon/show_dataplane.h"
#include "tools/flyoverd/daemon/start_error.h"
#include "tools/flyoverd/dataplane/dataplane.h"
#include "tools/flyoverd/document/document.h"

namespace flyover {

// A document that may come into force.
struct Proposal {
  Document document;
  std::string text;
  std::string file;
};

// A committed document that nobody has confirmed yet.
struct WaitingCommit {
  Proposal back_to;
  uint64_t generation = 0;  // of back_to
  std::chrono::steady_clock::time_point until;
  EventLoop::Handle timer;
};

class Daemon {
 public:
  // `text` is the document as it was read, for `show config`.
  Daemon(Document document, std::string text, std::string file);
  ~Daemon();

  std::optional<StartError> Start();
  // Until SIGTERM or SIGINT; the process's exit code.
  int Run();

 private:
  std::optional<StartError> StartDataplane();
  std::optional<StartError> StartServing();
  void RegisterCommands();
  void RegisterShow();

  // reload.cc
  Result<Proposal> ReadProposal(const nlohmann::json& args) const;
  Status CheckBudget(const Proposal& proposal);
  Result<ReloadResult> Take(Proposal proposal);
  void Reload(const nlohmann::json& args, const ControlReply& reply, const char* command,
              std::optional<std::chrono::seconds> confirm);
  void CommitChange(const nlohmann::json& args, const ControlReply& reply);
  void Confirm(const ControlReply& reply);
  Status RollBack(JournalEntryResult entry, const std::string& why);
  void RollBackNow(const ControlReply& reply);
  void PlanChange(const nlohmann::json& args, const ControlReply& reply);
  double ConfirmSecondsLeft() const;

  void RefreshMetrics();
  void Shutdown();
  std::vector<std::string> PortNames() const;
  RouterNames Names() const;
  // Runs a command on a backend, answers, and keeps a record of it.
  void ChangeBackend(
      const nlohmann::json& args, const ControlReply& reply, const char* command,
      const std::function<Status(const std::string& service, const std::string& backend)>& change);

  Document document_;
  std::string text_;
  std::string file_;
  uint64_t generation_ = 1;
  std::chrono::system_clock::time_point loaded_at_;
  std::chrono::steady_clock::time_point started_at_;
  ReloadCounts reloads_;

  EventLoop loop_;
  std::optional<RuntimeDir> runtime_dir_;
  std::optional<Journal> journal_;
  std::optional<WaitingCommit> waiting_;
  std::vector<unsigned> lcore_cpus_;
  std::unique_ptr<Dataplane> dataplane_;
  std::unique_ptr<KernelSide> kernel_;
  std::unique_ptr<BalancerSide> balancer_;
  std::unique_ptr<LedgerCollector> ledger_;
  std::unique_ptr<MetricsSource> metrics_;
  std::unique_ptr<MetricsExporter> exporter_;
  std::unique_ptr<ControlServer> control_;
  StageMeasurement stages_;
  std::vector<LcoreCycles> lcore_cycles_;  // at the last `show lcores`
  std::vector<EventLoop::Handle> handles_;
  EventLoop::Handle stop_;  // by command, when it has been answered
};

}  // namespace flyover
