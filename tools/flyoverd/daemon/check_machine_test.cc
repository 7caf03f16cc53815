#include "tools/flyoverd/daemon/check_machine.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <sstream>

namespace flyover {
namespace {

TEST(CheckMachine, FindsTheInterfaceOfAnAddress) {
  EXPECT_EQ(InterfaceOfAddress("127.0.0.1"), "lo");
  EXPECT_EQ(InterfaceOfAddress("192.0.2.77"), "");
  EXPECT_EQ(InterfaceOfAddress("not an address"), "");
  EXPECT_EQ(InterfaceOfAddress(""), "");
}

TEST(CheckMachine, NamesVirtualDevicesAndMissingOnes) {
  Document document;
  document.ports.resize(2);
  document.ports[0].name = "p0";
  document.ports[0].device = "net_af_packet0,iface=veth1";
  document.ports[1].name = "p1";
  document.ports[1].device = "ffff:ff:1f.7";
  std::ostringstream out;
  EXPECT_FALSE(CheckMachine(document, false, out));
  EXPECT_NE(out.str().find("port p0: virtual device net_af_packet0,iface=veth1"), std::string::npos)
      << out.str();
  EXPECT_NE(out.str().find("port p1: no such PCI device"), std::string::npos) << out.str();
  document.ports.pop_back();
  std::ostringstream good;
  EXPECT_TRUE(CheckMachine(document, false, good)) << good.str();
  EXPECT_NE(good.str().find("memory: "), std::string::npos);
}

TEST(CheckMachine, RefusesCpusThatAreNotThere) {
  Document document;
  document.dataplane.lcore_cpus = {4095};
  std::ostringstream out;
  EXPECT_FALSE(CheckMachine(document, false, out));
  EXPECT_NE(out.str().find("CPU 4095"), std::string::npos) << out.str();
}

TEST(CheckMachine, ASessionWithoutSshHasNoNicToLose) {
  unsetenv("SSH_CONNECTION");
  std::ostringstream out;
  EXPECT_TRUE(CheckMachine(Document{}, false, out));
  setenv("SSH_CONNECTION", "garbage", 1);
  EXPECT_TRUE(CheckMachine(Document{}, false, out));
  setenv("SSH_CONNECTION", "192.0.2.1 50000 127.0.0.1 22", 1);
  EXPECT_TRUE(CheckMachine(Document{}, false, out)) << "lo is no PCI device";
}

}  // namespace
}  // namespace flyover
