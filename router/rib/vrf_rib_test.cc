// VRFs in the RIB: routes apart, neighbours of their ports, leaks before all else.
#include "router/rib/vrf_rib.h"

#include <gtest/gtest.h>

#include "router/rib/rib.h"

namespace flyover::router {
namespace {

constexpr VrfIndex kBlue{1};
constexpr PortIndex kMainPort{0}, kBluePort{1};

IpAddress A(const std::string& text) { return *IpAddress::Parse(text); }
IpPrefix P(const std::string& text) { return *IpPrefix::Parse(text); }

class VrfRibTest : public ::testing::Test {
 protected:
  VrfRibTest() {
    for (const PortIndex port : {kMainPort, kBluePort}) {
      rib_.SetPort(port, {.mac = MacAddress{{2, 0, 0, 0, 0, port.value()}},
                          .up = true,
                          .vrf = VrfIndex(port.value())});
    }
  }
  void Add(VrfIndex vrf, const std::string& prefix, NexthopAction action) {
    RibRoute route;
    route.prefix = P(prefix);
    route.action = action;
    if (action == NexthopAction::kGlean) {
      route.nexthops = {{.gateway = std::nullopt, .port = PortIndex(vrf.value())}};
    }
    ASSERT_TRUE(rib_.vrf(vrf).UpsertRoute(route).ok());
  }
  NexthopAction Action(VrfIndex vrf, const std::string& address) {
    return rib_.vrf(vrf).LookupRoute(A(address)).action;
  }
  size_t Entries(VrfIndex vrf) {
    return tables_.vrf(vrf).fib4.size() + tables_.vrf(vrf).fib6.size();
  }

