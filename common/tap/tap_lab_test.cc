// Needs root and /dev/net/tun. Everything happens in network namespaces of its own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "common/namespace/scoped_namespace.h"
#include "common/net/checksum.h"
#include "common/tap/tap_device.h"
#include "common/tap/tap_header.h"
#include "common/tap/tap_holder_client.h"
#include "common/tap/tap_sysctls.h"

namespace flyover {
namespace {

const MacAddress kMac{{2, 0, 0, 0, 0, 0x0c}};

bool Await(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    poll(nullptr, 0, 5);
  }
  return true;
}

class TapLabTest : public testing::Test {
 protected:
  TapDevice Open(const std::string& name) {
    TapOptions options;
    options.name = name;
    options.network_namespace = ns.name();
    options.mac = kMac;
    options.mtu = 1400;
    Result<TapDevice> tap = TapDevice::Open(options);
    EXPECT_TRUE(tap.ok()) << tap.status().message();
    return std::move(*tap);
  }
  TapSysctls OpenSysctls() {
    Result<TapSysctls> sysctls = TapSysctls::Open(ns.name());
    EXPECT_TRUE(sysctls.ok()) << sysctls.status().message();
    return std::move(*sysctls);
  }
  void Ip(const std::string& arguments) const { EXPECT_TRUE(ns.Run("ip " + arguments)); }
  // A UDP packet of the kernel's own.
  void SendMarker(const std::string& host) const {
    EXPECT_TRUE(ns.Run("bash -c 'echo x > /dev/udp/" + host + "/4001'"));
  }
  std::string Link(const std::string& name) const { return ns.Output("ip -d link show " + name); }
  int Sysctl(const std::string& path) const {
    return std::atoi(ns.Output("cat /proc/sys/net/" + path).c_str());
  }
  bool Has(const std::string& text, const std::string& part) const {
    return text.find(part) != std::string::npos;
  }

