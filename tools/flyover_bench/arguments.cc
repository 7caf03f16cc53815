#include "tools/flyover_bench/arguments.h"

#include <iostream>

#include "tools/flyover_bench/replay.h"

namespace flyover {

void DefineArguments(CLI::App& app, Commands& commands, Arguments& arguments) {
  app.set_help_all_flag("--help-all", "print the help of all commands and exit");
  app.require_subcommand(0, 1);
  app.fallthrough();
  commands.quick =
      app.add_subcommand("quick", "the headline table, in less than three minutes (default)");
  app.add_flag_callback(
      "--quick", [] {}, "the same as `quick`");
  commands.list = app.add_subcommand("list", "the named loads and kernels");
  commands.path = app.add_subcommand("path", "loads through the loop, from memory to memory");
  commands.device = app.add_subcommand("device", "loads through DPDK devices");
  commands.kernels = app.add_subcommand("kernels", "tables and functions on arrays");
  commands.self_test = app.add_subcommand("self-test", "plant faults and see that they are found");
  commands.count = app.add_subcommand("count", "for the instruction gate: run under callgrind");
  commands.stages = app.add_subcommand("stages", "path loads: ticks of each stage, sampled");
  commands.latency =
      app.add_subcommand("latency", "path loads: no-drop rate, and residence below it");
  commands.memory = app.add_subcommand("memory", "what a data plane with full tables takes");
  commands.rfc2544 = app.add_subcommand(
      "rfc2544",
      "throughput, latency, loss, bursts and recovery, with a generator on a second CPU");
  for (CLI::App* const level : {commands.path, commands.device, commands.kernels, commands.count,
                                commands.stages, commands.latency, commands.rfc2544}) {
    level->add_option("name", arguments.names, "see `flyover bench list`");
  }
  commands.device
      ->add_option("--against", arguments.against,
                   "interleave with other programs: testpmd, l3fwd (see tools/bench-peers)")
      ->delimiter(',')
      ->check(CLI::IsMember({"testpmd", "l3fwd"}));
  commands.device->add_option("--in", arguments.devices.in,
                              "receiving device; default: a pcap device");
  commands.device->add_option("--out", arguments.devices.out, "transmitting device; default: null");
  app.add_option("--rounds", arguments.rounds, "interleaved rounds")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1000u));
  app.add_option("--bursts", arguments.bursts, "path: bursts of 64 packets a sample")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1'000'000u));
  app.add_option("--milliseconds", arguments.milliseconds, "device: length of a sample")
      ->capture_default_str()
      ->check(CLI::Range(10u, 10'000u));
  commands.path
      ->add_option("--lcores", arguments.lcores,
                   "also with so many at the same time, each on a CPU of its own")
      ->check(CLI::Range(1u, 64u));
  commands.rfc2544
      ->add_option("--trial", arguments.trial_milliseconds, "length of a trial, milliseconds")
      ->capture_default_str()
      ->check(CLI::Range(10u, 120'000u));
  commands.rfc2544
      ->add_option("--frames", arguments.frames,
                   "sizes with FCS; default: 64,128,256,512,1024,1280,1518")
      ->delimiter(',')
      ->check(CLI::Range(64u, 1518u));
  app.add_option("--seed", arguments.seed, "of routes, addresses and ports")->capture_default_str();
  app.add_option("--cpu", arguments.cpu, "where the lcore runs; default: the last one allowed");
  app.add_option("--flows", arguments.flows, "distinct flows")->check(CLI::Range(64u, 1u << 24));
  app.add_option("--routes", arguments.routes, "routes")->check(CLI::Range(1u, 1'000'000u));
  app.add_option("--next-hops", arguments.next_hops, "of each route")->check(CLI::Range(1u, 64u));
  app.add_option("--services", arguments.services, "services")->check(CLI::Range(0u, 1000u));
  app.add_option("--backends", arguments.backends, "of each service")->check(CLI::Range(1u, 32u));
  app.add_option("--frame", arguments.frame, "bytes of a frame, without FCS");
  app.add_option("--new-flows", arguments.new_flows, "share of packets that open a flow")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--fragments", arguments.fragments,
                 "share of packets that are fragments, two of each")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--pcap", arguments.pcap,
                 "send the frames of this file again and again, by default routes")
      ->type_name("FILE");
  app.add_flag("--imix", arguments.imix, "7:4:1 of the smallest, 570 and 1514 bytes");
  app.add_flag("--zipf", arguments.zipf, "few flows send most packets");
  app.add_flag("--json", arguments.json, "JSON with every sample");
  app.add_option("--html", arguments.html, "also write the run as a page with plots")
      ->type_name("FILE");
  app.add_flag("--no-huge", arguments.no_huge, "use small pages");
  app.add_flag("--keep-disturbed", arguments.keep_all,
               "use rounds in which the machine was disturbed");
}

Result<std::vector<Load>> ChosenLoads(const Arguments& a,
                                      const std::vector<std::string>& otherwise) {
  std::vector<Load> loads;
  std::shared_ptr<const Replay> replay;
  if (!a.pcap.empty()) {
    auto read = ReadCapture(a.pcap);
    if (!read.ok()) return read.status();
    replay = std::move(*read);
    if (replay->left_out > 0) {
      std::cerr << "note: " << a.pcap << ": " << replay->left_out
                << " frames that no router forwards "
                << "are left out, " << replay->frames.size() << " are sent\n";
    }
  }
  for (const std::string& name : a.names.empty() ? otherwise : a.names) {
    const Load* const found = FindLoad(name);
    if (found == nullptr) {
      return Status(StatusCode::kInvalidArgument,
                    "no load '" + name + "'; accepted: what `flyover bench list` shows");
    }
    Load load = *found;
    load.flows = a.flows.value_or(load.flows);
    load.routes = a.routes.value_or(load.routes);
    load.next_hops = a.next_hops.value_or(load.next_hops);
    load.services = a.services.value_or(load.services);
    load.backends = a.backends.value_or(load.backends);
    load.frame = a.frame.value_or(load.frame);
    load.fragments = a.fragments.value_or(load.fragments);
    if (replay != nullptr) {
      load.replay = replay;
      load.flows = static_cast<uint32_t>(replay->frames.size());
    }
    load.new_flows = a.new_flows.value_or(load.new_flows);
    load.imix = load.imix || a.imix;
    if (a.zipf) load.choice = FlowChoice::kZipf;
    if (Status status = CheckLoad(load); !status.ok()) return status;
    loads.push_back(load);
  }
  return loads;
}

}  // namespace flyover
