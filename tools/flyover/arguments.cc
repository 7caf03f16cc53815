#include "tools/flyover/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <string_view>

#include "common/base/quantity.h"
#include "common/net/ip_address.h"
#include "tools/flyover/cli.h"
#include "tools/version/version.h"

namespace flyover {
namespace {

constexpr const char* kExitCodes = R"(Exit codes:
  0  done (check: the document is valid; show counters: the ledger is balanced)
  1  the daemon refused or failed (check: invalid; show counters: the ledger is off;
     fleet: not alike; doctor: a fault)
  2  wrong usage
  3  no daemon answers on the socket
  4  plan: more would move than --max-moved, or the document's changes.max_moved, allows)";
constexpr const char* kExamples = R"(

Examples:
  flyover show backends
  flyover show ports --watch 1
  flyover show route 192.0.2.1
  flyover check /etc/flyover/flyover.yaml && flyover reload /etc/flyover/flyover.yaml
  flyover plan new.yaml --max-moved 2% && flyover commit new.yaml --confirm 60s
  flyover backend drain web web1
  flyover device bind 0000:3b:00.0)";

struct ShowCommand {
  const char* name;
  const char* help;
};
constexpr std::array<ShowCommand, 13> kPlainShows = {{
    {"ports", "Ports: link, traffic, device, addresses"},
    {"lcores", "Forwarding lcores: load, packets, queues"},
    {"counters", "The ledger: where packets came from and where they went, per source"},
    {"neighbors", "Neighbours (ARP and ND) and the packets held for them"},
    {"services", "Services of the balancer"},
    {"backends", "Backends: state, reason, weight, share of the table, traffic"},
    {"config", "The running document"},
    {"version", "The daemon's version"},
    {"drops", "Packets dropped, by reason, and packets given to the kernel"},
    {"routes", "Routes as forwarded"},
    {"vrfs", "VRFs: namespace, routes, ports"},
    {"vips", "VIPs as routing daemons are to announce them"},
    {"handshakes", "How backends answer SYNs, seen from the clients' side (one flow in eight)"},
}};

std::string CheckPercent(const std::string& text) {
  return ParsePercent(text) ? "" : "'" + text + "' is not a share such as 5% or 0.25%";
}

std::string CheckSeconds(const std::string& text) {
  return ParseSeconds(text) ? "" : "'" + text + "' is not a time from 1s to 24h, such as 60s or 5m";
}

std::string CheckAddress(const std::string& text) {
  return IpAddress::Parse(text) ? "" : "'" + text + "' is not an IPv4 or IPv6 address";
}

// Becomes a directory below /run/flyover.
std::string CheckName(const std::string& text) {
  const bool valid =
      !text.empty() && text.size() <= 32 && text != "." && text != ".." &&
      std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return (c < 0x80 && std::isalnum(c) != 0) || c == '_' || c == '.' || c == '-';
      });
  return valid ? "" : "a data plane's name has 1 to 32 characters of A-Z a-z 0-9 _ . -";
}

class Parser {
 public:
  Parser() {
    app_.description("Looks at and changes a running Flyover daemon (flyoverd).");
    app_.footer(kExitCodes);  // inherited by the commands
    app_.require_subcommand(1);
    app_.fallthrough();
    auto* socket = app_.add_option("--socket", result_.socket, "Control socket of the daemon")
                       ->type_name("PATH");
    app_.add_option("--name", name_, "Data plane: its socket is /run/flyover/NAME/control.sock")
        ->type_name("NAME")
        ->capture_default_str()
        ->check(CheckName)
        ->excludes(socket);
    app_.add_flag("--json", result_.json, "Print the daemon's answer as JSON");
    app_.set_version_flag("--version", std::string("flyover ") + std::string(Version()) +
                                           " (commit " + std::string(Commit()) + ")\n");
    app_.add_flag("--exact", result_.exact, "Full numbers instead of 1.2 M");
    AddShow();
    AddReload();
    AddBackend();
    AddBox();
    AddDevice();
    AddOthers();
    app_.footer(std::string(kExitCodes) + kExamples);
  }

