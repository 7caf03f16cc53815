// flyover-decap: lets a Linux backend take tunnelled packets without a tunnel device.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "tools/decap/addresses.h"
#include "tools/decap/host_check.h"
#include "tools/decap/loader.h"
#include "tools/decap/print.h"

namespace flyover::decap {
namespace {

constexpr char kAbout[] =
    "Takes off what a balancer put in front of packets (IPIP, GRE, GUE, in any pair of families) "
    "with an\n"
    "eBPF program on a backend's interface, so that the backend needs no tunnel device, and gives "
    "L3DSR\n"
    "packets their VIP back.\n"
    "\n"
    "A packet is opened when it is sent to an address of the interface and carries a packet to a "
    "VIP.\n"
    "VIPs are the addresses on lo with their prefix lengths (203.0.113.0/24 stands for all of "
    "them), "
    "unless\n"
    "given. After a change of addresses attach again: the new program takes over from the old one "
    "without a\n"
    "gap.\n";

constexpr char kFooter[] =
    "\nExample, on a backend with the VIP 192.0.2.2 on lo:\n"
    "  ip addr add 192.0.2.2/32 dev lo\n"
    "  flyover-decap attach eth0\n"
    "  flyover-decap check eth0\n"
    "  flyover-decap status eth0\n"
    "\nExit codes: 0 done, 1 failed (check: something is missing), 2 wrong arguments. Needs root "
    "(CAP_BPF "
    "and\nCAP_NET_ADMIN).";

struct Options {
  std::string interface;
  std::string mode = "native";
  std::vector<std::string> addresses;
  std::vector<std::string> vips;
  std::vector<std::string> dscps;
  uint16_t gue_port = 6080;
  bool json = false;
  bool prometheus = false;
  std::vector<std::string> clients;
};

int Fail(const Status& status) {
  fmt::print(stderr, "flyover-decap: {}\n", status.message());
  return status.code() == StatusCode::kInvalidArgument ? 2 : 1;
}

// What is given, or else what `interface` has.
template <typename Key>
Result<std::vector<Key>> Collect(const std::vector<std::string>& given,
                                 const std::string& interface, const char* option,
                                 Result<Key> (*parse)(const std::string&),
                                 Key InterfaceAddress::*member) {
  std::vector<Key> keys;
  for (const std::string& text : given) {
    Result<Key> key = parse(text);
    if (!key.ok()) return key.status();
    keys.push_back(*key);
  }
  if (given.empty()) {
    const Result<std::vector<InterfaceAddress>> found = InterfaceAddresses(interface);
    if (!found.ok()) return found.status();
    for (const InterfaceAddress& address : *found) keys.push_back(address.*member);
  }
  if (keys.empty()) {
    return Status(
        StatusCode::kFailedPrecondition,
        fmt::format("'{}' has no address to use; add one, or give {}", interface, option));
  }
  if (keys.size() > DECAP_MAX_ADDRESSES) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("more than {} addresses", DECAP_MAX_ADDRESSES));
  }
  return keys;
}

// "5=203.0.113.10"
Result<std::vector<std::pair<uint8_t, DecapAddress>>> ParseDscps(
    const std::vector<std::string>& given) {
  std::vector<std::pair<uint8_t, DecapAddress>> dscps;
  for (const std::string& text : given) {
    const size_t equals = text.find('=');
    const std::string number = text.substr(0, equals);
    const bool digits = !number.empty() && number.size() <= 2 &&
                        number.find_first_not_of("0123456789") == std::string::npos;
    const int dscp = digits ? std::stoi(number) : 0;
    if (equals == std::string::npos || dscp < 1 || dscp >= DECAP_DSCPS) {
      return Status(StatusCode::kInvalidArgument,
                    fmt::format("--dscp '{}'; accepted: DSCP=VIP with a DSCP from 1 to 63", text));
    }
    Result<DecapAddress> vip = ParseAddress(text.substr(equals + 1));
    if (!vip.ok()) return vip.status();
    for (const auto& [other, its_vip] : dscps) {
      if (other != dscp || IsIpv4(its_vip) != IsIpv4(*vip)) continue;
      return Status(StatusCode::kInvalidArgument,
                    fmt::format("--dscp '{}': that DSCP has a VIP of this family already", text));
    }
    dscps.emplace_back(static_cast<uint8_t>(dscp), *vip);
  }
  return dscps;
}

