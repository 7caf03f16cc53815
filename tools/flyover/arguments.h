// The command line as a value. arguments.cc is the only includer of CLI11.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/flyover/device.h"
#include "tools/flyover/drain_box.h"

namespace flyover {

struct Invocation {
  std::string socket;
  bool json = false;
  bool exact = false;

  std::string command;  // the protocol's name, or "version", "check", "bench", "device",
                        // "doctor.backend", "fleet"
  std::string address;  // show.route
  std::vector<std::string> addresses;  // show.lookup; none: from standard input
  std::string service;                 // backend.*
  std::string backend;                 // doctor.backend: its address
  uint32_t weight = 0;
  std::optional<uint64_t> limit;      // show.routes, show.connections, show.journal, show.ecmp
  bool all = false;                   // show.drops
  bool stages = false;                // show.lcores
  bool diff = false;                  // show.sync
  bool refused = false;               // show.routes
  std::string vrf;                    // show.routes, route, lookup, sync; empty: the main one
  std::optional<std::string> file;    // reload, commit, plan, check
  bool force = false;                 // reload, commit
  uint32_t confirm_seconds = 0;       // commit
  std::optional<uint32_t> max_moved;  // plan: hundredths of a percent
  bool allow_ssh_nic = false;         // check
  std::vector<std::string> rest;      // check, bench: for the other program
  DeviceCommand device;               // device
  std::vector<std::string> places;    // fleet
  DrainBox drain_box;                 // box.drain
  bool wait = false;                  // backend.drain
  std::chrono::seconds wait_limit{300};
  double watch_seconds = 0;  // show: again every so often; 0: once
  uint64_t count = 0;        // with watch: so many times; 0: for ever
};

struct ParsedArguments {
  std::optional<Invocation> invocation;
  // Without one: help that was asked for (exit 0, to stdout), or what is wrong (exit 2, to stderr).
  int exit_code = 0;
  std::string text;
};
ParsedArguments ParseArguments(const std::vector<std::string>& arguments);

}  // namespace flyover