  ParsedArguments Parse(const std::vector<std::string>& arguments) {
    // CLI11 takes them last first.
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    try {
      app_.parse(reversed);
    } catch (const CLI::CallForHelp& e) {
      return {.invocation = {}, .exit_code = kExitOk, .text = app_.help()};
    } catch (const CLI::CallForVersion& e) {
      return {.invocation = {}, .exit_code = kExitOk, .text = e.what()};
    } catch (const CLI::ParseError& e) {
      return {.invocation = {}, .exit_code = kExitUsage, .text = Complaint(e.what())};
    }
    if (!max_moved_.empty()) result_.max_moved = ParsePercent(max_moved_);
    if (const auto confirm = ParseSeconds(confirm_)) {
      result_.confirm_seconds = static_cast<uint32_t>(confirm->count());
    }
    if (const auto limit = ParseSeconds(drain_limit_)) result_.drain_box.limit = *limit;
    if (const auto limit = ParseSeconds(wait_limit_)) result_.wait_limit = *limit;
    if (result_.socket.empty()) result_.socket = "/run/flyover/" + name_ + "/control.sock";
    if (check_->parsed()) {
      if (result_.allow_ssh_nic) result_.rest.emplace_back("--allow-ssh-nic");
      if (result_.json) result_.rest.emplace_back("--json");
    }
    result_.device.json = result_.json;
    return {.invocation = result_, .exit_code = kExitOk, .text = ""};
  }

 private:
  CLI::App* Add(CLI::App* parent, const char* name, const char* help, std::string command) {
    CLI::App* app = parent->add_subcommand(name, help);
    app->callback([this, command = std::move(command)] { result_.command = command; });
    return app;
  }

