// Needs root. The kernel's own `ip` on one side, RIB lookups on the other.
#include <random>

#include "router/control/kernel_lab.h"

namespace flyover::router {
namespace {

class KernelSyncLab : public KernelLab {};

TEST_F(KernelSyncLab, EverythingThatWasThereAtStart) {
  ns.IpBatch(
      "route add 10.9.0.0/16 nexthop via 10.0.0.2 weight 2 nexthop via 192.0.2.2\n"
      "route add blackhole 10.1.0.0/16\n"
      "route add unreachable 10.2.0.0/16\n"
      "route add prohibit 10.3.0.0/16\n"
      "route add 10.4.0.0/16 via inet6 2001:db8:1::2 dev lan\n"
      "route add 2001:db8:9::/48 nexthop via 2001:db8:1::2 nexthop via 2001:db8:2::2 weight 3\n"
      "addr add 198.51.100.1/32 dev lo\n"
      "neigh add 10.0.0.2 lladdr 02:00:00:00:00:22 dev lan\n"
      "neigh add 10.0.0.7 lladdr 02:00:00:00:00:77 dev lan nud stale\n");
  StartSync();
  EXPECT_EQ(under_test.Route("10.9.1.1"),
            "10.9.0.0/16 forward lan,10.0.0.2*2,02:00:00:00:00:22 wan,192.0.2.2");
  EXPECT_EQ(under_test.Route("10.1.1.1"), "10.1.0.0/16 blackhole");
  EXPECT_EQ(under_test.Route("10.2.1.1"), "10.2.0.0/16 unreachable");
  EXPECT_EQ(under_test.Route("10.3.1.1"), "10.3.0.0/16 prohibit");
  EXPECT_EQ(under_test.Route("10.4.1.1"), "10.4.0.0/16 forward lan,2001:db8:1::2");
  EXPECT_EQ(under_test.Route("2001:db8:9::1"),
            "2001:db8:9::/48 forward lan,2001:db8:1::2 wan,2001:db8:2::2*3");
  EXPECT_EQ(under_test.Route("198.51.100.1"), "198.51.100.1/32 local");
  EXPECT_EQ(under_test.Route("192.0.2.1"), "192.0.2.1/32 local");
  EXPECT_EQ(under_test.Route("2001:db8:1::1"), "2001:db8:1::1/128 local");
  EXPECT_EQ(under_test.Route("10.0.0.9"), "10.0.0.0/24 glean lan");
  EXPECT_EQ(under_test.Route("10.0.0.255"), "10.0.0.255/32 broadcast");
  EXPECT_EQ(under_test.Route("2001:db8:1::9"), "2001:db8:1::/64 glean lan");
  EXPECT_EQ(under_test.Route("10.0.0.7").substr(0, 19), "10.0.0.0/24 forward");
  EXPECT_EQ(under_test.Route("8.8.8.8"), "none");
  ASSERT_EQ(link_changes.size(), 2u);
  EXPECT_TRUE(link_changes[0].present && link_changes[0].admin_up && link_changes[0].carrier);
  EXPECT_EQ(link_changes[0].mtu, 1500);
  EXPECT_EQ(links_up.size(), 2u);
}

TEST_F(KernelSyncLab, AddressesOfThePortsAndElsewhere) {
  ASSERT_TRUE(ns.Run("ip addr add 198.51.100.1/32 dev lo && ip addr add 10.0.0.5/24 dev lan"));
  StartSync();
  const PortAddresses& lan = sync->addresses().ports[kLan.value()];
  ASSERT_GE(lan.own.size(), 3u);
  EXPECT_EQ(lan.own[0].address.ToString(), "10.0.0.1/24");
  EXPECT_TRUE(lan.own[0].primary);
  EXPECT_EQ(lan.own.back().address.ToString(), "10.0.0.5/24");
  EXPECT_FALSE(lan.own.back().primary) << "a secondary";
  ASSERT_EQ(lan.broadcast.size(), 1u);
  EXPECT_EQ(lan.broadcast[0].ToString(), "10.0.0.255");
  EXPECT_EQ(sync->addresses().elsewhere, std::vector<IpAddress>{*IpAddress::Parse("198.51.100.1")});
  Ip("addr del 10.0.0.5/24 dev lan");
  EXPECT_TRUE(Await([&] { return lan.own.back().address.ToString() != "10.0.0.5/24"; }));
  Ip("addr add 172.16.0.1/16 dev wan");
  EXPECT_TRUE(Await([&] {
    const auto& broadcast = sync->addresses().ports[kWan.value()].broadcast;
    return std::ranges::count(broadcast, *Ipv4Address::Parse("172.16.255.255")) == 1;
  }));
}

TEST_F(KernelSyncLab, RoutesAreFollowed) {
  StartSync();
  const uint64_t dumps = sync->counters().dumps;
  Ip("route add 10.9.0.0/16 via 10.0.0.2");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward lan,10.0.0.2");
  Ip("route replace 10.9.0.0/16 via 192.0.2.2");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward wan,192.0.2.2");
  Ip("route append 10.9.0.0/16 via 10.0.0.3");
  Ip("route del 10.9.0.0/16 via 192.0.2.2");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward lan,10.0.0.3");
  Ip("route del 10.9.0.0/16");
  AwaitRoute("10.9.0.1", "none");
  Ip("-6 route add 2001:db8:9::/48 via 2001:db8:1::2");
  Ip("-6 route append 2001:db8:9::/48 via 2001:db8:2::2");
  AwaitRoute("2001:db8:9::1", "2001:db8:9::/48 forward lan,2001:db8:1::2 wan,2001:db8:2::2");
  Ip("-6 route del 2001:db8:9::/48 via 2001:db8:1::2");
  AwaitRoute("2001:db8:9::1", "2001:db8:9::/48 forward wan,2001:db8:2::2");
  Ip("-6 route del 2001:db8:9::/48");
  AwaitRoute("2001:db8:9::1", "none");
  EXPECT_EQ(sync->counters().dumps, dumps) << "followed, not dumped";
  EXPECT_EQ(sync->counters().malformed, 0u);
}

TEST_F(KernelSyncLab, NeighboursAreFollowed) {
  StartSync();
  Ip("neigh add 10.0.0.7 lladdr 02:00:00:00:00:77 dev lan");
  EXPECT_TRUE(Await([&] { return under_test.rib.neighbor_count() == 1; }));
  EXPECT_EQ(under_test.Route("10.0.0.7").substr(0, 19), "10.0.0.0/24 forward");
  Ip("neigh add 2001:db8:1::7 lladdr 02:00:00:00:00:77 dev lan nud reachable");
  EXPECT_TRUE(Await(
      [&] { return under_test.Route("2001:db8:1::7").find("forward") != std::string::npos; }));
  Ip("neigh replace 10.0.0.7 dev lan nud failed");
  EXPECT_TRUE(Await(
      [&] { return under_test.Route("10.0.0.7").find("host_unreachable") != std::string::npos; }));
  Ip("neigh del 10.0.0.7 dev lan");
  AwaitRoute("10.0.0.7", "10.0.0.0/24 glean lan");
}

TEST_F(KernelSyncLab, LinkDownTakesIpv4RoutesThatTheKernelDoesNotMention) {
  StartSync();
  ns.IpBatch(
      "route add 10.9.0.0/16 via 10.0.0.2\n"
      "route add 10.8.0.0/16 nexthop via 10.0.0.2 nexthop via 192.0.2.2\n"
      "route add 2001:db8:9::/48 via 2001:db8:1::2\n");
  AwaitRoute("2001:db8:9::1", "2001:db8:9::/48 forward lan,2001:db8:1::2");
  link_changes.clear();
  links_up.clear();
  Ip("link set lan down");
  AwaitRoute("10.9.0.1", "none");
  AwaitRoute("10.8.0.1", "10.8.0.0/16 forward wan,192.0.2.2");
  AwaitRoute("10.0.0.9", "none");
  AwaitRoute("2001:db8:9::1", "none");
  ASSERT_FALSE(link_changes.empty());
  EXPECT_EQ(link_changes.back().port, kLan);
  EXPECT_FALSE(link_changes.back().admin_up);
  EXPECT_TRUE(links_up.empty());
  Ip("link set lan up");
  AwaitRoute("10.0.0.9", "10.0.0.0/24 glean lan");
  AwaitRoute("10.8.0.1", "10.8.0.0/16 forward lan,10.0.0.2 wan,192.0.2.2");
  EXPECT_EQ(links_up, std::vector<PortIndex>{kLan});
}

TEST_F(KernelSyncLab, RoutesOfALinkWithoutCarrierAreUnusable) {
  StartSync();
  ns.IpBatch(
      "route add 10.9.0.0/16 via 10.0.0.2 metric 5\n"
      "route add 10.9.0.0/16 via 192.0.2.2 metric 6\n");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward lan,10.0.0.2");
  ASSERT_TRUE(taps[1].SetCarrier(false).ok());
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward wan,192.0.2.2");
  ASSERT_TRUE(taps[1].SetCarrier(true).ok());
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward lan,10.0.0.2");
}

TEST_F(KernelSyncLab, DiffIsEmptyUntilTheRibLosesARoute) {
  StartSync();
  ns.IpBatch(
      "route add 10.9.0.0/16 via 10.0.0.2 mtu 1400\n"
      "route add 10.8.0.0/16 nexthop via 10.0.0.2 weight 3 nexthop via 192.0.2.2\n"
      "route add blackhole 10.7.0.0/16\n"
      "route add 2001:db8:9::/48 via 2001:db8:1::2\n");
  AwaitRoute("2001:db8:9::1", "2001:db8:9::/48 forward lan,2001:db8:1::2");
  const auto none = sync->Diff(Clock::now());
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->size(), 0u);

