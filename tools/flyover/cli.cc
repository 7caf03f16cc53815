#include "tools/flyover/cli.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "common/control/control_client.h"
#include "common/pci/ssh_session.h"
#include "tools/flyover/arguments.h"
#include "tools/flyover/device.h"
#include "tools/flyover/doctor.h"
#include "tools/flyover/document_file.h"
#include "tools/flyover/fleet.h"
#include "tools/flyover/render.h"
#include "tools/flyover/sibling.h"
#include "tools/flyover/table.h"
#include "tools/version/version.h"

namespace flyover {
namespace {

using nlohmann::json;

// More than the daemon gives its own handlers, so that its reason is seen rather than ours.
constexpr std::chrono::seconds kTimeout{40};
constexpr std::chrono::seconds kStageSampling{1};
constexpr uint64_t kDefaultLimit = 100;

std::string JsonText(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

class Cli {
 public:
  Cli(Invocation invocation, std::string directory, std::ostream& out, std::ostream& err)
      : invocation_(std::move(invocation)),
        directory_(std::move(directory)),
        out_(out),
        err_(err) {}

  int Run() {
    if (invocation_.command == "bench") {
      return RunProgram("flyover-bench", "bench", invocation_.rest);
    }
    if (invocation_.command == "check") {
      std::vector<std::string> arguments = {"--check", *invocation_.file};
      arguments.insert(arguments.end(), invocation_.rest.begin(), invocation_.rest.end());
      return RunProgram("flyoverd", "flyoverd", arguments);
    }
    if (invocation_.command == "device") {
      return RunDevice(invocation_.device, ThisHost(),
                       SshInterface(SshConnection("/proc", getpid())), out_, err_);
    }
    if (invocation_.command == "version") return Versions();
    if (invocation_.command == "show.lookup") return Lookup();
    if (invocation_.command == "box.drain") return Drain();
    if (invocation_.command == "fleet") return Fleet();
    if (invocation_.command == "doctor.backend") return Doctor();
    Result<json> args = Arguments();
    if (!args.ok()) return Complain(args.status());
    if (invocation_.watch_seconds > 0) return Watch(*args);
    return Request(*args);
  }

 private:
  int RunProgram(const std::string& name, const std::string& build_directory,
                 const std::vector<std::string>& arguments) {
    const char* path = std::getenv("PATH");
    const auto program =
        FindSibling(name, build_directory, directory_, path == nullptr ? "" : path);
    out_.flush();
    return Complain(program.ok() ? Become(*program, arguments) : program.status());
  }

  Result<json> Arguments() const {
    const std::string& command = invocation_.command;
    json args = json::object();
    if (command == "show.route") args["address"] = invocation_.address;
    if (command == "show.routes" || command == "show.connections" || command == "show.journal" ||
        command == "show.ecmp") {
      args["limit"] = invocation_.limit.value_or(kDefaultLimit);
    }
    if (invocation_.stages) args["stages"] = "stop";
    if (command == "show.routes" && invocation_.refused) args["refused"] = true;
    if (!invocation_.vrf.empty()) args["vrf"] = invocation_.vrf;
    if (command == "show.sync") args["diff"] = invocation_.diff;
    if (command.starts_with("backend.")) {
      args["service"] = invocation_.service;
      args["backend"] = invocation_.backend;
    }
    if (command == "backend.weight") args["weight"] = invocation_.weight;
    if (invocation_.force) args["force"] = true;
    if (command == "commit") args["confirm_seconds"] = invocation_.confirm_seconds;
    if (invocation_.max_moved) args["max_moved"] = *invocation_.max_moved;
    if (TakesDocument() && invocation_.file) {
      Result<std::string> document = ReadDocument(*invocation_.file);
      if (!document.ok()) return document.status();
      args["document"] = std::move(*document);
      args["file"] = *invocation_.file;
    }
    return args;
  }

  bool TakesDocument() const {
    const std::string& command = invocation_.command;
    return command == "reload" || command == "commit" || command == "plan";
  }

  int Complain(const Status& status) {
    err_ << "flyover: " << Printable(status.message()) << "\n";
    return kExitRefused;
  }

  int NoDaemon() {
    err_ << "flyover: no daemon answers on " << Printable(invocation_.socket)
         << " (is flyoverd running?)\n";
    return kExitNoDaemon;
  }

  int NotConnected(const Status& status) {
    return status.code() == StatusCode::kUnavailable ? NoDaemon() : Complain(status);
  }

  // The daemon's errors of a document are lines of their own, as compilers print them.
  int Refused(const Status& status) {
    if (!TakesDocument() || status.code() != StatusCode::kInvalidArgument) {
      return Complain(status);
    }
    std::string_view rest = status.message();
    while (!rest.empty()) {
      const size_t end = rest.find('\n');
      err_ << Printable(rest.substr(0, end)) << "\n";
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    }
    return kExitRefused;
  }

  int Request(const json& args) {
    auto client = ControlClient::Connect(invocation_.socket);
    if (!client.ok()) {
      if (client.status().code() == StatusCode::kPermissionDenied) {
        return Complain({StatusCode::kPermissionDenied,
                         client.status().message() +
                             " (root and members of the document's control.group may)"});
      }
      return NotConnected(client.status());
    }
    if (invocation_.stages) {
      // What lcores sample between the two calls.
      const Result<json> started =
          client->Call(invocation_.command, {{"stages", "start"}}, kTimeout);
      if (started.ok()) std::this_thread::sleep_for(kStageSampling);
    }
    const Result<json> answer = client->Call(invocation_.command, args, kTimeout);
    if (client->lost()) {
      Complain(answer.status());
      return kExitNoDaemon;
    }
    if (!answer.ok()) return Refused(answer.status());
    const int shown = Show(answer.value());
    return shown == kExitOk && invocation_.wait ? WaitForDrained(*client) : shown;
  }

  int WaitForDrained(ControlClient& client) {
    // With --json the answer alone is on the standard output.
    const Status status = RunWaitForBackend(
        {.service = invocation_.service,
         .backend = invocation_.backend,
         .limit = invocation_.wait_limit},
        [&](const std::string& command) { return client.Call(command, json::object(), kTimeout); },
        invocation_.json ? err_ : out_);
    if (client.lost()) {
      Complain(status);
      return kExitNoDaemon;
    }
    return status.ok() ? kExitOk : Complain(status);
  }

  // Many addresses are asked for in portions: each is a short while of the daemon's control thread.
  int Lookup() {
    constexpr size_t kPortion = 2000;
    std::vector<std::string> addresses = invocation_.addresses;
    if (addresses.empty()) addresses.assign(std::istream_iterator<std::string>(std::cin), {});
    auto client = ControlClient::Connect(invocation_.socket);
    if (!client.ok()) return NotConnected(client.status());
    json all = json::array();
    for (size_t at = 0; at < addresses.size(); at += kPortion) {
      std::string portion;
      for (size_t i = at; i < std::min(at + kPortion, addresses.size()); ++i) {
        portion += addresses[i] + " ";
      }
      json args = {{"addresses", portion}};
      if (!invocation_.vrf.empty()) args["vrf"] = invocation_.vrf;
      const Result<json> answer = client->Call(invocation_.command, args, kTimeout);
      if (client->lost()) {
        Complain(answer.status());
        return kExitNoDaemon;
      }
      if (!answer.ok()) return Complain(answer.status());
      if (!invocation_.json) {
        if (const int code = Show(*answer); code != kExitOk) return code;
      } else if (const auto lookups = answer->find("lookups"); lookups != answer->end()) {
        for (const json& lookup : *lookups) all.push_back(lookup);
      }
    }
    if (invocation_.json) out_ << JsonText({{"lookups", all}});
    return kExitOk;
  }

  int Drain() {
    auto client = ControlClient::Connect(invocation_.socket);
    if (!client.ok()) return NotConnected(client.status());
    const Status status = RunDrainBox(
        invocation_.drain_box,
        [&](const std::string& command) { return client->Call(command, json::object(), kTimeout); },
        out_);
    if (client->lost()) {
      Complain(status);
      return kExitNoDaemon;
    }
    return status.ok() ? kExitOk : Complain(status);
  }

  int Doctor() {
    auto client = ControlClient::Connect(invocation_.socket);
    if (!client.ok()) return NotConnected(client.status());
    const Result<json> config = client->Call("show.config", json::object(), kTimeout);
    if (!config.ok()) return Complain(config.status());
    const auto all = RunDoctor(config->value("yaml", ""), invocation_.backend);
    if (!all.ok()) return Complain(all.status());
    out_ << (invocation_.json ? JsonText(DoctorJson(*all)) : RenderDoctor(*all));
    return Healthy(*all) ? kExitOk : kExitRefused;
  }

  int Fleet() {
    const std::vector<FleetBox> fleet = AskFleet(invocation_.places, FetchMetrics);
    out_ << (invocation_.json ? JsonText(FleetJson(fleet)) : RenderFleet(fleet));
    return Alike(fleet) ? kExitOk : kExitRefused;
  }

  int Show(const json& answer) {
    if (invocation_.json) {
      out_ << JsonText(answer);
    } else {
      const auto text = RenderAnswer(invocation_.command, answer,
                                     {.exact = invocation_.exact, .all = invocation_.all});
      if (!text) {
        return Complain({StatusCode::kInternal,
                         "the daemon's answer has another shape; is it of another version? "
                         "--json shows it as it is"});
      }
      out_ << *text;
    }
    if (invocation_.command == "show.counters" && !Balanced(answer)) return kExitRefused;
    if (invocation_.command == "plan" && !Within(answer)) return kExitOverBudget;
    return kExitOk;
  }

  static bool Balanced(const json& answer) {
    try {
      return LedgerBalanced(answer.get<CountersResult>());
    } catch (const json::exception&) {
      return false;
    }
  }

  static bool Within(const json& answer) {
    try {
      return answer.get<PlanResult>().within;
    } catch (const json::exception&) {
      return false;
    }
  }

  int Watch(const json& args) {
    const bool terminal = &out_ == &std::cout && isatty(STDOUT_FILENO) == 1;
    const std::chrono::duration<double> period(invocation_.watch_seconds);
    auto next = std::chrono::steady_clock::now();
    for (uint64_t i = 0;; ++i) {
      if (terminal) out_ << "\x1b[H\x1b[2J";
      const int code = Request(args);
      out_ << (terminal ? "" : "\n") << std::flush;
      if (code == kExitNoDaemon || i + 1 == invocation_.count || !out_) return code;
      next += std::chrono::duration_cast<std::chrono::steady_clock::duration>(period);
      std::this_thread::sleep_until(next);
    }
  }

  int Versions() {
    json daemon;
    auto client = ControlClient::Connect(invocation_.socket);
    if (client.ok()) {
      Result<json> answer = client->Call("show.version", json::object(), kTimeout);
      if (answer.ok()) daemon = std::move(answer.value());
    }
    if (invocation_.json) {
      out_ << JsonText(
          {{"flyover", {{"version", Version()}, {"commit", Commit()}}}, {"flyoverd", daemon}});
      return kExitOk;
    }
    out_ << "flyover " << Version() << " (commit " << Commit() << ")\n";
    const auto text = RenderAnswer("show.version", daemon, {});
    out_ << text.value_or("flyoverd: none answers on " + Printable(invocation_.socket) + "\n");
    return kExitOk;
  }

  const Invocation invocation_;
  const std::string directory_;
  std::ostream& out_;
  std::ostream& err_;
};

}  // namespace

int RunCli(const std::vector<std::string>& arguments, const std::string& directory,
           std::ostream& out, std::ostream& err) {
  ParsedArguments parsed = ParseArguments(arguments);
  if (!parsed.invocation) {
    (parsed.exit_code == kExitOk ? out : err) << parsed.text;
    return parsed.exit_code;
  }
  return Cli(std::move(*parsed.invocation), directory, out, err).Run();
}

}  // namespace flyover
