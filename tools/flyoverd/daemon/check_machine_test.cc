#include "tools/flyoverd/daemon/check_machine.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "common/pci/pci_device.h"
#include "common/pci/ssh_session.h"

namespace flyover {
namespace {

namespace fs = std::filesystem;

// A sysfs and a procfs of the test's own.
class CheckMachineTest : public ::testing::Test {
 protected:
  CheckMachineTest() {
    fs::remove_all(root_);
    fs::create_directories(root_ / "sys/bus/pci/devices");
    fs::create_directories(root_ / "sys/class/net");
  }
  ~CheckMachineTest() override { fs::remove_all(root_); }

  struct Pci {
    std::string driver = {};
    std::string iommu_group = {};
    std::string numa_node = "-1";
  };
  void AddPci(const std::string& address, const Pci& pci) {
    const fs::path device = DeviceDirectory(address);
    fs::create_directories(device);
    fs::create_symlink(device, root_ / "sys/bus/pci/devices" / address);
    if (!pci.driver.empty()) {
      fs::create_symlink("../../../bus/pci/drivers/" + pci.driver, device / "driver");
    }
    if (!pci.iommu_group.empty()) {
      fs::create_symlink("../../../kernel/iommu_groups/" + pci.iommu_group, device / "iommu_group");
    }
    std::ofstream(device / "numa_node") << pci.numa_node << "\n";
  }
  // `below`: a PCI device's directory, or a part of it (virtio0).
  void AddInterface(const std::string& name, const fs::path& below) {
    const fs::path interface = below / "net" / name;
    fs::create_directories(interface);
    fs::create_symlink(below, interface / "device");
    fs::create_symlink(interface, root_ / "sys/class/net" / name);
  }
  void AddUpper(const std::string& name, const std::string& lower) {
    const fs::path interface = root_ / "sys/class/net" / name;
    fs::create_directories(interface);
    fs::create_symlink("../" + lower, interface / ("lower_" + lower));
  }
  fs::path DeviceDirectory(const std::string& address) const {
    return root_ / "sys/devices/pci0000:00" / address;
  }
  void AddProcess(pid_t pid, pid_t parent, const std::string& environment) {
    const fs::path process = root_ / "proc" / std::to_string(pid);
    fs::create_directories(process);
    std::ofstream(process / "status") << "Name:\tx\nPPid:\t" << parent << "\nTracerPid:\t0\n";
    std::ofstream(process / "environ") << environment;
  }

  // What `flyover check` says of one port on the device, and whether it is content.
  std::pair<bool, std::string> Check(const std::string& device, MachineView view = {}) const {
    Document document;
    document.ports.resize(1);
    document.ports[0].name = "wan";
    document.ports[0].device = device;
    view.sys = root_ / "sys";
    const MachineReport report = CheckMachine(document, view);
    return {report.ok(), ToText(report)};
  }

