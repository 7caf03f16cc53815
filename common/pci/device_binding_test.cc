#include "common/pci/device_binding.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "common/pci/device_memory.h"

namespace flyover {
namespace {

namespace fs = std::filesystem;

constexpr char kNic[] = "0000:3b:00.0";

// A sysfs and a procfs in files, and behind them a kernel that follows drivers_probe.
class DeviceBindingTest : public ::testing::Test {
 protected:
  DeviceBindingTest() {
    fs::remove_all(root_);
    for (const char* driver : {"ixgbe", "vfio-pci", "uio_pci_generic", "ahci"}) {
      fs::create_directories(root_ / "sys/bus/pci/drivers" / driver);
    }
    fs::create_directories(root_ / "sys/bus/pci/devices");
    fs::create_directories(root_ / "sys/class/net");
    fs::create_directories(root_ / "proc/net");
    host_.sys = root_ / "sys";
    host_.proc = root_ / "proc";
    host_.memory = root_ / "memory";
    host_.interface_wait = std::chrono::milliseconds(200);
    host_.write = [this](const fs::path& file, const std::string& text) {
      return Written(file, text);
    };
    host_.load_module = [this](const std::string& module) {
      loaded_.push_back(module);
      if (missing_modules_.contains(module)) return Status(StatusCode::kUnavailable, "no module");
      fs::create_directories(root_ / "sys/bus/pci/drivers" / module);
      return Status::Ok();
    };
    host_.read_interface = [](const std::string& name) { return InterfaceNamed(name); };
    host_.restore_interface = [this](const std::string& present, const KernelInterface& wanted) {
      restored_.push_back(wanted);
      fs::rename(Device(kNic) / "net" / present, Device(kNic) / "net" / wanted.name);
      return Status::Ok();
    };
  }
  ~DeviceBindingTest() override { fs::remove_all(root_); }

  static KernelInterface InterfaceNamed(const std::string& name) {
    KernelInterface interface;
    interface.name = name;
    interface.mac = *MacAddress::Parse("02:00:00:00:00:07");
    interface.mtu = 9000;
    interface.up = true;
    interface.addresses = {*InterfaceAddress::Parse("192.0.2.2/30"),
                           *InterfaceAddress::Parse("2001:db8::2/64")};
    interface.routes = {{.to = *IpPrefix::Parse("0.0.0.0/0"),
                         .via = IpAddress::Parse("192.0.2.1"),
                         .metric = 5,
                         .table = 254,
                         .protocol = 3}};
    return interface;
  }

