// flyoverd: reads one document, runs one data plane.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "common/log/log.h"
#include "common/pci/ssh_session.h"
#include "common/tap/tap_holder_client.h"
#include "tools/flyoverd/daemon/check_machine.h"
#include "tools/flyoverd/daemon/daemon.h"
#include "tools/flyoverd/document/document.h"
#include "tools/version/version.h"

namespace flyover {
namespace {

constexpr char kDefaultDocument[] = "/etc/flyover/flyover.yaml";
enum ExitCode { kOk = 0, kFailed = 1, kUsage = 2 };

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<Document> Load(const std::string& file) {
  ParsedDocument parsed = LoadDocument(file);
  for (const ConfigError& warning : parsed.warnings) {
    std::cerr << "warning: " << warning.ToString() << "\n";
  }
  for (const ConfigError& error : parsed.errors) std::cerr << error.ToString() << "\n";
  return std::move(parsed.document);
}

nlohmann::json ToJson(const std::vector<ConfigError>& errors) {
  nlohmann::json list = nlohmann::json::array();
  for (const ConfigError& error : errors) {
    list.push_back({{"file", error.file},
                    {"line", error.line},
                    {"column", error.column},
                    {"path", error.path},
                    {"message", error.message}});
  }
  return list;
}

nlohmann::json ToJson(const PortCheck& port) {
  nlohmann::json json = {{"name", port.name},         {"device", port.device},
                         {"commands", port.commands}, {"give_back", port.give_back},
                         {"error", port.error},       {"warning", port.warning}};
  if (port.pci) {
    json["pci"] = {{"address", port.pci->address},
                   {"driver", port.pci->driver},
                   {"iommu_group", port.pci->iommu_group},
                   {"numa_node", port.pci->numa_node},
                   {"interfaces", port.pci->interfaces}};
  }
  return json;
}

// One object, whatever is wrong; nothing on stderr.
int CheckAsJson(const std::string& file, const MachineView& machine) {
  const ParsedDocument parsed = LoadDocument(file);
  nlohmann::json json = {{"valid", parsed.document.has_value()},
                         {"errors", ToJson(parsed.errors)},
                         {"warnings", ToJson(parsed.warnings)}};
  bool ok = parsed.document.has_value();
  if (ok) {
    const MachineReport report = CheckMachine(*parsed.document, machine);
    ok = report.ok();
    json["lcores"] = {{"cpus", report.lcore_cpus}, {"error", report.lcores_error}};
    json["ports"] = nlohmann::json::array();
    for (const PortCheck& port : report.ports) json["ports"].push_back(ToJson(port));
    json["memory"] = {
        {"packet_mib", report.packet_mib},
        {"connection_mib", report.connection_mib},
        {"ipv4_table_mib", report.tables.ipv4_table >> 20},
        {"ipv6_table_mib", report.tables.ipv6_table >> 20},
        {"route_records_mib", (report.tables.rules + report.route_record_bytes) >> 20}};
    for (const std::string& warning : report.warnings) {
      json["warnings"].push_back(
          {{"file", file}, {"line", 0}, {"column", 0}, {"path", ""}, {"message", warning}});
    }
    json["routes"] = {
        {"ipv4", report.routes.ipv4}, {"ipv6", report.routes.ipv6}, {"vrfs", report.vrfs + 1}};
  }
  json["ok"] = ok;
  std::cout << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  return ok ? kOk : kFailed;
}

int Check(const std::string& file, bool allow_ssh, bool as_json) {
  const MachineView machine = {.allow_ssh = allow_ssh,
                               .ssh_connection = SshConnection("/proc", getpid())};
  if (as_json) return CheckAsJson(file, machine);
  const auto document = Load(file);
  if (!document) return kFailed;
  const MachineReport report = CheckMachine(*document, machine);
  std::cout << ToText(report);
  return report.ok() ? kOk : kFailed;
}

int Teardown(const std::string& file) {
  const auto document = Load(file);
  if (!document) return kFailed;
  std::map<std::string, std::vector<std::string>> taps{{document->kernel.network_namespace, {}}};
  for (const PortConfig& port : document->ports) {
    taps[document->router.KernelOf(port.vrf, document->kernel).network_namespace].push_back(
        port.tap);
  }
  const std::string folder = document->dataplane.runtime_dir + "/" + document->dataplane.name;
  int code = kOk;
  for (const auto& [network_namespace, names] : taps) {
    const Status status = TeardownTaps(network_namespace, names, folder + "/holder.sock");
    if (status.ok()) continue;
    std::cerr << "flyoverd: " << status.message() << "\n";
    code = kFailed;
  }
  return code;
}

int RunDaemon(const std::string& file) {
  auto document = Load(file);
  if (!document) return kFailed;
  if (Status status = ConfigureLog({document->log.level, document->log.areas, document->log.json});
      !status.ok()) {
    std::cerr << file << ": log: " << status.message() << "\n";
    return kFailed;
  }
  Daemon daemon(std::move(*document), ReadAll(file), file);
  if (const auto error = daemon.Start()) {
    std::cerr << error->ToString() << "\n";
    return kFailed;
  }
  return daemon.Run();
}

int Main(int argc, char** argv) {
  CLI::App app(
      "flyoverd: software router and L4 load balancer on DPDK.\n"
      "Exit codes: 0 stopped by a signal (or --check: valid), 1 failed, 2 usage.");
  std::string file = kDefaultDocument;
  bool check = false, teardown = false, version = false, allow_ssh = false, json = false;
  app.add_option("-c,--config,document", file, "the document")->capture_default_str();
  auto* const checks = app.add_flag(
      "--check", check, "validate the document, say what this machine lacks for it, and exit");
  app.add_flag("--allow-ssh-nic", allow_ssh,
               "with --check: accept the NIC that carries the caller's ssh session")
      ->needs(checks);
  app.add_flag("--json", json, "with --check: print what is found as one JSON object")
      ->needs(checks);
  app.add_flag("--teardown", teardown,
               "remove the TAPs and the holder that outlive a stopped daemon, and exit");
  app.add_flag("--version", version, "print the version and exit");
  app.failure_message(CLI::FailureMessage::help);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  if (version) {
    std::cout << "flyoverd " << Version() << " (" << Commit() << ")\n";
    return kOk;
  }
  if (check) return Check(file, allow_ssh, json);
  if (teardown) return Teardown(file);
  return RunDaemon(file);
}

}  // namespace
}  // namespace flyover

int main(int argc, char** argv) { return flyover::Main(argc, argv); }