  const fs::path root_ =
      fs::path(::testing::TempDir()) / ("check_machine." + std::to_string(getpid()));
};

// A session whose server address is on lo: here lo is a NIC, or above one.
const MachineView kOnSsh = {
    .allow_ssh = false, .ssh_connection = "192.0.2.1 50000 127.0.0.1 22", .sys = {}};

#define EXPECT_SAYS(text, words) EXPECT_NE((text).find(words), std::string::npos) << (text)
#define EXPECT_SILENT(text, words) EXPECT_EQ((text).find(words), std::string::npos) << (text)

TEST_F(CheckMachineTest, NamesDriverGroupNodeAndTheCommandThatBinds) {
  AddPci("0000:3b:00.0", {.driver = "ixgbe", .iommu_group = "17", .numa_node = "1"});
  AddInterface("enp59s0", DeviceDirectory("0000:3b:00.0"));
  const auto [ok, text] = Check("0000:3b:00.0");
  EXPECT_TRUE(ok) << text;
  EXPECT_SAYS(text,
              "port wan: PCI 0000:3b:00.0, kernel driver ixgbe, IOMMU group 17, NUMA node 1, "
              "interface enp59s0\n");
  EXPECT_SAYS(text, "flyover device bind 0000:3b:00.0\n");
  EXPECT_SAYS(text, "flyover device unbind 0000:3b:00.0\n");
  EXPECT_SILENT(text, "IOMMU guards");
}

TEST_F(CheckMachineTest, FindsADeviceByItsShortNameAndInUpperCase) {
  AddPci("0000:3b:00.0", {.driver = "ixgbe", .iommu_group = "17"});
  EXPECT_TRUE(Check("3b:00.0").first);
  EXPECT_TRUE(Check("0000:3B:00.0,tx_db_nc=1").first);
}

TEST_F(CheckMachineTest, SaysWhatAMachineWithoutIommuNeeds) {
  AddPci("0000:00:04.0", {.driver = "e1000"});
  const auto [ok, text] = Check("0000:00:04.0");
  EXPECT_TRUE(ok);
  EXPECT_SAYS(text, "kernel driver e1000, IOMMU group none, NUMA node unknown\n");
  EXPECT_SAYS(text, "flyover device bind 0000:00:04.0 --driver uio_pci_generic\n");
  EXPECT_SAYS(text, "warning: no IOMMU guards");
}

TEST_F(CheckMachineTest, NothingIsToBeBoundTwice) {
  AddPci("0000:3b:00.0", {.driver = "vfio-pci", .iommu_group = "17"});
  AddPci("0000:3b:00.1", {.driver = "mlx5_core", .iommu_group = "18"});
  AddPci("0000:3b:00.2", {.driver = "", .iommu_group = "19"});
  EXPECT_SAYS(Check("0000:3b:00.0").second, "ready for DPDK");
  EXPECT_SILENT(Check("0000:3b:00.0").second, "device bind");
  EXPECT_SAYS(Check("0000:3b:00.1").second, "mlx5_core serves both");
  EXPECT_SILENT(Check("0000:3b:00.1").second, "device bind");
  EXPECT_SAYS(Check("0000:3b:00.2").second, "kernel driver none");
  EXPECT_SILENT(Check("0000:3b:00.2").second, "give it back");
}

TEST_F(CheckMachineTest, RefusesTheNicOfTheCallersSshSession) {
  AddPci("0000:3b:00.0", {.driver = "ixgbe", .iommu_group = "17"});
  AddPci("0000:3b:00.1", {.driver = "ixgbe", .iommu_group = "18"});
  AddInterface("lo", DeviceDirectory("0000:3b:00.0"));
  const auto [ok, text] = Check("0000:3b:00.0", kOnSsh);
  EXPECT_FALSE(ok);
  EXPECT_SAYS(text, "refused: your ssh session comes in by this device");
  EXPECT_SAYS(text, "--allow-ssh-nic");
  EXPECT_FALSE(Check("3B:00.0", kOnSsh).first) << "by any of its names";
  EXPECT_TRUE(Check("0000:3b:00.1", kOnSsh).first) << "the other one may go";
  EXPECT_TRUE(Check("0000:3b:00.0").first) << "no session, nothing to lose";
  MachineView told = kOnSsh;
  told.allow_ssh = true;
  EXPECT_TRUE(Check("0000:3b:00.0", told).first);
  EXPECT_SAYS(Check("0000:3b:00.0", told).second, "warning: your ssh session");
}

TEST_F(CheckMachineTest, SeesTheNicBelowVirtioAndBelowABond) {
  AddPci("0000:00:03.0", {.driver = "virtio-pci"});
  AddInterface("lo", DeviceDirectory("0000:00:03.0") / "virtio0");
  EXPECT_FALSE(Check("0000:00:03.0", kOnSsh).first);
  EXPECT_SAYS(Check("0000:00:03.0").second, "interface lo");

  fs::remove(root_ / "sys/class/net/lo");
  AddPci("0000:3b:00.0", {.driver = "ixgbe"});
  AddPci("0000:3b:00.1", {.driver = "ixgbe"});
  AddInterface("enp59s0f0", DeviceDirectory("0000:3b:00.0"));
  AddInterface("enp59s0f1", DeviceDirectory("0000:3b:00.1"));
  AddUpper("bond0", "enp59s0f0");
  AddUpper("bond0", "enp59s0f1");
  AddUpper("lo", "bond0");
  EXPECT_FALSE(Check("0000:3b:00.0", kOnSsh).first);
  EXPECT_FALSE(Check("0000:3b:00.1", kOnSsh).first);
  EXPECT_TRUE(Check("0000:00:03.0", kOnSsh).first);
}

TEST_F(CheckMachineTest, InterfacesThatStandOnThemselvesEnd) {
  AddUpper("lo", "lo");
  EXPECT_TRUE(PciDevicesBelow(root_ / "sys", "lo").empty());
  EXPECT_TRUE(PciDevicesBelow(root_ / "sys", "no-such").empty());
  EXPECT_TRUE(PciDevicesBelow(root_ / "sys", "").empty());
}

TEST_F(CheckMachineTest, FindsTheSessionAboveSudo) {
  const std::string connection = "192.0.2.1 50000 198.51.100.2 22";
  AddProcess(100, 90, std::string("HOME=/root\0PATH=/bin\0", 21));
  AddProcess(90, 80, "");
  AddProcess(80, 1, std::string("A=b\0", 4) + "SSH_CONNECTION=" + connection + '\0');
  AddProcess(1, 0, "");
  EXPECT_EQ(SshConnection(root_ / "proc", 100), connection);
  EXPECT_EQ(SshConnection(root_ / "proc", 80), connection);
  EXPECT_EQ(SshConnection(root_ / "proc", 1), "");
  EXPECT_EQ(SshConnection(root_ / "proc", 4711), "");
}

TEST_F(CheckMachineTest, ADeviceOfTheKernelIsNotFree) {
  AddPci("0000:3b:00.0", {.driver = "ixgbe", .iommu_group = "17"});
  AddInterface("enp59s0", DeviceDirectory("0000:3b:00.0"));
  AddPci("0000:3b:00.1", {.driver = "vfio-pci", .iommu_group = "18"});
  AddPci("0000:3b:00.2", {.driver = "mlx5_core", .iommu_group = "19"});
  AddPci("0000:3b:00.3", {});
  const auto why = [&](const char* name) { return PciIsFree(root_ / "sys", name).message(); };
  EXPECT_EQ(why("3b:00.0"),
            "PCI device 0000:3b:00.0 belongs to the kernel driver 'ixgbe' (interface enp59s0); to "
            "give it to DPDK: flyover device bind 0000:3b:00.0");
  EXPECT_TRUE(PciIsFree(root_ / "sys", "0000:3b:00.1").ok());
  EXPECT_TRUE(PciIsFree(root_ / "sys", "0000:3b:00.2").ok());
  EXPECT_EQ(why("0000:3b:00.3"),
            "PCI device 0000:3b:00.3 has no driver; to give it to DPDK: flyover device bind "
            "0000:3b:00.3");
  EXPECT_EQ(PciIsFree(root_ / "sys", "0000:3b:00.7").code(), StatusCode::kNotFound);
}

TEST(SshSession, FindsTheInterfaceOfAnAddress) {
  EXPECT_EQ(InterfaceOfAddress("127.0.0.1"), "lo");
  EXPECT_EQ(InterfaceOfAddress("192.0.2.77"), "");
  EXPECT_EQ(InterfaceOfAddress("not an address"), "");
  EXPECT_EQ(InterfaceOfAddress(""), "");
  EXPECT_EQ(SshInterface("fe80::9 50000 fe80::1%eth7 22"), "eth7");
  EXPECT_EQ(SshInterface("garbage"), "");
  EXPECT_EQ(SshInterface(""), "");
}

TEST_F(CheckMachineTest, NamesVirtualDevicesAndMissingOnes) {
  const auto [ok, text] = Check("net_af_packet0,iface=veth1");
  EXPECT_TRUE(ok);
  EXPECT_SAYS(text, "port wan: virtual device net_af_packet0,iface=veth1\n");
  EXPECT_SAYS(text, "memory: ");
  EXPECT_SAYS(text,
              "routes: room for 2000000 IPv4 (tables of at most 187 MiB) and 500000 IPv6 (at ");
  const auto [missing, why] = Check("ffff:ff:1f.7");
  EXPECT_FALSE(missing);
  EXPECT_SAYS(why, "port wan: no such PCI device on this machine; accepted: ");
}

TEST_F(CheckMachineTest, NamesANeighbourTableThatIsTooSmall) {
  Document document;
  PortConfig port;
  port.name = "lan";
  port.device = "net_null0";
  port.addresses = {*InterfaceAddress::Parse("10.2.0.1/16"),
                    *InterfaceAddress::Parse("2001:db8::1/64")};
  document.ports = {port};
  for (const char* family : {"ipv4", "ipv6"}) {
    const auto folder = root_ / "proc/sys/net" / family / "neigh/default";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "gc_thresh3") << "1024\n";
  }
  MachineView machine;
  machine.proc = root_ / "proc";
  EXPECT_EQ(CheckMachine(document, machine).warnings,
            std::vector<std::string>{
                "the kernel keeps at most 1024 IPv4 neighbours, half of them while they are being "
                "asked for; the ports' subnets may have 8192: sysctl -w "
                "net.ipv4.neigh.default.gc_thresh3=16384"});
  document.ports[0].addresses = {*InterfaceAddress::Parse("10.2.0.1/24")};
  EXPECT_TRUE(CheckMachine(document, machine).warnings.empty());
}

TEST_F(CheckMachineTest, RefusesCpusThatAreNotThere) {
  Document document;
  document.dataplane.lcore_cpus = {4095};
  const MachineReport report = CheckMachine(document, {});
  EXPECT_FALSE(report.ok());
  EXPECT_SAYS(ToText(report), "lcores: CPU 4095 is not there");
}

}  // namespace
}  // namespace flyover