  ScopedNamespace ns{"fly1-kernel-tap"};
};

TEST_F(TapLabTest, NewTapHasWhatThePortHas) {
  TapDevice tap = Open("wan");
  EXPECT_FALSE(tap.adopted());
  EXPECT_TRUE(tap.SetUp(true).ok());
  EXPECT_TRUE(tap.SetSpeed(25000, true).ok());
  const std::string link = Link("wan");
  EXPECT_TRUE(Has(link, kMac.ToString())) << link;
  EXPECT_TRUE(Has(link, "mtu 1400")) << link;
  EXPECT_TRUE(Has(link, "UP,LOWER_UP")) << link;
  EXPECT_TRUE(Has(link, "multi_queue")) << link;
  EXPECT_TRUE(Has(link, "persist on")) << link;
  EXPECT_TRUE(Has(ns.Output("ethtool wan"), "25000Mb/s"));
  EXPECT_TRUE(tap.SetCarrier(false).ok());
  EXPECT_TRUE(Await([&] { return Has(Link("wan"), "NO-CARRIER"); }));
  EXPECT_TRUE(tap.SetCarrier(true).ok());
  EXPECT_TRUE(Await([&] { return Has(Link("wan"), "LOWER_UP"); }));
}

TEST_F(TapLabTest, OpenedAgainItIsAdoptedWithItsAddresses) {
  int if_index = 0;
  {
    TapDevice tap = Open("wan");
    if_index = tap.if_index();
    ASSERT_TRUE(tap.SetUp(true).ok());
    ASSERT_TRUE(ns.Run("ip addr add 192.0.2.1/24 dev wan"));
  }
  TapDevice tap = Open("wan");
  EXPECT_TRUE(tap.adopted());
  EXPECT_EQ(tap.if_index(), if_index);
  EXPECT_TRUE(Has(ns.Output("ip addr show wan"), "192.0.2.1/24"));
}

TEST_F(TapLabTest, NameOfAnotherDeviceIsRefusedWithAdvice) {
  ASSERT_TRUE(ns.Run("ip link add wan type veth peer name other"));
  TapOptions options;
  options.name = "wan";
  options.network_namespace = ns.name();
  const Result<TapDevice> tap = TapDevice::Open(options);
  EXPECT_EQ(tap.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Has(tap.status().message(), "ip link delete wan")) << tap.status().message();
}

TEST_F(TapLabTest, SysctlsHoldWhateverAllSays) {
  TapDevice tap = Open("wan");
  TapSysctls sysctls = OpenSysctls();
  ASSERT_TRUE(sysctls.Add("wan", true).ok());
  const auto as_wanted = [&](int rp_filter) {
    return Sysctl("ipv4/conf/wan/forwarding") == 0 && Sysctl("ipv6/conf/wan/forwarding") == 1 &&
           Sysctl("ipv6/conf/wan/keep_addr_on_down") == 1 &&
           Sysctl("ipv4/conf/wan/rp_filter") == rp_filter;
  };
  EXPECT_TRUE(as_wanted(0));
  EXPECT_EQ(Sysctl("ipv6/conf/wan/accept_ra"), 0);
  const auto readable = [&] {
    pollfd p{sysctls.fd(), POLLIN, 0};
    return poll(&p, 1, 5000) == 1;
  };
  for (const char* command :
       {"sysctl -qw net.ipv4.ip_forward=1", "sysctl -qw net.ipv6.conf.all.forwarding=1",
        "sysctl -qw net.ipv6.conf.all.forwarding=0", "sysctl -qw net.ipv4.conf.all.forwarding=0"}) {
    ASSERT_TRUE(ns.Run(command));
    ASSERT_TRUE(readable()) << command;
    sysctls.OnReadable();
    EXPECT_TRUE(as_wanted(0)) << command;
  }
  EXPECT_GT(sysctls.restored(), 0u);
  // Loose where the namespace insists on some filter; nothing of the namespace's own is changed.
  ASSERT_TRUE(ns.Run("sysctl -qw net.ipv4.conf.all.rp_filter=1"));
  ASSERT_TRUE(readable());
  sysctls.OnReadable();
  EXPECT_TRUE(as_wanted(2));
  EXPECT_EQ(Sysctl("ipv4/conf/all/rp_filter"), 1);
  ASSERT_TRUE(ns.Run("sysctl -qw net.ipv4.conf.all.rp_filter=0"));
  sysctls.Tick();
  EXPECT_TRUE(as_wanted(0));
}

// An IPv4 UDP packet from 10.1.0.2 to 10.2.0.2 in a frame for the TAP.
std::vector<uint8_t> TransitFrame() {
  std::vector<uint8_t> frame(14 + 20 + 8);
  EthernetHeader ethernet{kMac, MacAddress{{2, 0, 0, 0, 0, 1}}, Be16(kEtherTypeIpv4)};
  Ipv4Header ip{0x45, 0,         Be16(28), Be16(1),          Be16(0),
                64,   kProtoUdp, Be16(0),  Be32(0x0a010002), Be32(0x0a020002)};
  ip.checksum = Checksum(&ip, sizeof(ip));
  const UdpHeader udp{Be16(4000), Be16(4000), Be16(8), Be16(0)};
  std::memcpy(frame.data(), &ethernet, 14);
  std::memcpy(frame.data() + 14, &ip, 20);
  std::memcpy(frame.data() + 34, &udp, 8);
  return frame;
}

// Whether the packet of TransitFrame comes out of the TAP before `marker`, a UDP packet that the
// kernel itself sends there afterwards.
bool ForwardedBeforeMarker(const UniqueFd& queue) {
  bool forwarded = false;
  for (;;) {
    pollfd p{queue.get(), POLLIN, 0};
    EXPECT_EQ(poll(&p, 1, 5000), 1) << "the marker did not come";
    if (p.revents == 0) return forwarded;
    uint8_t bytes[2048];
    const uint8_t* const frame = bytes + sizeof(TapHeader);
    const ssize_t n = read(queue.get(), bytes, sizeof(bytes));
    if (n < 42 + static_cast<ssize_t>(sizeof(TapHeader)) || frame[12] != 0x08 ||
        frame[13] != 0x00 || frame[23] != kProtoUdp)
      continue;
    const uint16_t port = LoadBe16(frame + 36);
    if (port == 4000) forwarded = true;
    if (port == 4001) return forwarded;
  }
}

TEST_F(TapLabTest, KernelForwardsNothingWithIpForwardOnOrOff) {
  TapDevice in = Open("in");
  TapDevice out = Open("out");
  TapSysctls sysctls = OpenSysctls();
  for (const char* name : {"in", "out"}) ASSERT_TRUE(sysctls.Add(name, true).ok());
  ASSERT_TRUE(in.SetUp(true).ok());
  ASSERT_TRUE(out.SetUp(true).ok());
  ASSERT_TRUE(
      ns.Run("ip addr add 10.1.0.1/24 dev in && ip addr add 10.2.0.1/24 dev out && "
             "ip neigh add 10.2.0.2 lladdr 02:00:00:00:00:02 dev out nud permanent"));
  const UniqueFd in_queue = in.TakeQueue();
  const UniqueFd out_queue = out.TakeQueue();
  const auto forwards = [&] {
    std::vector<uint8_t> frame = TransitFrame();
    frame.insert(frame.begin(), sizeof(TapHeader), 0);
    EXPECT_EQ(write(in_queue.get(), frame.data(), frame.size()),
              static_cast<ssize_t>(frame.size()));
    SendMarker("10.2.0.2");
    return ForwardedBeforeMarker(out_queue);
  };
  EXPECT_FALSE(forwards()) << "ip_forward=0";
  ASSERT_TRUE(ns.Run("sysctl -qw net.ipv4.ip_forward=1"));
  // Before the settings are put back: shows that this test sees forwarding where there is some.
  EXPECT_TRUE(forwards()) << "control";
  sysctls.OnReadable();
  EXPECT_FALSE(forwards()) << "ip_forward=1";
}

class TapHolderLabTest : public TapLabTest {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/fly1-kernel-XXXXXX";
    directory = mkdtemp(pattern.data());
    socket = directory + "/holder.sock";
    binary = std::filesystem::absolute("tools/flyover_tap_holder/flyover-tap-holder");
  }
  void TearDown() override {
    if (Result<TapHolderClient> client = TapHolderClient::Connect(socket); client.ok()) {
      EXPECT_TRUE(client->Quit().ok());
    }
    std::filesystem::remove_all(directory);
  }
  // A process that opens the TAP, lets the holder have a queue if told so, and is killed.
  void RunAndKill(bool with_holder) {
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    const pid_t pid = fork();
    if (pid == 0) {
      TapDevice tap = Open("wan");
      bool good = tap.SetUp(true).ok();
      if (with_holder) {
        Result<UniqueFd> queue = tap.OpenDetachedQueue();
        Result<TapHolderClient> holder = TapHolderClient::ConnectOrStart(socket, binary);
        if (!holder.ok()) std::fprintf(stderr, "%s\n", holder.status().message().c_str());
        good = good && queue.ok() && holder.ok() && holder->Hold("wan", queue->get()).ok();
      }
      (void)!write(ready[1], good ? "y" : "n", 1);
      for (;;) pause();
    }
    char word = 0;
    ASSERT_EQ(read(ready[0], &word, 1), 1);
    close(ready[0]);
    close(ready[1]);
    EXPECT_EQ(word, 'y');
    EXPECT_TRUE(
        ns.Run("ip addr replace 192.0.2.1/24 dev wan && "
               "ip route replace 10.9.0.0/16 via 192.0.2.2"));
    EXPECT_TRUE(Has(Link("wan"), "LOWER_UP"));
    kill(pid, SIGKILL);
    ASSERT_EQ(waitpid(pid, nullptr, 0), pid);
  }

