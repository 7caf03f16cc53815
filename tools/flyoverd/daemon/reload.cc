// `flyover reload`, `plan`, `commit`, `confirm` and `rollback`: parse, validate everything, compare
// with the budget, publish. An error anywhere changes nothing.
//
// A commit is a reload that undoes itself unless `confirm` comes in time, whatever became of the
// client that asked for it. While one waits no other document is taken, so that what comes back is
// always what ran before it. Drains and weights by command are not part of a document and stay.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "common/log/log.h"
#include "tools/flyoverd/daemon/daemon.h"
#include "tools/flyoverd/daemon/document_diff.h"
#include "tools/flyoverd/daemon/show_plan.h"

namespace flyover {
namespace {

using nlohmann::json;

// What LoadDocument has just read: within its limits.
std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Status Invalid(std::string message) { return {StatusCode::kInvalidArgument, std::move(message)}; }

bool FlagArgument(const json& args, const char* key) {
  const auto it = args.find(key);
  return it != args.end() && it->is_boolean() && it->get<bool>();
}

std::vector<JournalMoveResult> ToJournal(const std::vector<lb::ServiceMoves>& moves) {
  std::vector<JournalMoveResult> list;
  list.reserve(moves.size());
  for (const lb::ServiceMoves& m : moves) list.push_back({m.service, m.slots, m.moved, m.least});
  return list;
}

}  // namespace

Result<Proposal> Daemon::ReadProposal(const json& args) const {
  Proposal proposal{.document = {}, .text = {}, .file = file_};
  ParsedDocument parsed;
  if (args.contains("document")) {
    if (!args["document"].is_string()) return Invalid("document: expected the document's text");
    proposal.text = args["document"].get<std::string>();
    proposal.file = args.value("file", std::string("<given>"));
    parsed = ParseDocument(proposal.text, proposal.file);
  } else {
    parsed = LoadDocument(file_);
    if (parsed.document) proposal.text = ReadAll(file_);
  }
  if (!parsed.document) return Invalid(ToString(parsed.errors));
  proposal.document = std::move(*parsed.document);
  const auto fixed = ChangesThatNeedRestart(document_, proposal.document, proposal.file);
  if (!fixed.empty()) return Invalid(ToString(fixed));
  return proposal;
}

Status Daemon::CheckBudget(const Proposal& proposal) {
  const auto limit = proposal.document.lb.max_moved;
  if (!limit) return Status::Ok();
  auto plan = balancer_->manager().Plan(proposal.document.lb);
  if (!plan.ok()) return Invalid(proposal.file + ": services: " + plan.status().message());
  const HundredthsOfPercent moved = plan->MostMoved();
  if (moved <= *limit) return Status::Ok();
  return {StatusCode::kFailedPrecondition,
          proposal.file + ": changes.max_moved: " + PercentText(moved) +
              " of a service or VIP would move, and the document allows " + PercentText(*limit) +
              "; nothing was changed; accepted: smaller steps, or --force (flyover plan shows what "
              "moves)"};
}

Result<ReloadResult> Daemon::Take(Proposal proposal) {
  const Document& next = proposal.document;
  ReloadResult result;
  result.changes = DescribeChanges(document_, next);
  result.changed = !result.changes.empty();
  if (Status status = ConfigureLog({next.log.level, next.log.areas, next.log.json}); !status.ok()) {
    return Invalid(proposal.file + ": log: " + status.message());
  }
  if (Status status = balancer_->Apply(next); !status.ok()) {
    return Invalid(proposal.file + ": services: " + status.message());
  }
  document_ = std::move(proposal.document);
  text_ = std::move(proposal.text);
  file_ = std::move(proposal.file);
  kernel_->ApplyStatic(document_);
  balancer_->PlaceVips(kernel_->sync().addresses());
  loaded_at_ = std::chrono::system_clock::now();
  result.generation = ++generation_;
  return result;
}

void Daemon::Reload(const json& args, const ControlReply& reply, const char* command,
                    std::optional<std::chrono::seconds> confirm) {
  JournalEntryResult entry = EntryBy(reply.caller(), command);
  const auto refuse = [&](const Status& status) {
    ++reloads_.refused;
    reloads_.last_ok = false;
    Log(LogArea::kConfig, LogLevel::kWarn, "{} refused, nothing changed: {}", command,
        status.message());
    entry.outcome = "refused";
    entry.message = status.message();
    entry.generation = generation_;
    journal_->Add(std::move(entry));
    reply.Fail(status);
  };
  if (waiting_) {
    return refuse({StatusCode::kFailedPrecondition,
                   "generation " + std::to_string(generation_) +
                       " waits to be confirmed; accepted: flyover confirm, or flyover rollback, "
                       "first"});
  }
  auto proposal = ReadProposal(args);
  if (!proposal.ok()) return refuse(proposal.status());
  if (!FlagArgument(args, "force")) {
    if (Status status = CheckBudget(*proposal); !status.ok()) return refuse(status);
  }
  const lb::TableSnapshot before = balancer_->manager().Tables();
  Proposal running{.document = document_, .text = text_, .file = file_};
  const uint64_t running_generation = generation_;
  auto result = Take(*std::move(proposal));
  if (!result.ok()) return refuse(result.status());
  ++reloads_.ok;
  reloads_.last_ok = true;
  if (confirm) {
    result->confirm_seconds = static_cast<double>(confirm->count());
    WaitingCommit& waiting = waiting_.emplace();
    waiting.back_to = std::move(running);
    waiting.generation = running_generation;
    waiting.until = std::chrono::steady_clock::now() + *confirm;
    waiting.timer = loop_.RunAfter(*confirm, [this] {
      // It logs itself what it could not do.
      (void)RollBack(EntryByDaemon("rollback"), "it was not confirmed in time");
    });
  }
  Log(LogArea::kConfig, LogLevel::kInfo, "generation {} by uid {}: {} change(s){}", generation_,
      reply.caller().uid, result->changes.size(), confirm ? ", to be confirmed" : "");
  entry.file = file_;
  entry.generation = generation_;
  entry.changes = result->changes;
  entry.moved = ToJournal(balancer_->manager().MovesSince(before));
  journal_->Add(std::move(entry));
  reply.Ok(*result);
}

void Daemon::CommitChange(const json& args, const ControlReply& reply) {
  const auto seconds = IntegerArgument(args, "confirm_seconds", 1, 86'400);
  if (!seconds.ok()) return reply.Fail(seconds.status());
  Reload(args, reply, "commit", std::chrono::seconds(*seconds));
}

void Daemon::Confirm(const ControlReply& reply) {
  if (!waiting_) {
    return reply.Fail({StatusCode::kFailedPrecondition, "nothing waits to be confirmed"});
  }
  waiting_.reset();
  JournalEntryResult entry = EntryBy(reply.caller(), "confirm");
  entry.generation = generation_;
  journal_->Add(std::move(entry));
  Log(LogArea::kConfig, LogLevel::kInfo, "generation {} confirmed by uid {}", generation_,
      reply.caller().uid);
  reply.Ok(ConfirmResult{generation_, 0});
}

Status Daemon::RollBack(JournalEntryResult entry, const std::string& why) {
  WaitingCommit waiting = std::move(*waiting_);
  waiting_.reset();
  const uint64_t was = generation_;
  const lb::TableSnapshot before = balancer_->manager().Tables();
  const auto result = Take(std::move(waiting.back_to));
  entry.generation = generation_;
  entry.message = "generation " + std::to_string(was) + ": " + why;
  if (!result.ok()) {
    entry.outcome = "refused";
    entry.message += ", but going back failed: " + result.status().message();
    Log(LogArea::kConfig, LogLevel::kError, "{}", entry.message);
    journal_->Add(std::move(entry));
    return result.status();
  }
  entry.file = file_;
  entry.changes = result->changes;
  entry.moved = ToJournal(balancer_->manager().MovesSince(before));
  Log(LogArea::kConfig, LogLevel::kWarn, "{}; generation {} has the document of generation {}",
      entry.message, generation_, waiting.generation);
  journal_->Add(std::move(entry));
  return Status::Ok();
}

void Daemon::RollBackNow(const ControlReply& reply) {
  if (!waiting_) {
    return reply.Fail({StatusCode::kFailedPrecondition, "nothing waits to be confirmed"});
  }
  const uint64_t was = generation_;
  const Status status = RollBack(EntryBy(reply.caller(), "rollback"), "taken back by command");
  if (!status.ok()) return reply.Fail(status);
  reply.Ok(ConfirmResult{generation_, was});
}

double Daemon::ConfirmSecondsLeft() const {
  if (!waiting_) return 0;
  const std::chrono::duration<double> left = waiting_->until - std::chrono::steady_clock::now();
  return std::max(left.count(), 0.0);
}

void Daemon::PlanChange(const json& args, const ControlReply& reply) {
  const auto proposal = ReadProposal(args);
  if (!proposal.ok()) return reply.Fail(proposal.status());
  std::optional<HundredthsOfPercent> limit = proposal->document.lb.max_moved;
  if (args.contains("max_moved")) {
    const auto given = IntegerArgument(args, "max_moved", 0, 10'000);
    if (!given.ok()) return reply.Fail(given.status());
    limit = static_cast<HundredthsOfPercent>(*given);
  }
  auto plan = balancer_->manager().Plan(proposal->document.lb);
  if (!plan.ok()) {
    return reply.Fail(Invalid(proposal->file + ": services: " + plan.status().message()));
  }
  PlanResult result = ShowPlan(*plan, limit);
  result.box_drained = balancer_->box_drained();
  result.changes = DescribeChanges(document_, proposal->document);
  reply.Ok(result);
}

}  // namespace flyover