  void AddShow() {
    CLI::App* show = app_.add_subcommand("show", "Show a part of the daemon's state");
    show->require_subcommand(1);
    auto* watch = show->add_option("--watch", result_.watch_seconds, "Show again every SECONDS")
                      ->type_name("SECONDS")
                      ->check(CLI::Range(0.1, 86'400.0).description(""));
    show->add_option("--count", result_.count, "With --watch: stop after N times")
        ->type_name("N")
        ->needs(watch);
    for (const ShowCommand& command : kPlainShows) {
      CLI::App* app = Add(show, command.name, command.help, std::string("show.") + command.name);
      if (std::string_view(command.name) == "drops") {
        app->add_flag("--all", result_.all, "Reasons without packets, too");
      }
      if (std::string_view(command.name) == "lcores") {
        app->add_flag("--stages", result_.stages,
                      "Cycles per packet of each stage, sampled for a second");
      }
      if (std::string_view(command.name) == "routes") {
        app->add_flag("--refused", result_.refused, "Those that there is no room for");
        AddLimit(app);
        AddVrf(app);
      }
    }
    CLI::App* route = Add(show, "route", "What happens to a packet to ADDRESS", "show.route");
    route->add_option("ADDRESS", result_.address, "IPv4 or IPv6 address")
        ->type_name("")
        ->required()
        ->check(CheckAddress);
    AddVrf(route);
    AddLimit(Add(show, "ecmp",
                 "Groups of equal-cost next hops: shares, weights, what the last change moved",
                 "show.ecmp"));
    CLI::App* lookup = Add(show, "lookup",
                           "What the forwarding tables say of each ADDRESS, one line each; without "
                           "any the addresses come from standard input",
                           "show.lookup");
    lookup->add_option("ADDRESS", result_.addresses, "IPv4 or IPv6 addresses")
        ->type_name("")
        ->check(CheckAddress);
    AddVrf(lookup);
    CLI::App* sync =
        Add(show, "sync", "How far the daemon follows the kernel's routes", "show.sync");
    sync->add_flag("--diff", result_.diff,
                   "Compare the kernel's routes with Flyover's, one by one");
    AddVrf(sync);
    AddLimit(Add(show, "journal", "Who changed what, when, and what it moved", "show.journal"));
    AddLimit(Add(show, "connections", "Flows that the balancer has given a backend",
                 "show.connections"));
  }

  void AddVrf(CLI::App* app) {
    app->add_option("--vrf", result_.vrf, "Of this VRF instead of the main one")->type_name("NAME");
  }

  void AddLimit(CLI::App* app) {
    app->add_option("--limit", result_.limit, "At most N entries, 0: all (default 100)")
        ->type_name("N")
        ->check(CLI::Range(uint64_t{0}, uint64_t{1'000'000'000}).description(""));
  }

  void AddReload() {
    CLI::App* reload = Add(&app_, "reload",
                           "Take a new document; with any error nothing changes. Without FILE the "
                           "daemon reads its own file again",
                           "reload");
    reload->add_option("FILE", result_.file, "YAML document, - for standard input")->type_name("");
    AddForce(reload);

    CLI::App* plan =
        Add(&app_, "plan",
            "What FILE would change: shares, slots and flows that move or break, VIPs", "plan");
    plan->add_option("FILE", result_.file, "YAML document, - for standard input")
        ->type_name("")
        ->required();
    plan->add_option("--max-moved", max_moved_,
                     "Exit with 4 when a larger share of a service would move (default: the "
                     "document's changes.max_moved)")
        ->type_name("SHARE")
        ->check(CheckPercent);

    CLI::App* commit = Add(&app_, "commit",
                           "Take a new document, and go back to the one before unless `flyover "
                           "confirm` comes in time",
                           "commit");
    commit->add_option("FILE", result_.file, "YAML document, - for standard input")
        ->type_name("")
        ->required();
    commit->add_option("--confirm", confirm_, "How long to wait for `flyover confirm`")
        ->type_name("TIME")
        ->required()
        ->check(CheckSeconds);
    AddForce(commit);
    Add(&app_, "confirm", "Keep the document that was committed", "confirm");
    Add(&app_, "rollback", "Go back from the document that was committed, now", "rollback");
  }

  void AddForce(CLI::App* app) {
    app->add_flag("--force", result_.force, "Also when more moves than changes.max_moved allows");
  }

  void AddBackend() {
    CLI::App* backend = app_.add_subcommand(
        "backend", "Change a backend, also over reloads: drain, enable, weight");
    backend->require_subcommand(1);
    const auto add = [&](const char* name, const char* help, const char* command) {
      CLI::App* app = Add(backend, name, help, command);
      app->add_option("SERVICE", result_.service, "Name of the service")->type_name("")->required();
      app->add_option("BACKEND", result_.backend, "Name of the backend")->type_name("")->required();
      return app;
    };
    CLI::App* drain = add("drain", "No new connections; those it has go on", "backend.drain");
    auto* wait = drain->add_flag("--wait", result_.wait,
                                 "Then wait until it has had no packet for ten seconds");
    drain->add_option("--timeout", wait_limit_, "With --wait: give up after TIME (default 300s)")
        ->type_name("TIME")
        ->needs(wait)
        ->check(CheckSeconds);
    add("enable", "Takes new connections again, with the document's weight", "backend.enable");
    add("weight", "Set the weight", "backend.weight")
        ->add_option("WEIGHT", result_.weight, "0 to 65535; 0 drains")
        ->required()
        ->type_name("")
        ->check(CLI::Range(0, 65'535).description(""));
  }

  void AddBox() {
    CLI::App* drain =
        Add(&app_, "drain", "Withdraw all VIPs, and wait until packets to them have gone elsewhere",
            "box.drain");
    drain->add_flag("--box", box_, "This box, all of it (a backend: flyover backend drain)")
        ->required();
    drain->add_option("--timeout", drain_limit_, "Give up waiting after TIME (default 60s)")
        ->type_name("TIME")
        ->check(CheckSeconds);
    drain->add_flag("--stop", result_.drain_box.stop, "Then end the daemon");
    Add(&app_, "enable", "Announce VIPs again that have backends", "box.enable")
        ->add_flag("--box", box_, "This box (a backend: flyover backend enable)")
        ->required();
  }

  void AddDevice() {
    CLI::App* device =
        app_.add_subcommand("device", "This machine's NICs: list them, give them to DPDK and back");
    device->require_subcommand(1);
    const auto add = [&](const char* name, const char* help) {
      CLI::App* app = device->add_subcommand(name, help);
      app->callback([this, name] {
        result_.command = "device";
        result_.device.verb = name;
      });
      return app;
    };
    const auto add_devices = [&](CLI::App* app) {
      app->add_option("PCI", result_.device.devices, "PCI addresses, as 0000:3b:00.0")
          ->type_name("")
          ->required();
      return app;
    };
    add("list", "NICs with driver, IOMMU group, NUMA node, interface and addresses");
    CLI::App* bind = add_devices(
        add("bind", "Give NICs to DPDK; their names and addresses are remembered until unbind"));
    bind->add_option("--driver", result_.device.driver,
                     "vfio-pci (default), or uio_pci_generic where there is no IOMMU")
        ->type_name("DRIVER")
        ->check(CLI::IsMember({"vfio-pci", "uio_pci_generic"}).description(""));
    bind->add_flag("--allow-ssh-nic", result_.device.allow_ssh_nic,
                   "Take the NIC that carries your ssh session, too");
    bind->add_flag("--allow-default-route", result_.device.allow_default_route,
                   "Take the NIC that the default route goes out by, too");
    add_devices(add("unbind", "Give NICs back to their kernel drivers, with names and addresses"));
  }

  void AddOthers() {
    check_ = Add(&app_, "check",
                 "Check a document and the devices it names, without a daemon (flyoverd --check)",
                 "check");
    check_->add_option("FILE", result_.file, "YAML document")->type_name("")->required();
    check_->add_flag("--allow-ssh-nic", result_.allow_ssh_nic,
                     "Accept a port that is the NIC of this ssh session");
    CLI::App* fleet = Add(&app_, "fleet",
                          "Whether the boxes at these metrics addresses choose backends alike; "
                          "exit 1 when not",
                          "fleet");
    fleet->add_option("URL", result_.places, "Two or more, as 10.0.0.1:9100")
        ->type_name("")
        ->required()
        ->expected(2, 1000);
    CLI::App* doctor = app_.add_subcommand("doctor", "Find out what is missing, by probing");
    doctor->require_subcommand(1);
    CLI::App* backend =
        Add(doctor, "backend",
            "Why clients' packets get no answer from a backend: it is down, opens no "
            "tunnel, lacks the VIP, nothing listens, or drops what was inside; exit 1 "
            "when something is wrong. Needs root",
            "doctor.backend");
    backend->add_option("ADDRESS", result_.backend, "Address of the backend")
        ->type_name("")
        ->required()
        ->check(CheckAddress);
    // Only for the list in --help: RunCli hands everything after `bench` on.
    Add(&app_, "bench", "Measure cycles per packet of the path (flyover-bench)", "bench");
    Add(&app_, "version", "Versions of this command and of the daemon, if one runs", "version");
  }

  std::string Complaint(const std::string& what) const {
    std::string name = "flyover";
    const CLI::App* app = &app_;
    while (!app->get_subcommands().empty()) {
      app = app->get_subcommands().back();
      name += " " + app->get_name();
    }
    std::string usage = CLI::Formatter().make_usage(app, name);
    usage.erase(0, usage.find_first_not_of('\n'));
    usage.erase(usage.find_last_not_of('\n') + 1);
    std::string line = what.substr(0, what.find('\n'));
    // CLI11 says that a command is required where a wrong one was given.
    if (const auto rest = app_.remaining(true);
        !rest.empty() && line.find("ubcommand") != line.npos) {
      line = "'" + rest[0] + "' is not a command; accepted:";
      for (const CLI::App* command : app->get_subcommands({})) line += " " + command->get_name();
    }
    return "flyover: " + line + "\n" + usage + "\nMore: " + name + " --help\n";
  }

  CLI::App app_{"", "flyover"};
  CLI::App* check_ = nullptr;
  std::string name_ = "flyover";
  std::string max_moved_;
  std::string confirm_;
  std::string drain_limit_;
  std::string wait_limit_;
  bool box_ = false;  // said, as it must be
  Invocation result_;
};

}  // namespace

ParsedArguments ParseArguments(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && arguments[0] == "bench") {
    Invocation bench;
    bench.command = "bench";
    bench.rest.assign(arguments.begin() + 1, arguments.end());
    return {.invocation = bench, .exit_code = kExitOk, .text = ""};
  }
  return Parser().Parse(arguments);
}

}  // namespace flyover
