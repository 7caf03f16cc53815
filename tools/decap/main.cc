// flyover-decap: lets a Linux backend take tunnelled packets without a tunnel device.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "tools/decap/addresses.h"
#include "tools/decap/loader.h"

namespace flyover::decap {
namespace {

constexpr char kAbout[] =
    "Takes the outer header off IP-in-IP packets (4in4, 6in4, 4in6, 6in6) with an eBPF program on "
    "a\n"
    "backend's interface, so that the backend needs no tunnel device.\n"
    "\n"
    "A packet is opened when it is sent to an address of the interface and carries a packet to a "
    "VIP.\n"
    "VIPs are the addresses on lo, unless given. After a change of addresses attach again: the new "
    "program\n"
    "takes over from the old one without a gap.\n";

constexpr char kFooter[] =
    "\nExample, on a backend with the VIP 192.0.2.2 on lo:\n"
    "  ip addr add 192.0.2.2/32 dev lo\n"
    "  flyover-decap attach eth0\n"
    "  flyover-decap status eth0\n"
    "\nExit codes: 0 done, 1 failed, 2 wrong arguments. Needs root (CAP_BPF and CAP_NET_ADMIN).";

struct Options {
  std::string interface;
  std::string mode = "native";
  std::vector<std::string> addresses;
  std::vector<std::string> vips;
  bool json = false;
};

int Fail(const Status& status) {
  fmt::print(stderr, "flyover-decap: {}\n", status.message());
  return status.code() == StatusCode::kInvalidArgument ? 2 : 1;
}

// The addresses given, or else those of `interface`.
Result<std::vector<DecapAddress>> Collect(const std::vector<std::string>& given,
                                          const std::string& interface, const char* option) {
  std::vector<DecapAddress> addresses;
  for (const std::string& text : given) {
    Result<DecapAddress> address = ParseAddress(text);
    if (!address.ok()) return address.status();
    addresses.push_back(*address);
  }
  if (given.empty()) {
    Result<std::vector<DecapAddress>> found = InterfaceAddresses(interface);
    if (!found.ok()) return found;
    addresses = *std::move(found);
  }
  if (addresses.empty()) {
    return Status(
        StatusCode::kFailedPrecondition,
        fmt::format("'{}' has no address to use; add one, or give {}", interface, option));
  }
  if (addresses.size() > DECAP_MAX_ADDRESSES) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("more than {} addresses", DECAP_MAX_ADDRESSES));
  }
  return addresses;
}

std::vector<std::string> Sorted(const std::vector<DecapAddress>& addresses) {
  std::vector<std::string> texts;
  texts.reserve(addresses.size());
  for (const DecapAddress& address : addresses) texts.push_back(FormatAddress(address));
  std::sort(texts.begin(), texts.end());
  return texts;
}

std::string Join(const std::vector<std::string>& texts, const char* quote) {
  std::string out;
  for (const std::string& text : texts) {
    out += fmt::format("{}{}{}{}", out.empty() ? "" : ", ", quote, text, quote);
  }
  return out;
}

const char* NameOf(Mode mode) { return mode == Mode::kNative ? "native" : "generic"; }

void PrintJson(const Options& options, const Report& report) {
  std::string counters;
  size_t i = 0;
#define X(name, label, help) \
  counters += fmt::format("{}\"{}\": {}", i == 0 ? "" : ", ", label, report.counters[i]), ++i;
  DECAP_COUNTERS(X)
#undef X
  fmt::print(
      "{{\"interface\": \"{}\", \"mode\": \"{}\", \"addresses\": [{}], \"vips\": [{}], "
      "\"counters\": {{{}}}}}\n",
      options.interface, NameOf(report.mode), Join(Sorted(report.addresses), "\""),
      Join(Sorted(report.vips), "\""), counters);
}

void PrintTable(const Options& options, const Report& report) {
  fmt::print("interface  {} ({} mode)\naddresses  {}\nvips       {}\n\n", options.interface,
             NameOf(report.mode), Join(Sorted(report.addresses), ""),
             Join(Sorted(report.vips), ""));
  size_t i = 0;
#define X(name, label, help) \
  fmt::print("{:<14} {:>14}  {}\n", label, report.counters[i], help), ++i;
  DECAP_COUNTERS(X)
#undef X
}

int RunAttach(const Options& options) {
  AttachRequest request;
  request.interface = options.interface;
  request.mode = options.mode == "native" ? Mode::kNative : Mode::kGeneric;
  Result<std::vector<DecapAddress>> addresses =
      Collect(options.addresses, options.interface, "--address");
  if (!addresses.ok()) return Fail(addresses.status());
  Result<std::vector<DecapAddress>> vips = Collect(options.vips, "lo", "--vip");
  if (!vips.ok()) return Fail(vips.status());
  request.addresses = *std::move(addresses);
  request.vips = *std::move(vips);
  if (Status s = Attach(request); !s.ok()) return Fail(s);
  fmt::print("attached to {} ({} mode): {} -> {}\n", options.interface, options.mode,
             Join(Sorted(request.addresses), ""), Join(Sorted(request.vips), ""));
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
  options.json ? PrintJson(options, *report) : PrintTable(options, *report);
  return 0;
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
  attach->add_option("--vip", options.vips,
                     "Inner destinations that are accepted (default: the addresses on lo)");
  attach->add_option("--mode", options.mode, "native: in the driver; generic: any driver, slower")
      ->check(CLI::IsMember({"native", "generic"}))
      ->capture_default_str();

  CLI::App* detach = app.add_subcommand("detach", "Take the program off an interface");
  detach->add_option("interface", options.interface, "Interface")->required();

  CLI::App* status = app.add_subcommand("status", "Show addresses, VIPs and counters");
  status->add_option("interface", options.interface, "Interface")->required();
  status->add_flag("--json", options.json, "As JSON");

  app.failure_message(CLI::FailureMessage::help);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (attach->parsed()) return RunAttach(options);
  if (detach->parsed()) return RunDetach(options);
  return RunStatus(options);
}

}  // namespace
}  // namespace flyover::decap

int main(int argc, char** argv) { return flyover::decap::Main(argc, argv); }
