// `flyover reload`: parse, validate everything, compare, publish. An error anywhere changes
// nothing.
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "common/log/log.h"
#include "tools/flyoverd/daemon/daemon.h"
#include "tools/flyoverd/daemon/document_diff.h"

namespace flyover {
namespace {

// What LoadDocument has just read: within its limits.
std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

void Daemon::Reload(const nlohmann::json& args, const ControlReply& reply) {
  const auto refuse = [&](const std::string& message) {
    ++reloads_.refused;
    reloads_.last_ok = false;
    Log(LogArea::kConfig, LogLevel::kWarn, "reload refused, nothing changed: {}", message);
    reply.Fail(Status(StatusCode::kInvalidArgument, message));
  };
  const bool given = args.contains("document");
  std::string file = file_;
  ParsedDocument parsed;
  std::string text;
  if (given) {
    if (!args["document"].is_string()) return refuse("document: expected the document's text");
    text = args["document"].get<std::string>();
    file = args.value("file", std::string("<given>"));
    parsed = ParseDocument(text, file);
  } else {
    parsed = LoadDocument(file_);
    if (parsed.document) text = ReadAll(file_);
  }
  if (!parsed.document) return refuse(ToString(parsed.errors));
  const Document& next = *parsed.document;
  if (const auto fixed = ChangesThatNeedRestart(document_, next, file); !fixed.empty()) {
    return refuse(ToString(fixed));
  }
  ReloadResult result;
  result.changes = DescribeChanges(document_, next);
  result.changed = !result.changes.empty();
  if (Status status = ConfigureLog({next.log.level, next.log.areas, next.log.json}); !status.ok()) {
    return refuse(file + ": log: " + status.message());
  }
  if (Status status = balancer_->Apply(next); !status.ok()) {
    return refuse(file + ": services: " + status.message());
  }
  document_ = next;
  text_ = std::move(text);
  file_ = file;
  kernel_->ApplyStatic(document_);
  balancer_->PlaceVips(kernel_->sync().addresses());
  loaded_at_ = std::chrono::system_clock::now();
  ++reloads_.ok;
  reloads_.last_ok = true;
  result.generation = ++generation_;
  Log(LogArea::kConfig, LogLevel::kInfo, "generation {} by uid {}: {} change(s)", generation_,
      reply.caller().uid, result.changes.size());
  reply.Ok(result);
}

}  // namespace flyover
