#include "tools/flyover/device.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/pci/device_binding.h"
#include "common/pci/device_memory.h"
#include "tools/flyover/cli.h"
#include "tools/flyover/table.h"

namespace flyover {
namespace {

using nlohmann::json;

// One line of the list.
struct Row {
  PciDevice device;
  std::vector<KernelInterface>
      interfaces;  // as they are, or as they were before DPDK had the device
  bool remembered = false;
  std::vector<std::string> users;
  bool ssh = false;
  bool default_route = false;
};

std::vector<Row> Rows(const DeviceHost& host, const std::set<std::string>& ssh_devices) {
  std::set<std::string> default_devices;
  for (const std::string& interface : DefaultRouteInterfaces(host.proc)) {
    default_devices.merge(PciDevicesBelow(host.sys, interface));
  }
  std::vector<Row> rows;
  for (PciDevice& device : PciNetworkDevices(host.sys)) {
    Row row;
    row.users = DeviceUsers(host, device);
    row.ssh = ssh_devices.contains(device.address);
    row.default_route = default_devices.contains(device.address);
    for (const std::string& name : device.interfaces) {
      auto interface = host.read_interface(name);
      if (interface.ok()) row.interfaces.push_back(std::move(*interface));
    }
    if (IsDpdkDriver(device.driver)) {
      if (auto memory = Recall(host.memory, device.address)) {
        row.interfaces = std::move(memory->interfaces);
        row.remembered = true;
      }
    }
    row.device = std::move(device);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string IdOf(const PciDevice& device) {
  return fmt::format("{:04x}:{:04x}", device.vendor, device.device);
}

json ToJson(const Row& row) {
  json interfaces = json::array();
  for (const KernelInterface& interface : row.interfaces) interfaces.push_back(ToJson(interface));
  return {{"address", row.device.address},
          {"id", IdOf(row.device)},
          {"driver", row.device.driver},
          {"dpdk", IsDpdkDriver(row.device.driver) || IsSharedDriver(row.device.driver)},
          {"iommu_group", row.device.iommu_group},
          {"numa_node", row.device.numa_node},
          {"interfaces", interfaces},
          {"remembered", row.remembered},
          {"users", row.users},
          {"ssh_session", row.ssh},
          {"default_route", row.default_route}};
}

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

std::string Note(const Row& row) {
  std::vector<std::string> notes;
  if (row.ssh) notes.emplace_back("your ssh session");
  if (row.default_route) notes.emplace_back("the default route");
  if (row.remembered && !row.interfaces.empty()) notes.emplace_back("interface as before binding");
  for (const std::string& user : row.users) notes.push_back("in use by " + user);
  if (IsSharedDriver(row.device.driver)) notes.emplace_back("DPDK and kernel side by side");
  return fmt::format("{}", fmt::join(notes, ", "));
}

std::string ToTable(const std::vector<Row>& rows) {
  Table table({{"ADDRESS"},
               {"ID"},
               {"DRIVER"},
               {"IOMMU"},
               {"NUMA"},
               {"INTERFACE"},
               {"MAC"},
               {"ADDRESSES"},
               {"NOTE"}});
  for (const Row& row : rows) {
    const PciDevice& device = row.device;
    std::string names, macs, addresses;
    for (const KernelInterface& interface : row.interfaces) {
      const char* const space = names.empty() ? "" : " ";
      names += space + interface.name;
      macs += space + interface.mac.ToString();
      for (const InterfaceAddress& address : interface.addresses) {
        addresses += (addresses.empty() ? "" : " ") + address.ToString();
      }
    }
    table.AddRow({device.address, IdOf(device), OrDash(device.driver), OrDash(device.iommu_group),
                  OrDash(device.numa_node), OrDash(names), OrDash(macs), OrDash(addresses),
                  Note(row)});
  }
  return table.Render();
}

}  // namespace

int RunDevice(const DeviceCommand& command, const DeviceHost& host,
              const std::string& ssh_interface, std::ostream& out, std::ostream& err) {
  const std::set<std::string> ssh_devices = PciDevicesBelow(host.sys, ssh_interface);
  if (command.verb == "list") {
    const std::vector<Row> rows = Rows(host, ssh_devices);
    if (command.json) {
      json devices = json::array();
      for (const Row& row : rows) devices.push_back(ToJson(row));
      out << json{{"devices", devices}}.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
    } else {
      out << (rows.empty() ? "no PCI network devices on this machine\n" : ToTable(rows));
    }
    return kExitOk;
  }
  BindOptions options;
  if (!command.driver.empty()) options.driver = command.driver;
  options.ssh_devices = ssh_devices;
  options.allow_ssh_nic = command.allow_ssh_nic;
  options.allow_default_route = command.allow_default_route;
  for (const std::string& device : command.devices) {
    const Result<std::string> done =
        command.verb == "bind" ? BindDevice(host, device, options) : UnbindDevice(host, device);
    if (!done.ok()) {
      err << "flyover: " << Printable(done.status().message()) << "\n";
      return kExitRefused;
    }
    out << Printable(*done) << "\n";
  }
  return kExitOk;
}

}  // namespace flyover
