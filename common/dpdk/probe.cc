#include "common/dpdk/probe.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "common/pci/pci_device.h"

namespace flyover {
namespace {

// Why DPDK did not take a PCI device.
Status ExplainPci(const std::string& name) {
  if (Status status = PciIsFree("/sys", name); !status.ok()) return status;
  return Status(StatusCode::kUnavailable, "DPDK has no driver that takes PCI device " + name +
                                              ", or another process uses it");
}

}  // namespace

std::string DeviceNameOf(const std::string& device) { return device.substr(0, device.find(',')); }

Result<uint16_t> ProbeDevice(const std::string& device) {
  const std::string name = DeviceNameOf(device);
  uint16_t id = 0;
  if (rte_eth_dev_get_port_by_name(name.c_str(), &id) == 0) return id;
  if (IsPciDevice(device)) return ExplainPci(name);
  const int error = rte_dev_probe(device.c_str());
  if (error == 0 && rte_eth_dev_get_port_by_name(name.c_str(), &id) == 0) return id;
  return Status(StatusCode::kNotFound,
                "DPDK could not open it (" + std::string(rte_strerror(-error)) +
                    "); accepted: a PCI address, or a vdev such as net_af_packet0,iface=veth1");
}

}  // namespace flyover