  std::string directory;
  std::string socket;
  std::string binary;
};

TEST_F(TapHolderLabTest, WithoutHolderCarrierGoesWithTheProcess) {
  RunAndKill(false);
  EXPECT_TRUE(Has(Link("wan"), "NO-CARRIER"));
  EXPECT_TRUE(Has(ns.Output("ip route show 10.9.0.0/16"), "linkdown"));
}

TEST_F(TapHolderLabTest, CarrierAndRoutesOutliveKill9) {
  RunAndKill(true);
  EXPECT_TRUE(Has(Link("wan"), "LOWER_UP"));
  const std::string route = ns.Output("ip route show 10.9.0.0/16");
  EXPECT_TRUE(Has(route, "192.0.2.2")) << route;
  EXPECT_FALSE(Has(route, "linkdown")) << route;
  EXPECT_EQ(*TapHolderClient::Connect(socket)->List(), std::vector<std::string>{"wan"});

  // The next process adopts the TAP; the kernel's frames reach its queue and not the holder's.
  TapDevice tap = Open("wan");
  EXPECT_TRUE(tap.adopted());
  const UniqueFd queue = tap.TakeQueue();
  for (int i = 0; i < 8; ++i) {
    const std::string host = "192.0.2." + std::to_string(10 + i);
    Ip("neigh replace " + host + " lladdr 02:00:00:00:00:02 dev wan");
    SendMarker(host);
    EXPECT_FALSE(ForwardedBeforeMarker(queue));
  }

  ASSERT_TRUE(ns.Run("ip link add veth0 type veth peer name veth1"));
  const Status status = TeardownTaps(ns.name(), {"wan", "veth0", "gone"}, socket);
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition) << "veth0 is no TAP";
  EXPECT_EQ(Link("wan"), "");
  EXPECT_NE(Link("veth0"), "");
  EXPECT_EQ(TapHolderClient::Connect(socket).status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace flyover