int RunAttach(const Options& options) {
  AttachRequest request;
  request.interface = options.interface;
  request.mode = options.mode == "native" ? Mode::kNative : Mode::kGeneric;
  auto addresses = Collect(options.addresses, options.interface, "--address", ParseAddress,
                           &InterfaceAddress::address);
  if (!addresses.ok()) return Fail(addresses.status());
  auto vips = Collect(options.vips, "lo", "--vip", ParsePrefix, &InterfaceAddress::subnet);
  if (!vips.ok()) return Fail(vips.status());
  request.addresses = *std::move(addresses);
  request.vips = *std::move(vips);
  request.gue_port = options.gue_port;
  auto dscps = ParseDscps(options.dscps);
  if (!dscps.ok()) return Fail(dscps.status());
  request.dscps = *std::move(dscps);
  if (Status s = Attach(request); !s.ok()) return Fail(s);
  fmt::print("attached to {} ({} mode): {} -> {}\n", options.interface, options.mode,
             Listed(request.addresses), Listed(request.vips));
  return 0;
}

int RunDetach(const Options& options) {
  if (Status s = Detach(options.interface); !s.ok()) return Fail(s);
  fmt::print("detached from {}\n", options.interface);
  return 0;
}

int RunStatus(const Options& options) {
  Result<Report> report = Read(options.interface);
  if (!report.ok()) return Fail(report.status());
  if (options.prometheus) {
    PrintPrometheus(options.interface, *report);
  } else {
    options.json ? PrintJson(options.interface, *report) : PrintTable(options.interface, *report);
  }
  return 0;
}

int RunCheck(const Options& options) {
  std::vector<DecapAddress> clients;
  for (const std::string& text : options.clients) {
    const Result<DecapAddress> client = ParseAddress(text);
    if (!client.ok()) return Fail(client.status());
    clients.push_back(*client);
  }
  const Result<HostFacts> facts = Gather(options.interface, clients);
  if (!facts.ok()) return Fail(facts.status());
  const std::vector<Finding> findings = Judge(*facts);
  PrintFindings(findings, options.json);
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& f) { return f.verdict == Verdict::kFailure; })
             ? 1
             : 0;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app(kAbout, "flyover-decap");
  app.require_subcommand(1);
  app.footer(kFooter);

  CLI::App* attach = app.add_subcommand("attach", "Put the program on an interface, or renew it");
  attach->add_option("interface", options.interface, "Where tunnelled packets arrive")->required();
  attach->add_option("--address", options.addresses,
                     "Outer destinations that are opened (default: the interface's addresses)");
  attach->add_option(
      "--vip", options.vips,
      "Inner destinations that are accepted, addresses or prefixes (default: those on lo)");
  attach->add_option("--gue-port", options.gue_port, "UDP port of GUE; 0 leaves it to the kernel")
      ->capture_default_str();
  attach
      ->add_option("--dscp", options.dscps,
                   "L3DSR, once for each VIP: DSCP=VIP, the service's `dscp` and its VIP")
      ->type_name("DSCP=VIP");
  attach->add_option("--mode", options.mode, "native: in the driver; generic: any driver, slower")
      ->check(CLI::IsMember({"native", "generic"}))
      ->capture_default_str();

  CLI::App* detach = app.add_subcommand("detach", "Take the program off an interface");
  detach->add_option("interface", options.interface, "Interface")->required();

  CLI::App* status = app.add_subcommand("status", "Show addresses, VIPs and counters");
  status->add_option("interface", options.interface, "Interface")->required();
  status->add_flag("--json", options.json, "As JSON");
  status->add_flag("--prometheus", options.prometheus,
                   "As metrics, for the textfile collector of node_exporter");

  CLI::App* check = app.add_subcommand(
      "check", "Whether this host is a whole backend: VIPs, reverse path filter, MTU, ARP");
  check->add_option("interface", options.interface, "Where tunnelled packets arrive")->required();
  check->add_option("--client", options.clients,
                    "Address that stands for clients, of each family (default: the default route)");
  check->add_flag("--json", options.json, "As JSON");

  app.failure_message(CLI::FailureMessage::help);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (attach->parsed()) return RunAttach(options);
  if (detach->parsed()) return RunDetach(options);
  if (check->parsed()) return RunCheck(options);
  return RunStatus(options);
}

}  // namespace
}  // namespace flyover::decap

int main(int argc, char** argv) { return flyover::decap::Main(argc, argv); }