  QsbrDomain qsbr_{1};
  ForwardingTables tables_{
      {.vrfs = {{.tbl8_groups = 64, .fib6_nodes = 4096},
                {.tbl8_groups = 64, .fib6_nodes = 4096, .pages = Pages::kSmall}},
       .groups = 256,
       .adjacencies = 256}};
  Rib rib_{tables_, qsbr_};
};

TEST_F(VrfRibTest, OnePrefixInTwoVrfs) {
  for (const char* const prefix : {"10.0.0.0/24", "2001:db8::/64"}) {
    Add(kMainVrf, prefix, NexthopAction::kBlackhole);
    Add(kBlue, prefix, NexthopAction::kProhibit);
  }
  for (const char* const address : {"10.0.0.1", "2001:db8::1"}) {
    EXPECT_EQ(Action(kMainVrf, address), NexthopAction::kBlackhole);
    EXPECT_EQ(Action(kBlue, address), NexthopAction::kProhibit);
  }
  ASSERT_TRUE(rib_.main().RemoveRoute(P("10.0.0.0/24"), 0).ok());
  EXPECT_EQ(Action(kMainVrf, "10.0.0.1"), NexthopAction::kNoRoute);
  EXPECT_EQ(Action(kBlue, "10.0.0.1"), NexthopAction::kProhibit);
}

// Both VRFs have the subnet; the neighbour is on blue's port.
TEST_F(VrfRibTest, ANeighbourIsOfItsPortsVrf) {
  for (const auto& [prefix, host] :
       {std::pair("10.0.0.0/24", "10.0.0.9"), std::pair("2001:db8::/64", "2001:db8::9")}) {
    Add(kMainVrf, prefix, NexthopAction::kGlean);
    Add(kBlue, prefix, NexthopAction::kGlean);
    rib_.SetNeighbor(kBluePort, A(host), MacAddress{{2, 0, 0, 0, 9, 9}});
    EXPECT_EQ(Action(kMainVrf, host), NexthopAction::kGlean);
    EXPECT_EQ(Action(kBlue, host), NexthopAction::kForward);
    rib_.RemoveNeighbor(kBluePort, A(host));
    EXPECT_EQ(Action(kBlue, host), NexthopAction::kGlean);
  }
}

TEST_F(VrfRibTest, ALeakGoesBeforeAllElseOfItsPrefix) {
  for (const auto& [prefix, host] :
       {std::pair("10.0.0.0/24", "10.0.0.9"), std::pair("2001:db8::/64", "2001:db8::9")}) {
    Add(kBlue, prefix, NexthopAction::kGlean);
    rib_.SetNeighbor(kBluePort, A(host), MacAddress{{2, 0, 0, 0, 9, 9}});
    const size_t before = Entries(kBlue);
    ASSERT_TRUE(rib_.vrf(kBlue).SetLeaks({{P(prefix), kMainVrf}}).ok());
    // The neighbour's own entry must not outlive the connected route that it stands on.
    EXPECT_EQ(Action(kBlue, host), NexthopAction::kLeak);
    const RouteExplanation found = rib_.vrf(kBlue).LookupRoute(A(host));
    ASSERT_TRUE(found.route);
    EXPECT_EQ(found.route->vrf, kMainVrf);
    EXPECT_EQ(found.route->prefix, P(prefix));
    ASSERT_TRUE(rib_.vrf(kBlue).SetLeaks({}).ok());
    EXPECT_EQ(Action(kBlue, host), NexthopAction::kForward);
    EXPECT_EQ(Entries(kBlue), before);
  }
}

// The kernel's routes come and go below a leak, and leave nothing behind when it ends.
TEST_F(VrfRibTest, RoutesChangeBelowALeak) {
  const VrfRib::Leaks leak = {{P("10.1.0.0/16"), kMainVrf}};
  ASSERT_TRUE(rib_.vrf(kBlue).SetLeaks(leak).ok());
  Add(kBlue, "10.1.0.0/16", NexthopAction::kBlackhole);
  EXPECT_EQ(Action(kBlue, "10.1.2.3"), NexthopAction::kLeak);
  ASSERT_TRUE(rib_.vrf(kBlue).RemoveRoute(P("10.1.0.0/16"), 0).ok());
  EXPECT_EQ(Action(kBlue, "10.1.2.3"), NexthopAction::kLeak);
  Add(kBlue, "10.1.0.0/16", NexthopAction::kProhibit);
  ASSERT_TRUE(rib_.vrf(kBlue).SetLeaks({}).ok());
  EXPECT_EQ(Action(kBlue, "10.1.2.3"), NexthopAction::kProhibit);
  ASSERT_TRUE(rib_.vrf(kBlue).RemoveRoute(P("10.1.0.0/16"), 0).ok());
  EXPECT_EQ(Action(kBlue, "10.1.2.3"), NexthopAction::kNoRoute);
  EXPECT_EQ(Entries(kBlue), 0u);
}

TEST_F(VrfRibTest, AChangedLeakMovesAndOthersStay) {
  VrfRib& blue = rib_.vrf(kBlue);
  ASSERT_TRUE(blue.SetLeaks({{P("10.1.0.0/16"), kMainVrf}, {P("10.2.0.0/16"), kMainVrf}}).ok());
  const GroupId stays = blue.LookupRoute(A("10.2.0.1")).group;
  ASSERT_TRUE(blue.SetLeaks({{P("10.1.0.0/16"), kBlue}, {P("10.2.0.0/16"), kMainVrf}}).ok());
  EXPECT_EQ(blue.LookupRoute(A("10.1.0.1")).route->vrf, kBlue);
  EXPECT_EQ(tables_.groups.Load(blue.LookupRoute(A("10.1.0.1")).group).vrf(), kBlue);
  EXPECT_EQ(blue.LookupRoute(A("10.2.0.1")).group, stays);
}

TEST_F(VrfRibTest, AFullTableRefusesALeak) {
  VrfRib::Leaks leaks;
  for (unsigned i = 0; i < 65; ++i) {
    leaks.emplace(P("10.9." + std::to_string(i) + ".128/32"), kMainVrf);
  }
  const Status status = rib_.vrf(kBlue).SetLeaks(leaks);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_LT(rib_.vrf(kBlue).leaks().size(), leaks.size());
  EXPECT_EQ(Entries(kBlue), rib_.vrf(kBlue).leaks().size());
}

}  // namespace
}  // namespace flyover::router
