#include "tools/flyoverd/daemon/check_machine.h"

#include <algorithm>
#include <set>

#include "common/dpdk/eal.h"
#include "common/dpdk/port.h"
#include "common/pci/ssh_session.h"

namespace flyover {
namespace {

constexpr uint64_t kBytesPerMbuf = 2432;  // 2 KiB of data, headroom, and the mbuf itself

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
  report.packet_mib = config.mbufs * kBytesPerMbuf >> 20;
  report.connection_mib = uint64_t{document.lb.connections.capacity} * 8 >> 20;
  return report;
}

std::string ToText(const MachineReport& report) {
  std::string text = "lcores: " + report.lcores_error;
  for (size_t i = 0; i < report.lcore_cpus.size(); ++i) {
    text += (i == 0 ? "CPU " : ", ") + std::to_string(report.lcore_cpus[i]);
  }
  text += "\n";
  for (const PortCheck& port : report.ports) AppendPort(port, text);
  return text + "memory: " + std::to_string(report.packet_mib) + " MiB of packet buffers, " +
         std::to_string(report.connection_mib) +
         " MiB of connection table, 64 MiB of address space for the IPv4 table\n";
}

}  // namespace flyover
