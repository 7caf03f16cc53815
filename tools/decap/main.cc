// flyover-decap: lets a Linux backend take tunnelled packets without a tunnel device.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "tools/decap/addresses.h"
#include "tools/decap/host_check.h"
#include "tools/decap/loader.h"

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

std::vector<std::string> Texts(const std::vector<std::pair<uint8_t, DecapAddress>>& dscps) {
  std::vector<std::string> texts;
  texts.reserve(dscps.size());
  for (const auto& [dscp, vip] : dscps) {
    texts.push_back(fmt::format("{}={}", dscp, FormatAddress(vip)));
  }
  return texts;
}

std::string Join(const std::vector<std::string>& texts, const char* quote) {
  std::string out;
  for (const std::string& text : texts) {
    out += fmt::format("{}{}{}{}", out.empty() ? "" : ", ", quote, text, quote);
  }
  return out;
}

template <typename Key>
std::vector<std::string> Sorted(const std::vector<Key>& keys, std::string (*format)(const Key&)) {
  std::vector<std::string> texts;
  texts.reserve(keys.size());
  for (const Key& key : keys) texts.push_back(format(key));
  std::sort(texts.begin(), texts.end());
  return texts;
}

// As they are shown, in the order of their names.
std::vector<std::pair<std::string, VipReport>> ByName(const Report& report) {
  std::vector<std::pair<std::string, VipReport>> vips;
  for (const VipReport& vip : report.vips) vips.emplace_back(FormatPrefix(vip.prefix), vip);
  std::sort(vips.begin(), vips.end(), [](auto& a, auto& b) { return a.first < b.first; });
  return vips;
}

std::vector<std::string> Names(const Report& report) {
  std::vector<std::string> names;
  for (const auto& [name, vip] : ByName(report)) names.push_back(name);
  return names;
}

std::string Addresses(const std::vector<DecapAddress>& addresses, const char* quote) {
  return Join(Sorted(addresses, FormatAddress), quote);
}

std::string Prefixes(const std::vector<DecapPrefix>& prefixes, const char* quote) {
  return Join(Sorted(prefixes, FormatPrefix), quote);
}

const char* NameOf(Mode mode) { return mode == Mode::kNative ? "native" : "generic"; }

void PrintJson(const Options& options, const Report& report) {
  std::string counters;
  size_t i = 0;
#define X(name, label, help) \
  counters += fmt::format("{}\"{}\": {}", i == 0 ? "" : ", ", label, report.counters[i]), ++i;
  DECAP_COUNTERS(X)
#undef X
  std::string vips;
  for (const auto& [name, vip] : ByName(report)) {
    vips += fmt::format("{}\"{}\": {{\"packets\": {}, \"bytes\": {}}}", vips.empty() ? "" : ", ",
                        name, vip.packets, vip.bytes);
  }
  fmt::print(
      "{{\"interface\": \"{}\", \"mode\": \"{}\", \"addresses\": [{}], \"vips\": [{}], "
      "\"dscps\": [{}], \"gue_port\": {}, \"counters\": {{{}}}, \"vip_counters\": {{{}}}}}\n",
      options.interface, NameOf(report.mode), Addresses(report.addresses, "\""),
      Join(Names(report), "\""), Join(Texts(report.dscps), "\""), report.gue_port, counters, vips);
}

// The text format of Prometheus, for node_exporter's textfile collector.
void PrintPrometheus(const Options& options, const Report& report) {
  fmt::print(
      "# HELP flyover_decap_packets_total Packets of the interface by what was done with them\n"
      "# TYPE flyover_decap_packets_total counter\n");
  size_t i = 0;
#define X(name, label, help)                                                        \
  fmt::print("flyover_decap_packets_total{{interface=\"{}\",counter=\"{}\"}} {}\n", \
             options.interface, label, report.counters[i]),                         \
      ++i;
  DECAP_COUNTERS(X)
#undef X
  const auto family = [&](const char* name, const char* help, uint64_t VipReport::*value) {
    fmt::print("# HELP {0} {1}\n# TYPE {0} counter\n", name, help);
    for (const auto& [vip, counts] : ByName(report)) {
      fmt::print("{}{{interface=\"{}\",vip=\"{}\"}} {}\n", name, options.interface, vip,
                 counts.*value);
    }
  };
  family("flyover_decap_vip_packets_total", "Packets opened for a VIP", &VipReport::packets);
  family("flyover_decap_vip_bytes_total", "Bytes of the IP packets inside", &VipReport::bytes);
}

void PrintTable(const Options& options, const Report& report) {
  fmt::print("interface  {} ({} mode)\naddresses  {}\nvips       {}\n", options.interface,
             NameOf(report.mode), Addresses(report.addresses, ""), Join(Names(report), ""));
  if (report.gue_port != 0) fmt::print("gue port   {}\n", report.gue_port);
  if (!report.dscps.empty()) fmt::print("dscps      {}\n", Join(Texts(report.dscps), ""));
  fmt::print("\n");
  size_t i = 0;
#define X(name, label, help) \
  fmt::print("{:<14} {:>14}  {}\n", label, report.counters[i], help), ++i;
  DECAP_COUNTERS(X)
#undef X
  fmt::print("\n{:<40} {:>14} {:>16}\n", "VIP", "PACKETS", "BYTES");
  for (const auto& [name, vip] : ByName(report)) {
    fmt::print("{:<40} {:>14} {:>16}\n", name, vip.packets, vip.bytes);
  }
}

const char* NameOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kWarning:
      return "warning";
    case Verdict::kFailure:
      break;
  }
  return "failure";
}

void PrintFindings(const std::vector<Finding>& findings, bool json) {
  std::string list;
  for (const Finding& finding : findings) {
    if (json) {
      list += fmt::format("{}{{\"verdict\": \"{}\", \"what\": \"{}\", \"remedy\": \"{}\"}}",
                          list.empty() ? "" : ", ", NameOf(finding.verdict), finding.what,
                          finding.remedy);
      continue;
    }
    list += fmt::format("{:<8} {}\n", NameOf(finding.verdict), finding.what);
    if (!finding.remedy.empty()) list += fmt::format("{:<8}   {}\n", "", finding.remedy);
  }
  fmt::print("{}", json ? fmt::format("{{\"findings\": [{}]}}\n", list) : list);
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
             Addresses(request.addresses, ""), Prefixes(request.vips, ""));
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
    PrintPrometheus(options, *report);
  } else {
    options.json ? PrintJson(options, *report) : PrintTable(options, *report);
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
