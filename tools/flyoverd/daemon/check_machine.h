// `flyover check`, the part behind a valid document: what this machine would do with it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/pci/pci_device.h"
#include "router/fib/table_memory.h"
#include "tools/flyoverd/document/document.h"

namespace flyover {

struct MachineView {
  bool allow_ssh = false;      // the caller may lose the NIC of the own session
  std::string ssh_connection;  // see SshConnection; empty: the caller is not on ssh
  std::filesystem::path sys = "/sys";
  std::filesystem::path proc = "/proc";
};

struct PortCheck {
  std::string name;
  std::string device;
  bool is_device = true;  // false: a sub-interface
  bool is_pci = false;
  std::optional<PciDevice> pci;       // what sysfs says; nullopt: not there
  std::vector<std::string> commands;  // that give the device to DPDK; empty: it is ready
  std::string give_back;              // the command that undoes them; may be empty
  std::string error;                  // why the port could not start; empty: it could
  std::string warning;
};

struct MachineReport {
  std::vector<unsigned> lcore_cpus;
  std::string lcores_error;
  std::vector<PortCheck> ports;
  uint64_t packet_mib = 0;
  uint64_t connection_mib = 0;
  router::RouteCapacity routes{0, 0};  // of all VRFs, and so is what follows
  size_t vrfs = 0;                     // beside the main one
  router::TableMemory tables;          // for that many
  // Of the kernel's settings.
  std::vector<std::string> warnings;
  // What the control thread keeps of each route beside the tables, in all.
  uint64_t route_record_bytes = 0;

  // The data plane could start once the commands were given, and the caller keeps the own session.
  bool ok() const;
};

// Touches nothing.
MachineReport CheckMachine(const Document& document, const MachineView& machine);

// For people: a line for the lcores, each port and the memory, commands indented below.
std::string ToText(const MachineReport& report);

}  // namespace flyover
