#include "tools/flyover/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/pci/device_memory.h"

namespace flyover {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

// A machine of three NICs: the kernel's, DPDK's, and one without a driver; and a disk, which is not
// shown.
class DeviceTest : public ::testing::Test {
 protected:
  DeviceTest() {
    fs::remove_all(root_);
    Add("0000:00:03.0", "virtio-pci", "0x020000");
    Add("0000:3b:00.0", "vfio-pci", "0x020000");
    Add("0000:3b:00.1", "", "0x020000");
    Add("0000:00:01.0", "ahci", "0x010601");
    const fs::path nic = root_ / "sys/bus/pci/devices/0000:00:03.0";
    fs::create_directories(nic / "virtio0/net/eth0");
    fs::create_directories(root_ / "sys/class/net/eth0");
    fs::create_directory_symlink(nic / "virtio0", root_ / "sys/class/net/eth0/device");
    host_.sys = root_ / "sys";
    host_.proc = root_ / "proc";
    host_.memory = root_ / "memory";
    host_.read_interface = [](const std::string& name) { return InterfaceNamed(name); };
    EXPECT_TRUE(Remember(host_.memory, "0000:3b:00.0",
                         {.driver = "ixgbe", .interfaces = {InterfaceNamed("enp59s0")}})
                    .ok());
  }
  ~DeviceTest() override { fs::remove_all(root_); }

  static KernelInterface InterfaceNamed(const std::string& name) {
    KernelInterface interface;
    interface.name = name;
    interface.addresses = {*InterfaceAddress::Parse("192.0.2.2/30")};
    return interface;
  }
  void Add(const std::string& address, const std::string& driver, const std::string& device_class) {
    const fs::path device = root_ / "sys/bus/pci/devices" / address;
    fs::create_directories(device);
    std::ofstream(device / "class") << device_class << "\n";
    std::ofstream(device / "vendor") << "0x8086\n";
    std::ofstream(device / "device") << "0x10d3\n";
    std::ofstream(device / "numa_node") << "-1\n";
    if (!driver.empty()) fs::create_symlink("../drivers/" + driver, device / "driver");
  }
  static DeviceCommand List(bool as_json = false) {
    DeviceCommand command;
    command.verb = "list";
    command.json = as_json;
    return command;
  }
  int Run(const DeviceCommand& command, const std::string& ssh_interface = "") {
    out_.str("");
    err_.str("");
    return RunDevice(command, host_, ssh_interface, out_, err_);
  }

  const fs::path root_ = fs::path(::testing::TempDir()) / ("device." + std::to_string(getpid()));
  DeviceHost host_;
  std::ostringstream out_, err_;
};

TEST_F(DeviceTest, ListsNicsWithWhatPeopleNeedToChoose) {
  EXPECT_EQ(Run(List(), "eth0"), 0);
  EXPECT_THAT(out_.str(), HasSubstr("0000:00:03.0  8086:10d3  virtio-pci"));
  EXPECT_THAT(out_.str(), HasSubstr("192.0.2.2/30  your ssh session\n"));
  EXPECT_THAT(out_.str(), HasSubstr("192.0.2.2/30  interface as before binding\n"));
  EXPECT_THAT(out_.str(), testing::Not(HasSubstr("ahci")));
}

TEST_F(DeviceTest, TheJsonHasTheSame) {
  EXPECT_EQ(Run(List(true), "eth0"), 0);
  const json devices = json::parse(out_.str()).at("devices");
  ASSERT_EQ(devices.size(), 3u);
  EXPECT_EQ(devices[0]["address"], "0000:00:03.0");
  EXPECT_EQ(devices[0]["id"], "8086:10d3");
  EXPECT_EQ(devices[0]["ssh_session"], true);
  EXPECT_EQ(devices[0]["dpdk"], false);
  EXPECT_EQ(devices[0]["interfaces"][0]["name"], "eth0");
  EXPECT_EQ(devices[1]["dpdk"], true);
  EXPECT_EQ(devices[1]["remembered"], true);
  EXPECT_EQ(devices[1]["interfaces"][0]["addresses"][0], "192.0.2.2/30");
  EXPECT_EQ(devices[2]["driver"], "");
}

TEST_F(DeviceTest, TheFirstRefusalEndsIt) {
  DeviceCommand bind;
  bind.verb = "bind";
  bind.devices = {"0000:3b:00.0", "0000:00:03.0", "0000:3b:00.1"};
  EXPECT_EQ(Run(bind, "eth0"), 1);
  EXPECT_EQ(out_.str(), "0000:3b:00.0: belongs to vfio-pci already\n");
  EXPECT_THAT(err_.str(),
              HasSubstr("flyover: 0000:00:03.0: your ssh session comes in by this device"));
}

TEST_F(DeviceTest, AMachineWithoutNicsSaysSo) {
  fs::remove_all(root_ / "sys");
  EXPECT_EQ(Run(List()), 0);
  EXPECT_EQ(out_.str(), "no PCI network devices on this machine\n");
}

}  // namespace
}  // namespace flyover