  fs::path Device(const std::string& address) const {
    return root_ / "sys/bus/pci/devices" / address;
  }
  // A device as its kernel driver has it. `interface`: empty for none.
  void Add(const std::string& address, const std::string& driver, const std::string& interface,
           const std::string& group = "17", const std::string& device_class = "0x020000") {
    fs::create_directories(Device(address));
    std::ofstream(Device(address) / "class") << device_class << "\n";
    native_[address] = driver;
    interface_[address] = interface;
    Probe(address, driver);
    if (group.empty()) return;
    const fs::path members = root_ / "sys/kernel/iommu_groups" / group / "devices";
    fs::create_directories(members / address);
    fs::create_symlink("../../../../kernel/iommu_groups/" + group, Device(address) / "iommu_group");
  }
  void Probe(const std::string& address, const std::string& driver) {
    if (driver.empty()) return;
    fs::create_symlink("../../drivers/" + driver, Device(address) / "driver");
    if (driver == native_[address] && !interface_[address].empty()) {
      fs::create_directories(Device(address) / "net" / interface_[address]);
      fs::remove_all(root_ / "sys/class/net" / interface_[address]);
      fs::create_directories(root_ / "sys/class/net" / interface_[address]);
      fs::create_directory_symlink(Device(address),
                                   root_ / "sys/class/net" / interface_[address] / "device");
    }
  }
  Status Written(const fs::path& file, const std::string& text) {
    if (file.filename() == "unbind") {
      fs::remove_all(Device(text) / "net");
      fs::remove(Device(text) / "driver");
    } else if (file.filename() == "driver_override") {
      override_[file.parent_path().filename()] =
          text == "\n" ? "" : text.substr(0, text.size() - 1);
    } else if (file.filename() == "drivers_probe") {
      const std::string& wanted = override_[text];
      if (refusing_.contains(wanted)) return {StatusCode::kUnavailable, "No such device"};
      Probe(text, wanted.empty() ? native_[text] : wanted);
    } else {
      ADD_FAILURE() << "wrote to " << file;
    }
    return Status::Ok();
  }
  std::string DriverOf(const std::string& address) const {
    const auto device = ReadPciDevice(host_.sys, address);
    return device ? device->driver : "";
  }
  void AddProcess(const std::string& pid, const std::string& name, const std::string& open_file) {
    fs::create_directories(root_ / "proc" / pid / "fd");
    fs::create_symlink(open_file, root_ / "proc" / pid / "fd/3");
    std::ofstream(root_ / "proc" / pid / "comm") << name << "\n";
  }
  // The words of a refusal; the device is then where it was.
  std::string Refusal(const std::string& device, const BindOptions& options = {}) {
    const auto bound = BindDevice(host_, device, options);
    EXPECT_FALSE(bound.ok());
    EXPECT_EQ(DriverOf(kNic), native_[kNic]);
    EXPECT_FALSE(Recall(host_.memory, kNic));
    return bound.status().message();
  }

