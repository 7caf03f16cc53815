#include "tools/flyoverd/daemon/check_machine.h"

#include <algorithm>
#include <fstream>
#include <set>

#include "common/dpdk/eal.h"
#include "common/dpdk/port.h"
#include "common/pci/ssh_session.h"

namespace flyover {
namespace {

// A route in the RIB and in the mirror of the kernel's: measured by tests/labs/table_lab.py, which
// fails when a daemon with a full table takes more.
constexpr uint64_t kBytesPerRouteRecord = 512;
constexpr uint64_t kBytesPerMbuf = 2432;  // 2 KiB of data, headroom, and the mbuf itself

std::string Mib(uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

std::string OrNone(const std::string& text) { return text.empty() ? "none" : text; }

void CheckPci(const MachineView& machine, const std::set<std::string>& ssh_devices,
              PortCheck& port) {
  port.pci = ReadPciDevice(machine.sys, port.device.substr(0, port.device.find(',')));
  if (!port.pci) {
    port.error = "no such PCI device on this machine; accepted: one that `lspci -D` lists";
    return;
  }
  const PciDevice& pci = *port.pci;
  if (!IsDpdkDriver(pci.driver) && !IsSharedDriver(pci.driver)) {
    std::string command = "flyover device bind " + pci.address;
    if (pci.iommu_group.empty()) {
      command += " --driver uio_pci_generic";
      port.warning =
          "no IOMMU guards the memory from this device; if the machine has one: intel_iommu=on or "
          "amd_iommu=on on the kernel's command line, and vfio-pci";
    }
    port.commands = {command};
    if (!pci.driver.empty()) port.give_back = "flyover device unbind " + pci.address;
  }
  if (!ssh_devices.contains(pci.address)) return;
  if (machine.allow_ssh) {
    port.warning = "your ssh session comes in by this device and will end";
  } else {
    port.error =
        "refused: your ssh session comes in by this device and would end; --allow-ssh-nic accepts "
        "that";
  }
}

// RFC 6583: half of the kernel's table is for neighbours that are being asked for, so that a scan
// of a subnet leaves room; the other half must hold those that are there.
void CheckNeighborTables(const Document& document, const MachineView& machine,
                         std::vector<std::string>& warnings) {
  constexpr uint64_t kMost = 8192;           // more neighbours than that are rare
  constexpr uint64_t kOfAnIpv6Subnet = 256;  // its size says nothing
  uint64_t hosts[2] = {};
  for (const PortConfig& port : document.ports) {
    for (const InterfaceAddress& own : port.addresses) {
      const bool v6 = own.address.is_v6();
      if (v6) {
        hosts[1] += kOfAnIpv6Subnet;
      } else if (own.length < 31) {
        hosts[0] += (uint64_t{1} << (32 - own.length)) - 2;
      }
    }
  }
  for (const bool v6 : {false, true}) {
    const std::string name = v6 ? "ipv6" : "ipv4";
    std::ifstream file(machine.proc / "sys/net" / name / "neigh/default/gc_thresh3");
    uint64_t limit = 0;
    const uint64_t expected = std::min(hosts[v6 ? 1 : 0], kMost);
    if (!(file >> limit) || expected <= limit / 2) continue;
    warnings.push_back(
        "the kernel keeps at most " + std::to_string(limit) + (v6 ? " IPv6" : " IPv4") +
        " neighbours, half of them while they are being asked for; the ports' subnets "
        "may have " +
        std::to_string(expected) + ": sysctl -w net." + name +
        ".neigh.default.gc_thresh3=" + std::to_string(expected * 2));
  }
}

void AppendPort(const PortCheck& port, std::string& text) {
  text += "port " + port.name + ": ";
  if (!port.is_pci) {
    text += (port.is_device ? "virtual device " : "") + port.device + "\n";
    return;
  }
  if (!port.pci) {
    text += port.error + "\n";
    return;
  }
  const PciDevice& pci = *port.pci;
  text += "PCI " + pci.address + ", kernel driver " + OrNone(pci.driver) + ", IOMMU group " +
          OrNone(pci.iommu_group) + ", NUMA node " +
          (pci.numa_node.empty() ? "unknown" : pci.numa_node);
  for (const std::string& interface : pci.interfaces) text += ", interface " + interface;
  text += "\n";
  if (port.commands.empty()) {
    text += IsSharedDriver(pci.driver)
                ? "    ready for DPDK: " + pci.driver + " serves both, nothing is to be bound\n"
                : "    ready for DPDK\n";
  }
  for (size_t i = 0; i < port.commands.size(); ++i) {
    text += (i == 0 ? "    to give it to DPDK:  " : "                         ") +
            port.commands[i] + "\n";
  }
  if (!port.give_back.empty()) text += "    to give it back:     " + port.give_back + "\n";
  if (!port.warning.empty()) text += "    warning: " + port.warning + "\n";
  if (!port.error.empty()) text += "    " + port.error + "\n";
}

}  // namespace

bool MachineReport::ok() const {
  return lcores_error.empty() && std::all_of(ports.begin(), ports.end(),
                                             [](const PortCheck& p) { return p.error.empty(); });
}

MachineReport CheckMachine(const Document& document, const MachineView& machine) {
  MachineReport report;
  const DataplaneConfig& config = document.dataplane;
  const auto cpus = PlanLcores(config.lcore_cpus, config.lcore_count, AllowedCpus());
  if (cpus.ok()) {
    report.lcore_cpus = *cpus;
  } else {
    report.lcores_error = cpus.status().message();
  }
  const std::set<std::string> ssh_devices =
      PciDevicesBelow(machine.sys, SshInterface(machine.ssh_connection));
  for (const PortConfig& port : document.ports) {
    if (port.vlan || port.tunnel) {
      PortCheck& check = report.ports.emplace_back();
      check.name = port.name;
      check.device = DeviceWords(port);
      check.is_device = false;
    }
    for (const std::string& device : DevicesOf(port)) {
      PortCheck& check = report.ports.emplace_back();
      check.name = port.name;
      check.device = device;
      check.is_pci = IsPciDevice(device);
      if (check.is_pci) CheckPci(machine, ssh_devices, check);
    }
  }
  CheckNeighborTables(document, machine, report.warnings);
  report.packet_mib = config.mbufs * kBytesPerMbuf >> 20;
  report.connection_mib = uint64_t{document.lb.connections.capacity} * 8 >> 20;
  for (const router::RouteCapacity& capacity : document.router.Capacities()) {
    const router::TableMemory memory = router::MemoryOf(capacity);
    report.routes.ipv4 += capacity.ipv4;
    report.routes.ipv6 += capacity.ipv6;
    report.tables.ipv4_table += memory.ipv4_table;
    report.tables.ipv6_table += memory.ipv6_table;
    report.tables.rules += memory.rules;
  }
  report.vrfs = document.router.vrfs.size();
  report.route_record_bytes =
      (uint64_t{report.routes.ipv4} + report.routes.ipv6) * kBytesPerRouteRecord;
  return report;
}

std::string ToText(const MachineReport& report) {
  std::string text = "lcores: " + report.lcores_error;
  for (size_t i = 0; i < report.lcore_cpus.size(); ++i) {
    text += (i == 0 ? "CPU " : ", ") + std::to_string(report.lcore_cpus[i]);
  }
  text += "\n";
  for (const PortCheck& port : report.ports) AppendPort(port, text);
  std::string warnings;
  for (const std::string& warning : report.warnings) warnings += "warning: " + warning + "\n";
  return text + "memory: " + std::to_string(report.packet_mib) + " MiB of packet buffers, " +
         std::to_string(report.connection_mib) + " MiB of connection table\n" + "routes: " +
         (report.vrfs == 0 ? "" : "in " + std::to_string(report.vrfs + 1) + " VRFs together ") +
         "room for " + std::to_string(report.routes.ipv4) + " IPv4 (tables of at most " +
         Mib(report.tables.ipv4_table) + ") and " + std::to_string(report.routes.ipv6) +
         " IPv6 (at most " + Mib(report.tables.ipv6_table) + "); their records take up to " +
         Mib(report.tables.rules + report.route_record_bytes) +
         "; all of it only as routes come\n" + warnings;
}

}  // namespace flyover
