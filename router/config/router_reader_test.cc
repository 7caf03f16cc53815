#include "router/config/router_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/machine_reader.h"
#include "common/config/machine_schema.h"
#include "common/config/schema_check.h"
#include "router/config/router_schema.h"

namespace flyover::router {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

constexpr char kPorts[] =
    "ports:\n"
    "  wan: { device: net_null0, addresses: [192.0.2.2/30, \"2001:db8::2/64\"] }\n"
    "  lan: { device: net_null1, addresses: 10.0.0.1/24 }\n";

struct Parsed {
  RouterConfig config;
  std::vector<std::string> errors;
};

Parsed Parse(const std::string& text) {
  ConfigReport report("t");
  Parsed parsed;
  const auto tree = ParseYaml(kPorts + text, report);
  if (tree) {
    const ConfigValue root =
        CheckSchema(*tree, MapOf({PortsKey(), RoutesKey(), RouterKey()}), report);
    parsed.config = ReadRouter(root, ReadPorts(root, report), report);
  }
  for (const ConfigError& error : report.Errors()) parsed.errors.push_back(error.ToString());
  return parsed;
}

std::vector<std::string> RouteErrors(const std::string& route) {
  return Parse("routes: [" + route + "]\n").errors;
}

TEST(ReadRouter, DefaultsAreTheStructs) {
  const Parsed parsed = Parse("");
  EXPECT_THAT(parsed.errors, ElementsAre());
  EXPECT_EQ(parsed.config, RouterConfig{});
}

TEST(ReadRouter, CapacityOfTheTables) {
  EXPECT_EQ(Parse("router: { capacity: { ipv4: 1000, ipv6: 20 } }\n").config.capacity,
            (RouteCapacity{1000, 20}));
  EXPECT_EQ(Parse("router: { capacity: { ipv6: 20 } }\n").config.capacity,
            (RouteCapacity{2'000'000, 20}));
  EXPECT_THAT(Parse("router: { capacity: { ipv4: 0 } }\n").errors,
              ElementsAre(EndsWith("router.capacity.ipv4: '0' is out of range; accepted: a whole "
                                   "number from 1 to 16000000 (routes)")));
}

TEST(ReadRouter, TakesEveryFormOfANextHop) {
  const Parsed parsed = Parse(
      "routes:\n"
      "  - { to: 0.0.0.0/0, via: 192.0.2.1 }\n"
      "  - { to: 10.9.0.0/16, via: [{ gateway: 10.0.0.2, weight: 2 }, 10.0.0.3], metric: 7 }\n"
      "  - { to: 10.8.0.0/16, via: \"fe80::1\", port: lan }\n"
      "  - { to: 10.7.0.0/16, port: lan }\n"
      "  - { to: 10.6.0.0/16, via: { port: wan, weight: 3 } }\n"
      "  - { to: \"2001:db8:9::/48\", type: prohibit }\n");
  ASSERT_THAT(parsed.errors, ElementsAre());
  const auto& routes = parsed.config.routes;
  const PortIndex wan(0), lan(1);
  const auto address = [](const char* text) { return IpAddress::Parse(text); };
  using Hop = StaticNexthop;
  EXPECT_THAT(routes[0].nexthops, ElementsAre(Hop{address("192.0.2.1"), {}, 1}));
  EXPECT_THAT(routes[1].nexthops,
              ElementsAre(Hop{address("10.0.0.2"), {}, 2}, Hop{address("10.0.0.3"), {}, 1}));
  EXPECT_EQ(routes[1].metric, 7u);
  EXPECT_THAT(routes[2].nexthops, ElementsAre(Hop{address("fe80::1"), lan, 1}));
  EXPECT_THAT(routes[3].nexthops, ElementsAre(Hop{{}, lan, 1}));
  EXPECT_THAT(routes[4].nexthops, ElementsAre(Hop{{}, wan, 3}));
  EXPECT_EQ(routes[5].type, StaticRouteType::kProhibit);
  EXPECT_TRUE(routes[5].nexthops.empty());
}

TEST(ReadRouter, Forwarding) {
  const Parsed parsed = Parse(
      "router:\n"
      "  ecmp: { seed: 7, symmetric: true, ipv6_flow_label: false }\n"
      "  icmp_errors: { rate: 5/s, burst: 2 }\n");
  EXPECT_THAT(parsed.errors, ElementsAre());
  EXPECT_EQ(parsed.config.ecmp, (EcmpConfig{7, true, false}));
  EXPECT_EQ(parsed.config.icmp_errors, (IcmpErrorConfig{.rate = 5, .burst = 2}));
}

TEST(ReadRouter, IcmpErrors) {
  const Parsed parsed = Parse(
      "router:\n"
      "  icmp_errors:\n"
      "    time_exceeded: 7/s\n"
      "    per_source: { rate: 3/s, ipv4_length: 16 }\n"
      "    source: [10.255.0.1, \"2001:db8:ff::1\"]\n");
  EXPECT_THAT(parsed.errors, ElementsAre());
  EXPECT_EQ(parsed.config.icmp_errors,
            (IcmpErrorConfig{.type_rate = {300, 7, 1000},
                             .per_source = {.rate = 3, .ipv4_length = 16},
                             .source = {.ipv4 = Ipv4Address::Parse("10.255.0.1"),
                                        .ipv6 = Ipv6Address::Parse("2001:db8:ff::1")}}));
  EXPECT_TRUE(
      Parse("router: { icmp_errors: { source: incoming } }\n").config.icmp_errors.source.incoming);
  EXPECT_EQ(
      Parse("router: { icmp_errors: { source: 10.255.0.1 } }\n").config.icmp_errors.source.ipv4,
      Ipv4Address::Parse("10.255.0.1"));
  EXPECT_THAT(Parse("router: { icmp_errors: { source: [10.0.0.1, 10.0.0.2] } }\n").errors,
              ElementsAre(HasSubstr("is the second address of its family")));
  EXPECT_THAT(Parse("router: { icmp_errors: { source: 224.0.0.1 } }\n").errors,
              ElementsAre(HasSubstr("accepted: a unicast address of this box")));
}

TEST(ReadRouter, AMetricOfZeroIsTheKernelsDefault) {
  EXPECT_THAT(RouteErrors("{ to: \"2001:db8:9::/48\", type: blackhole }, "
                          "{ to: \"2001:db8:9::/48\", type: prohibit, metric: 1024 }"),
              ElementsAre(HasSubstr("with metric 1024 is also the route in line 4")));
  EXPECT_THAT(RouteErrors("{ to: 10.9.0.0/16, type: blackhole }, "
                          "{ to: 10.9.0.0/16, type: prohibit, metric: 1024 }"),
              ElementsAre());
}

TEST(ReadRouter, RefusesWhatLeadsNowhere) {
  EXPECT_THAT(RouteErrors("{ to: 10.9.0.0/16, via: 10.1.0.1 }"),
              ElementsAre(HasSubstr("lies in no port's subnet")));
  EXPECT_THAT(RouteErrors("{ to: 10.9.0.0/16, via: 10.1.0.1, port: lan }"), ElementsAre());
  EXPECT_THAT(RouteErrors("{ to: 10.9.0.0/16, via: [{ weight: 2 }] }"),
              ElementsAre(HasSubstr("names neither gateway nor port")));
  EXPECT_THAT(RouteErrors("{ to: 10.9.0.0/16, via: [10.0.0.2, 10.0.0.2] }"),
              ElementsAre(HasSubstr("this next hop is listed twice")));
  EXPECT_THAT(RouteErrors("{ to: 10.9.0.0/16, via: 127.0.0.1 }"),
              ElementsAre(HasSubstr("is a loopback address")));
  EXPECT_THAT(
      RouteErrors("{ to: 10.9.0.0/16, port: lam }"),
      ElementsAre(EndsWith("no port has the name 'lam' (did you mean 'lan'?); accepted: wan, "
                           "lan")));
}

TEST(ReadRouter, RefusesDestinationsThatAreNeverRouted) {
  for (const char* const to :
       {"0.0.0.0/8", "127.0.0.0/8", "127.1.0.0/16", "224.0.0.0/24", "240.0.0.0/4",
        "255.255.255.255/32", "\"::1/128\"", "\"ff02::/16\"", "\"fe80::/64\""}) {
    EXPECT_THAT(RouteErrors("{ to: " + std::string(to) + ", type: blackhole }"),
                ElementsAre(HasSubstr("is never routed")))
        << to;
  }
  for (const char* const to :
       {"0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "\"::/0\"", "\"2000::/3\""}) {
    EXPECT_THAT(RouteErrors("{ to: " + std::string(to) + ", type: blackhole }"), ElementsAre());
  }
}

TEST(ReadRouter, DrawsNoConclusionsFromFaultyPorts) {
  ConfigReport report("t");
  const auto tree = ParseYaml(
      "ports: { wan: { device: net_null0, addresses: 192.0.2.2 } }\n"
      "routes: [{ to: 0.0.0.0/0, via: 192.0.2.1 }, { to: 10.0.0.0/8, port: lan }]\n",
      report);
  ASSERT_TRUE(tree);
  const ConfigValue root = CheckSchema(*tree, MapOf({PortsKey(), RoutesKey()}), report);
  ReadRouter(root, ReadPorts(root, report), report);
  EXPECT_EQ(report.Errors().size(), 1u) << ToString(report.Errors());
}

}  // namespace
}  // namespace flyover::router
