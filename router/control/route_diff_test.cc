#include "router/control/route_diff.h"

#include <gtest/gtest.h>

#include "router/rib/rib.h"

namespace flyover::router {
namespace {

IpPrefix P(const char* text) { return IpPrefix::Parse(text).value(); }
IpAddress A(const char* text) { return IpAddress::Parse(text).value(); }

class RouteDiffTest : public ::testing::Test {
 protected:
  RouteDiffTest() {
    rib_.SetPort(PortIndex(0), {.mac = {}, .mtu = 1500, .up = true});
    rib_.SetPort(PortIndex(1), {.mac = {}, .mtu = 1500, .up = true});
  }
  static RibRoute Via(const char* prefix, std::vector<RibNexthop> nexthops) {
    RibRoute route;
    route.prefix = P(prefix);
    route.nexthops = std::move(nexthops);
    return route;
  }
  std::vector<RouteDifference> Compare() {
    RouteComparison comparison(rib_.main());
    comparison.Begin();
    for (const RibRoute& route : kernel_) EXPECT_TRUE(comparison.UpsertRoute(route).ok());
    return comparison.Finish();
  }

  QsbrDomain qsbr_{1};
  ForwardingTables tables_{
      {.vrfs = {{.tbl8_groups = 16, .fib6_nodes = 1024}}, .groups = 64, .adjacencies = 64}};
  Rib rib_{tables_, qsbr_};
  std::vector<RibRoute> kernel_;
};

TEST_F(RouteDiffTest, EqualTablesOfBothFamiliesDoNotDiffer) {
  const RibNexthop first{A("192.0.2.1"), PortIndex(0), 1};
  const RibNexthop second{A("fe80::1"), PortIndex(1), 2};
  // The order of next hops says nothing.
  kernel_.push_back(Via("10.0.0.0/8", {first, second}));
  ASSERT_TRUE(rib_.main().UpsertRoute(Via("10.0.0.0/8", {second, first})).ok());
  for (const char* prefix : {"2001:db8::/32", "::/0"}) {
    kernel_.push_back(Via(prefix, {second}));
    ASSERT_TRUE(rib_.main().UpsertRoute(Via(prefix, {second})).ok());
  }
  EXPECT_TRUE(Compare().empty());
}

TEST_F(RouteDiffTest, MissingExtraAndDifferentRoutesAreNamed) {
  const RibNexthop one{A("192.0.2.1"), PortIndex(0), 1};
  const RibNexthop other{A("192.0.2.2"), PortIndex(0), 1};
  kernel_.push_back(Via("10.1.0.0/16", {one}));
  ASSERT_TRUE(rib_.main().UpsertRoute(Via("10.2.0.0/16", {one})).ok());
  kernel_.push_back(Via("10.3.0.0/16", {one}));
  ASSERT_TRUE(rib_.main().UpsertRoute(Via("10.3.0.0/16", {other})).ok());
  RibRoute with_mtu = Via("10.4.0.0/16", {one});
  ASSERT_TRUE(rib_.main().UpsertRoute(with_mtu).ok());
  with_mtu.mtu = 1400;
  kernel_.push_back(with_mtu);

  const std::vector<RouteDifference> differences = Compare();
  ASSERT_EQ(differences.size(), 4u);
  EXPECT_TRUE(differences[0].kernel.has_value());
  EXPECT_FALSE(differences[0].held.has_value());
  EXPECT_FALSE(differences[1].kernel.has_value());
  EXPECT_EQ(differences[1].held->prefix, P("10.2.0.0/16"));
  EXPECT_EQ(differences[2].kernel->nexthops[0].gateway, A("192.0.2.1"));
  EXPECT_EQ(differences[2].held->nexthops[0].gateway, A("192.0.2.2"));
  EXPECT_EQ(differences[3].kernel->mtu, 1400);
  EXPECT_EQ(differences[3].held->mtu, 0);
}

// The same prefix with another metric is another route.
TEST_F(RouteDiffTest, MetricsAreToldApart) {
  RibRoute route = Via("10.0.0.0/8", {{A("192.0.2.1"), PortIndex(0), 1}});
  route.metric = 10;
  kernel_.push_back(route);
  route.metric = 20;
  ASSERT_TRUE(rib_.main().UpsertRoute(route).ok());
  EXPECT_EQ(Compare().size(), 2u);
}

}  // namespace
}  // namespace flyover::router
