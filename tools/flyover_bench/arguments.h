// What the command line of `flyover bench` says, and the loads that it means.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "tools/flyover_bench/load.h"
#include "tools/flyover_bench/subject.h"

namespace flyover {

struct Arguments {
  std::vector<std::string> names;
  std::vector<std::string> against;
  std::string html;  // a file; empty: none
  Devices devices;
  bool json = false, no_huge = false, keep_all = false;
  unsigned rounds = 15;
  uint32_t bursts = 2000;
  unsigned milliseconds = 250;
  unsigned lcores = 1;
  unsigned trial_milliseconds = 200;
  std::vector<uint16_t> frames;  // of RFC 2544
  uint64_t seed = 1;
  std::optional<unsigned> cpu;
  // Over what the loads say.
  std::optional<uint32_t> flows, routes;
  std::optional<unsigned> next_hops, services, backends;
  std::optional<uint16_t> frame;
  std::optional<double> new_flows, fragments;
  std::string pcap;  // a file; empty: none
  bool imix = false, zipf = false;
};

// The subcommands, one of which is parsed, or none.
struct Commands {
  CLI::App *list = nullptr, *quick = nullptr, *path = nullptr, *device = nullptr,
           *kernels = nullptr, *self_test = nullptr, *count = nullptr, *stages = nullptr,
           *memory = nullptr, *latency = nullptr, *rfc2544 = nullptr;
};

// `app` keeps pointers into both.
void DefineArguments(CLI::App& app, Commands& commands, Arguments& arguments);

// The loads that are named (`otherwise`, where none is), with what the options change.
Result<std::vector<Load>> ChosenLoads(const Arguments& arguments,
                                      const std::vector<std::string>& otherwise);

}  // namespace flyover