  const fs::path root_ =
      fs::path(::testing::TempDir()) / ("device_binding." + std::to_string(getpid()));
  DeviceHost host_;
  std::map<std::string, std::string> native_, interface_, override_;
  std::set<std::string> refusing_, missing_modules_;
  std::vector<std::string> loaded_;
  std::vector<KernelInterface> restored_;
};

#define EXPECT_SAYS(text, words) EXPECT_NE((text).find(words), std::string::npos) << (text)

TEST_F(DeviceBindingTest, GivesANicToDpdkAndBackAsItWas) {
  Add(kNic, "ixgbe", "enp59s0");
  const auto bound = BindDevice(host_, "3B:00.0", {});
  ASSERT_TRUE(bound.ok()) << bound.status().message();
  EXPECT_EQ(*bound, "0000:3b:00.0: ixgbe -> vfio-pci, interface enp59s0 is remembered");
  EXPECT_EQ(DriverOf(kNic), "vfio-pci");
  EXPECT_EQ(Recall(host_.memory, kNic),
            (DeviceMemory{.driver = "ixgbe", .interfaces = {InterfaceNamed("enp59s0")}}));

  interface_[kNic] = "eth0";  // what the driver calls it this time
  const auto back = UnbindDevice(host_, kNic);
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(*back, "0000:3b:00.0: vfio-pci -> ixgbe, interface enp59s0 is as it was");
  EXPECT_EQ(DriverOf(kNic), "ixgbe");
  EXPECT_EQ(override_[kNic], "");
  EXPECT_EQ(restored_, std::vector<KernelInterface>{InterfaceNamed("enp59s0")});
  EXPECT_FALSE(Recall(host_.memory, kNic));
}

TEST_F(DeviceBindingTest, TwiceIsNoFault) {
  Add(kNic, "ixgbe", "enp59s0");
  ASSERT_TRUE(BindDevice(host_, kNic, {}).ok());
  EXPECT_EQ(*BindDevice(host_, kNic, {}), "0000:3b:00.0: belongs to vfio-pci already");
  EXPECT_TRUE(Recall(host_.memory, kNic)) << "forgotten by the second time";
  ASSERT_TRUE(UnbindDevice(host_, kNic).ok());
  EXPECT_EQ(*UnbindDevice(host_, kNic), "0000:3b:00.0: belongs to ixgbe already");
}

TEST_F(DeviceBindingTest, FromOneDpdkDriverToTheOtherKeepsWhatIsRemembered) {
  Add(kNic, "ixgbe", "enp59s0");
  ASSERT_TRUE(BindDevice(host_, kNic, {}).ok());
  ASSERT_TRUE(BindDevice(host_, kNic, {.driver = kUioPciGeneric, .ssh_devices = {}}).ok());
  EXPECT_EQ(DriverOf(kNic), "uio_pci_generic");
  ASSERT_TRUE(UnbindDevice(host_, kNic).ok());
  EXPECT_EQ(restored_.size(), 1u);
}

TEST_F(DeviceBindingTest, LoadsTheDriverWhenItIsNotThere) {
  Add(kNic, "ixgbe", "enp59s0");
  fs::remove(root_ / "sys/bus/pci/drivers/vfio-pci");
  ASSERT_TRUE(BindDevice(host_, kNic, {}).ok());
  EXPECT_EQ(loaded_, std::vector<std::string>{"vfio-pci"});

  Add("0000:3b:00.1", "ixgbe", "");
  missing_modules_ = {"uio_pci_generic"};
  fs::remove(root_ / "sys/bus/pci/drivers/uio_pci_generic");
  const auto without =
      BindDevice(host_, "0000:3b:00.1", {.driver = kUioPciGeneric, .ssh_devices = {}});
  EXPECT_EQ(without.status().message(), "0000:3b:00.1: no module");
  EXPECT_EQ(DriverOf("0000:3b:00.1"), "ixgbe");
}

TEST_F(DeviceBindingTest, ADriverThatDoesNotTakeItIsUndone) {
  Add(kNic, "ixgbe", "enp59s0");
  refusing_ = {"vfio-pci"};
  EXPECT_EQ(Refusal(kNic), "0000:3b:00.0: No such device; it is where it was");
  EXPECT_EQ(restored_, std::vector<KernelInterface>{InterfaceNamed("enp59s0")});
}

TEST_F(DeviceBindingTest, RefusesWhatCarriesTheSessionOrTheDefaultRoute) {
  Add(kNic, "ixgbe", "enp59s0");
  EXPECT_SAYS(Refusal(kNic, {.ssh_devices = {kNic}}), "--allow-ssh-nic");
  std::ofstream(root_ / "proc/net/ipv6_route")
      << "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
         "20010db8000000000000000000000001 00000400 00000001 00000000 00000003  enp59s0\n";
  EXPECT_SAYS(Refusal(kNic), "default route goes out by it (interface enp59s0)");
  EXPECT_TRUE(
      BindDevice(host_, kNic,
                 {.ssh_devices = {kNic}, .allow_ssh_nic = true, .allow_default_route = true})
          .ok());
}

TEST_F(DeviceBindingTest, FindsDefaultRoutesOfBothFamilies) {
  std::ofstream(root_ / "proc/net/route")
      << "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
      << "eth0\t00000000\t0102000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
      << "eth1\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
      << "eth3\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n";  // 0.0.0.0/1
  std::ofstream(root_ / "proc/net/ipv6_route")
      << "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
         "fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth2\n"
      << "20010db8000000000000000000000000 40 00000000000000000000000000000000 00 "
         "00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth4\n"
      << "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
         "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200 lo\n";
  EXPECT_EQ(DefaultRouteInterfaces(host_.proc), (std::set<std::string>{"eth0", "eth2"}));
  EXPECT_TRUE(DefaultRouteInterfaces(root_ / "nowhere").empty());
}

TEST_F(DeviceBindingTest, RefusesWithoutIommuAndSaysWhatThereIs) {
  Add(kNic, "ixgbe", "enp59s0", "");
  const std::string why = Refusal(kNic);
  EXPECT_SAYS(why, "intel_iommu=on");
  EXPECT_SAYS(why, "--driver uio_pci_generic");
  EXPECT_TRUE(BindDevice(host_, kNic, {.driver = kUioPciGeneric, .ssh_devices = {}}).ok());
}

TEST_F(DeviceBindingTest, RefusesAGroupThatTheKernelSharesApartFromBridges) {
  Add(kNic, "ixgbe", "enp59s0");
  Add("0000:3a:00.0", "pcieport", "", "17", "0x060400");
  Add("0000:3b:00.1", "ahci", "", "17", "0x010601");
  EXPECT_SAYS(Refusal(kNic), "IOMMU group 17 holds 0000:3b:00.1, too, which belongs to ahci");
  fs::remove(Device("0000:3b:00.1") / "driver");
  EXPECT_TRUE(BindDevice(host_, kNic, {}).ok());
}

TEST_F(DeviceBindingTest, RefusesWhatIsNoNic) {
  Add(kNic, "ahci", "", "17", "0x010601");
  EXPECT_EQ(Refusal(kNic), "0000:3b:00.0: it is no network device");
  for (const char* name : {"", "eth0", "0000:3b:00", "../../0", "net_ring0", "0000:3b:00.0,x=1"}) {
    EXPECT_EQ(BindDevice(host_, name, {}).status().code(), StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(UnbindDevice(host_, name).status().code(), StatusCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(BindDevice(host_, "0000:3b:00.7", {}).status().code(), StatusCode::kNotFound);
  Add("0000:3b:00.2", "mlx5_core", "", "18");
  EXPECT_SAYS(BindDevice(host_, "0000:3b:00.2", {}).status().message(), "side by side");
}

TEST_F(DeviceBindingTest, ADeviceInUseStaysWhereItIs) {
  Add(kNic, "ixgbe", "enp59s0");
  ASSERT_TRUE(BindDevice(host_, kNic, {}).ok());
  AddProcess("4711", "flyoverd", "/dev/vfio/17");
  AddProcess("4712", "other", "/dev/vfio/18");
  EXPECT_EQ(UnbindDevice(host_, kNic).status().message(),
            "0000:3b:00.0: it is in use by flyoverd (4711); stop that first");
  EXPECT_EQ(DriverOf(kNic), "vfio-pci");
  fs::remove_all(root_ / "proc/4711");
  EXPECT_TRUE(UnbindDevice(host_, kNic).ok());
}

TEST_F(DeviceBindingTest, AnInterfaceThatDoesNotComeBackIsSaid) {
  Add(kNic, "ixgbe", "enp59s0");
  ASSERT_TRUE(BindDevice(host_, kNic, {}).ok());
  interface_[kNic] = "";
  const auto back = UnbindDevice(host_, kNic);
  EXPECT_EQ(back.status().message(),
            "0000:3b:00.0: it is the kernel's again, but interface enp59s0: it did not appear");
  EXPECT_TRUE(Recall(host_.memory, kNic)) << "what could not be given back must not be forgotten";
}

TEST_F(DeviceBindingTest, DamagedMemoryIsNoMemory) {
  fs::create_directories(host_.memory);
  const fs::path file = host_.memory / (std::string(kNic) + ".json");
  for (const char* text : {"", "{", "[]", "{}", R"({"driver":1,"interfaces":[]})",
                           R"({"driver":"x","interfaces":[{"name":"eth0"}]})"}) {
    std::ofstream(file) << text;
    EXPECT_FALSE(Recall(host_.memory, kNic)) << text;
  }
  Add(kNic, "ixgbe", "enp59s0");
  ASSERT_TRUE(BindDevice(host_, kNic, {}).ok());
  std::ofstream(file) << "{";
  EXPECT_TRUE(UnbindDevice(host_, kNic).ok());
  EXPECT_EQ(DriverOf(kNic), "ixgbe");
}

}  // namespace
}  // namespace flyover
