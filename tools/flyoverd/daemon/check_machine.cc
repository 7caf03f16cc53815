#include "tools/flyoverd/daemon/check_machine.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "common/dpdk/eal.h"
#include "common/dpdk/port.h"

namespace flyover {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kBytesPerMbuf = 2432;  // 2 KiB of data, headroom, and the mbuf itself

std::string FullPciName(const std::string& device) {
  const std::string name = device.substr(0, device.find(','));
  return name.size() == 7 ? "0000:" + name : name;
}

std::string LinkName(const fs::path& link) {
  std::error_code error;
  const fs::path target = fs::read_symlink(link, error);
  return error ? "none" : target.filename().string();
}

std::string FirstLine(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line.empty() ? "unknown" : line;
}

// The PCI device below the interface of the caller's ssh session; "" when there is none.
std::string SshDevice() {
  const char* const connection = std::getenv("SSH_CONNECTION");
  if (connection == nullptr) return "";
  std::istringstream words(connection);
  std::string client, client_port, server;
  words >> client >> client_port >> server;
  const std::string interface = InterfaceOfAddress(server);
  if (interface.empty()) return "";
  const std::string device = LinkName(fs::path("/sys/class/net") / interface / "device");
  return device == "none" ? "" : device;
}

bool CheckPci(const PortConfig& port, bool allow_ssh, std::ostream& out) {
  const std::string name = FullPciName(port.device);
  const fs::path directory = fs::path("/sys/bus/pci/devices") / name;
  std::error_code error;
  if (!fs::exists(directory, error)) {
    out << "no such PCI device on this machine\n";
    return false;
  }
  const std::string driver = LinkName(directory / "driver");
  out << "PCI, kernel driver " << driver << ", IOMMU group " << LinkName(directory / "iommu_group")
      << ", NUMA node " << FirstLine(directory / "numa_node") << "\n";
  if (driver != "vfio-pci" && driver != "uio_pci_generic") {
    out << "    to give it to DPDK:   dpdk-devbind.py --bind=vfio-pci " << name << "\n"
        << "    to give it back:      dpdk-devbind.py --bind=" << driver << " " << name << "\n";
  }
  if (name == SshDevice() && !allow_ssh) {
    out << "    refused: your ssh session comes in by this device and would end; "
           "--allow-ssh-nic accepts it\n";
    return false;
  }
  return true;
}

}  // namespace

std::string InterfaceOfAddress(const std::string& address) {
  const auto wanted = IpAddress::Parse(address);
  ifaddrs* list = nullptr;
  if (!wanted || getifaddrs(&list) != 0) return "";
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    IpAddress found;
    if (entry->ifa_addr->sa_family == AF_INET) {
      sockaddr_in in;
      std::memcpy(&in, entry->ifa_addr, sizeof(in));
      found = Ipv4Address{SwapBytes(in.sin_addr.s_addr)};
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      sockaddr_in6 in6;
      std::memcpy(&in6, entry->ifa_addr, sizeof(in6));
      found = Ipv6Address::FromBytes(&in6.sin6_addr);
    } else {
      continue;
    }
    if (found == *wanted) return entry->ifa_name;
  }
  return "";
}

bool CheckMachine(const Document& document, bool allow_ssh, std::ostream& out) {
  bool ok = true;
  const DataplaneConfig& config = document.dataplane;
  const auto cpus = PlanLcores(config.lcore_cpus, config.lcore_count, AllowedCpus());
  if (cpus.ok()) {
    out << "lcores: ";
    for (const unsigned cpu : *cpus) out << (cpu == cpus->front() ? "CPU " : ", ") << cpu;
    out << "\n";
  } else {
    out << "lcores: " << cpus.status().message() << "\n";
    ok = false;
  }
  for (const PortConfig& port : document.ports) {
    out << "port " << port.name << ": ";
    if (IsPciDevice(port.device)) {
      ok = CheckPci(port, allow_ssh, out) && ok;
    } else {
      out << "virtual device " << port.device << "\n";
    }
  }
  const uint64_t packet_mib = config.mbufs * kBytesPerMbuf >> 20;
  const uint64_t flow_mib = uint64_t{document.lb.connections.capacity} * 8 >> 20;
  out << "memory: " << packet_mib << " MiB of packet buffers, " << flow_mib
      << " MiB of connection table, 64 MiB of address space for the IPv4 table\n";
  return ok;
}

}  // namespace flyover