  ASSERT_TRUE(under_test.rib.main().RemoveRoute(IpPrefix::Parse("10.9.0.0/16").value(), 0).ok());
  const auto one = sync->Diff(Clock::now());
  ASSERT_TRUE(one.ok());
  ASSERT_EQ(one->size(), 1u);
  EXPECT_EQ((*one)[0].kernel->prefix, IpPrefix::Parse("10.9.0.0/16").value());
  EXPECT_EQ((*one)[0].kernel->mtu, 1400);
  EXPECT_FALSE((*one)[0].held.has_value());
}

class FullTableLab : public KernelLab {
 protected:
  FullTableLab() : KernelLab({.ipv4 = 100, .ipv6 = 100}) {}

  static std::string Prefix(bool v4, int i) {
    return v4 ? "10.9." + std::to_string(i) + ".0/24" : "2001:db8:9:" + std::to_string(i) + "::/64";
  }
  void Batch(bool v4, const char* what, int from, int to) {
    std::string batch;
    for (int i = from; i < to; ++i) {
      batch += std::string("route ") + what + " prohibit " + Prefix(v4, i) + "\n";
    }
    ns.IpBatch(batch);
  }
};

// More routes than the document allows, then fewer again: by messages, and by a dump.
TEST_F(FullTableLab, RoutesBeyondTheCapacityWaitUnderTheCoveringOne) {
  StartSync();
  for (const bool v4 : {true, false}) {
    const IpFamily family = v4 ? IpFamily::kIpv4 : IpFamily::kIpv6;
    const std::string cover = v4 ? "10.9.0.0/16" : "2001:db8:9::/48";
    const std::string last = v4 ? "10.9.249.1" : "2001:db8:9:249::1";
    Ip("route add blackhole " + cover);
    AwaitRoute(last, cover + " blackhole");
    const uint64_t before = sync->room(family).fill.routes;
    EXPECT_EQ(sync->room(family).state, FillState::kRoom);
    Batch(v4, "add", 0, static_cast<int>(92 - before));
    EXPECT_TRUE(Await([&] { return sync->room(family).state == FillState::kNearlyFull; }));
    Batch(v4, "add", static_cast<int>(92 - before), 250);
    const uint64_t waiting = 250 - (100 - before);
    ASSERT_TRUE(Await([&] { return sync->room(family).refused == waiting; }))
        << sync->room(family).refused;
    EXPECT_TRUE(Await([&] { return sync->room(family).state == FillState::kFull; }));
    EXPECT_EQ(sync->room(family).fill.routes, 100u);
    EXPECT_EQ(under_test.Route(last), cover + " blackhole");
    EXPECT_EQ(sync->Diff(Clock::now())->size(), waiting);
    EXPECT_EQ(sync->RefusedRoutes(1000).size(), waiting);
    // A dump finds the same, and a new link still gets its connected route and address.
    ASSERT_TRUE(sync->Resync(Clock::now()).ok());
    EXPECT_EQ(sync->room(family).refused, waiting);
    Ip(v4 ? "addr add 172.16.0.1/16 dev wan" : "addr add 2001:db8:77::1/64 dev wan nodad");
    AwaitRoute(v4 ? "172.16.0.9" : "2001:db8:77::9",
               v4 ? "172.16.0.0/16 glean wan" : "2001:db8:77::/64 glean wan");
    // Those that were first go: the others take their places, all of them in the end.
    Batch(v4, "del", 0, 200);
    EXPECT_TRUE(Await([&] { return sync->room(family).refused == 0; }));
    AwaitRoute(last, Prefix(v4, 249) + " prohibit");
    EXPECT_TRUE(Await([&] { return sync->room(family).state == FillState::kRoom; }));
    EXPECT_TRUE(sync->Diff(Clock::now())->empty());
  }
}

TEST_F(KernelSyncLab, MtuOfTheTapIsReported) {
  StartSync();
  link_changes.clear();
  Ip("link set lan mtu 9000");
  ASSERT_TRUE(Await([&] { return !link_changes.empty(); }));
  EXPECT_EQ(link_changes[0].mtu, 9000);
  EXPECT_EQ(link_changes[0].port, kLan);
}

TEST_F(KernelSyncLab, PreferredSourceThatGoesTakesItsRoutes) {
  StartSync();
  ns.IpBatch("addr add 10.0.0.5/32 dev lan\nroute add 10.9.0.0/16 via 10.0.0.2 src 10.0.0.5\n");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward lan,10.0.0.2");
  Ip("addr del 10.0.0.5/32 dev lan");
  AwaitRoute("10.9.0.1", "none");
}

TEST_F(KernelSyncLab, NexthopObjects) {
  StartSync();
  ns.IpBatch(
      "nexthop add id 1 via 10.0.0.2 dev lan\n"
      "nexthop add id 2 via 192.0.2.2 dev wan\n"
      "nexthop add id 10 group 1,3/2\n"
      "route add 10.9.0.0/16 nhid 10\n"
      "route add 10.8.0.0/16 nhid 1\n"
      "nexthop add id 4 via 2001:db8:1::2 dev lan\n"
      "route add 2001:db8:9::/48 nhid 4\n");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward lan,10.0.0.2*3 wan,192.0.2.2");
  AwaitRoute("10.8.0.1", "10.8.0.0/16 forward lan,10.0.0.2");
  AwaitRoute("2001:db8:9::1", "2001:db8:9::/48 forward lan,2001:db8:1::2");
  Ip("nexthop replace id 1 via 10.0.0.3 dev lan");
  AwaitRoute("10.8.0.1", "10.8.0.0/16 forward lan,10.0.0.3");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward lan,10.0.0.3*3 wan,192.0.2.2");
  Ip("nexthop del id 1");
  AwaitRoute("10.8.0.1", "none");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward wan,192.0.2.2");
}

TEST_F(KernelSyncLab, TapMadeAnew) {
  StartSync();
  Ip("route add 10.9.0.0/16 via 10.0.0.2");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward lan,10.0.0.2");
  link_changes.clear();
  Ip("link del lan");
  AwaitRoute("10.9.0.1", "none");
  AwaitRoute("10.0.0.1", "none");
  ASSERT_FALSE(link_changes.empty());
  EXPECT_FALSE(link_changes.back().present);
  EXPECT_EQ(sync->IfIndex(kLan), 0);
  EXPECT_TRUE(sync->addresses().ports[kLan.value()].own.empty());
  taps[1] = OpenTap("lan");
  Ip("addr add 10.0.0.1/24 dev lan");
  Ip("route add 10.9.0.0/16 via 10.0.0.2");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward lan,10.0.0.2");
  EXPECT_EQ(sync->IfIndex(kLan), taps[1].if_index());
}

TEST_F(KernelSyncLab, LostMessagesAreMadeUpForByADump) {
  KernelSync::Options options = SyncOptions();
  options.receive_buffer_bytes = 4096;
  StartSync(options);
  std::string batch;
  for (int i = 0; i < 5000; ++i) {
    batch += "route add 10." + std::to_string(64 + i / 256) + "." + std::to_string(i % 256) +
             ".0/24 via 10.0.0." + std::to_string(2 + i % 100) + "\n";
  }
  ns.IpBatch(batch);
  EXPECT_TRUE(Await([&] { return sync->counters().losses > 0; }));
  EXPECT_TRUE(Await([&] {
    return under_test.Route("10.83.135.1") == "10.83.135.0/24 forward lan,10.0.0.101";
  })) << under_test.Route("10.83.135.1");
  Ip("route flush table main root 10.64.0.0/10");
  EXPECT_TRUE(Await([&] { return under_test.Route("10.83.135.1") == "none"; }));
  RibUnderTest fresh;
  Result<std::unique_ptr<KernelSync>> other = KernelSync::Open(SyncOptions(), fresh.rib);
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE((*other)->Start(Clock::now()).ok());
  EXPECT_TRUE(Await([&] { return under_test.All() == fresh.All(); }));
}

TEST_F(KernelSyncLab, ComparesFromTimeToTime) {
  StartSync();
  sync->Tick(Clock::now() + std::chrono::minutes(4));
  EXPECT_EQ(sync->counters().dumps, 1u);
  const auto later = Clock::now() + std::chrono::minutes(5);
  sync->Tick(later);
  sync->Tick(later);
  EXPECT_EQ(sync->counters().dumps, 2u);
}

// Whoever followed and whoever asks afresh must agree, whatever was typed.
TEST_F(KernelSyncLab, FollowingEndsWhereADumpWouldHaveBegun) {
  StartSync();
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  const auto pick = [&](const std::vector<std::string>& from) {
    return from[random() % from.size()];
  };
  const std::vector<std::string> verbs = {"add",     "append", "prepend", "replace",
                                          "replace", "del",    "del"};
  for (int round = 0; round < 10; ++round) {
    std::string batch;
    for (int i = 0; i < 100; ++i) {
      const bool v6 = random() % 2 == 0;
      const auto gateway = [&] {
        return v6 ? pick({"2001:db8:1::2", "2001:db8:1::3", "2001:db8:2::2"})
                  : pick({"10.0.0.2", "10.0.0.3", "192.0.2.2", "192.0.2.3"});
      };
      std::string line = "route " + pick(verbs) + " ";
      const auto kind = random() % 8;
      if (kind == 0) line += pick({"blackhole ", "unreachable ", "prohibit "});
      line += v6 ? pick({"2001:db8:a::/48", "2001:db8:b::/48", "2001:db8:a:1::/64"})
                 : pick({"10.9.0.0/16", "10.8.0.0/16", "10.9.1.0/24"});
      if (kind == 1) line += " dev " + pick({"wan", "lan"});
      if (kind == 2) {
        line += " nexthop via " + gateway() + " weight " + std::to_string(1 + random() % 3) +
                " nexthop via " + gateway();
      }
      if (kind > 2) line += " via " + gateway();
      // IPv6 routes of different kinds get no common key: a dump of the kernel leaves out what
      // stands between two siblings of a multipath route.
      if (v6 && kind < 2) {
        line += " metric " + std::to_string(20 + kind);
      } else if (random() % 3 == 0) {
        line += " metric 7";
      }
      batch += line + "\n";
    }
    ns.IpBatch(batch);
    RibUnderTest fresh;
    KernelSync::Options options = SyncOptions();
    Result<std::unique_ptr<KernelSync>> other = KernelSync::Open(options, fresh.rib);
    ASSERT_TRUE(other.ok());
    ASSERT_TRUE((*other)->Start(Clock::now()).ok());
    ASSERT_TRUE(Await([&] { return under_test.All() == fresh.All(); }))
        << "seed " << seed << " round " << round << "\nfollowed:\n"
        << testing::PrintToString(under_test.All()) << "\ndumped:\n"
        << testing::PrintToString(fresh.All()) << "\n"
        << batch;
  }
  EXPECT_EQ(sync->counters().losses, 0u);
  EXPECT_EQ(sync->counters().dumps, 1u);
  EXPECT_GT(sync->counters().routes.changes, 40u) << "most lines do something";
}

}  // namespace
}  // namespace flyover::router
