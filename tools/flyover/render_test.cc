#include "tools/flyover/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace flyover {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

CountersResult Balanced() {
  CountersResult result;
  SourceResult wan;
  wan.name = "wan";
  wan.kind = "port";
  wan.rx = 1'000'000;
  wan.copies = 2;
  wan.tx = 999'990;
  wan.punted = 5;
  wan.dropped = 6;
  wan.buffered = 1;
  result.sources = {wan};
  result.total = wan;
  result.total.name = "total";
  result.total.kind = "";
  return result;
}

TEST(RenderHandshakes, SaysWhoSwallows) {
  HandshakesResult result;
  result.backends = {{.service = "web",
                      .backend = "a",
                      .answered = 1200,
                      .answer_p50_us = 500,
                      .answer_p99_us = 1'000'000},
                     {.service = "web", .backend = "b", .unanswered = 30, .swallows = true}};
  EXPECT_EQ(
      Render(result, {}),
      "SERVICE  BACKEND  ANSWERED  UNANSWERED  REPEATED-SYNS  EARLY-RESETS     P50   P99  ALARM\n"
      "web      a           1,200           0              0             0  500 us  1.0s\n"
      "web      b               0          30              0             0       -     -  "
      "swallows connections\n");
  EXPECT_EQ(Render(HandshakesResult{}, {}), "no TCP services\n");
}

TEST(RenderCounters, Balanced) {
  EXPECT_TRUE(LedgerBalanced(Balanced()));
  EXPECT_EQ(Render(Balanced(), {}),
            "SOURCE  KIND         RX  FROM-KERNEL  GENERATED  COPIES       TX  PUNTED  DROPPED  "
            "BUFFERED\n"
            "wan     port  1,000,000            0          0       2  999,990       5        6     "
            "    1\n"
            "total         1,000,000            0          0       2  999,990       5        6     "
            "    1\n"
            "rx + from-kernel + generated + copies = tx + punted + dropped + buffered\n"
            "ledger: balanced\n");
}

TEST(RenderCounters, OffIsNamedBySource) {
  CountersResult result = Balanced();
  result.sources[0].tx += 3;
  result.total.tx += 3;
  EXPECT_FALSE(LedgerBalanced(result));
  EXPECT_THAT(Render(result, {}), HasSubstr("ledger: OFF BY 3 (wan -3)\n"));

  // Two sources off in opposite directions hide in the total.
  result.sources.push_back(Balanced().sources[0]);
  result.sources[1].name = "lan";
  result.sources[1].tx -= 3;
  result.total.tx -= 3;
  EXPECT_EQ(LedgerDifference(result.total), 0);
  EXPECT_FALSE(LedgerBalanced(result));
  EXPECT_THAT(Render(result, {}), HasSubstr("ledger: OFF BY 6 (wan -3, lan +3)\n"));

  // The daemon's own verdict counts, too.
  CountersResult doubted = Balanced();
  doubted.sources[0].balanced = false;
  EXPECT_FALSE(LedgerBalanced(doubted));
}

TEST(RenderDrops, NonZeroFirstAndZerosOnRequest) {
  DropsResult result;
  EXPECT_EQ(Render(result, {}), "no drops\n");
  result.drops = {{"truncated", "frame ends early", 0, {}},
                  {"no_route", "no route", 3, {{"lan", 1}, {"wan", 2}}},
                  {"ttl_expired", "TTL ran out", 70'000, {{"wan", 70'000}}}};
  result.punts = {{"arp", "link", "ARP", 9}, {"isis", "routing", "IS-IS", 0}};
  result.punt_classes = {{"link", "ARP, ND", 20'000, 4}};
  const std::string text = Render(result, {});
  EXPECT_THAT(text, HasSubstr("70,000  ttl_expired  wan 70,000    TTL ran out\n"
                              "      3  no_route     lan 1, wan 2  no route\n"));
  EXPECT_THAT(text, Not(HasSubstr("truncated")));
  EXPECT_THAT(text, Not(HasSubstr("isis")));
  EXPECT_THAT(text, HasSubstr("4  link   20.0 k/s"));
  EXPECT_THAT(Render(result, {.all = true}), HasSubstr("      0  truncated"));
  EXPECT_THAT(Render(result, {.all = true}), HasSubstr("isis"));
}

TEST(RenderRoutes, EveryNexthopHasItsLine) {
  RoutesResult result;
  RouteResult route{.prefix = "10.9.0.0/16",
                    .metric = 20,
                    .protocol = "static",
                    .action = "forward",
                    .nexthops = {}};
  route.nexthops = {{"10.0.0.2", "lan", 2, "resolved", "02:00:00:00:00:02"},
                    {"10.0.0.3", "lan", 1, "unresolved", ""}};
  result.routes = {route};
  result.total = 7;
  const std::string text = Render(result, {});
  EXPECT_THAT(text,
              HasSubstr("10.9.0.0/16      20  static    forward        0  10.0.0.2  lan        2  "
                        "resolved    02:00:00:00:00:02\n"));
  EXPECT_THAT(text, HasSubstr("10.0.0.3  lan        1  unresolved\n"));
  EXPECT_THAT(text, HasSubstr("7 routes (1 shown; --limit 0 shows all)"));
}

TEST(RenderRoutes, AFullTableSaysSo) {
  RoutesResult result;
  result.total = 3;
  result.room = {{"ipv4", "full", 100, 100, 7, 65536, 12}, {"ipv6", "room", 1, 100, 1, 100, 0}};
  EXPECT_THAT(Render(result, {}),
              HasSubstr("IPv4: the table is full: 100 of 100 routes, 7 of 65.5 k "
                        "blocks; 12 routes refused\n3 routes"));
  result.room = {{"ipv4", "room", 1, 100, 1, 100, 0}, {"ipv6", "nearly_full", 95, 100, 1, 100, 0}};
  EXPECT_THAT(Render(result, {}), HasSubstr("IPv6: the table is nearly full: 95 of 100 routes"));
}

TEST(RenderLookups, OneLineEach) {
  LookupsResult result;
  result.lookups = {
      {"10.9.0.1",
       "10.9.0.0/16",
       "forward",
       {{"10.2.0.2", "lan", 1500, "resolved"}, {"10.2.0.3", "lan", 1400, "failed"}}},
      {"10.2.0.9", "10.2.0.0/24", "connected", {{"10.2.0.9", "lan", 0, "unresolved"}}},
      {"2001:db8::1", "", "none", {}}};
  EXPECT_EQ(Render(result, {}),
            "10.9.0.1 10.9.0.0/16 forward via 10.2.0.2 port lan mtu 1500 resolved, "
            "via 10.2.0.3 port lan mtu 1400 failed\n"
            "10.2.0.9 10.2.0.0/24 connected port lan unresolved\n"
            "2001:db8::1 no route none\n");
}

TEST(RenderEcmp, EveryMemberHasItsLine) {
  EcmpResult result;
  result.total = 2;
  result.groups = {{7,
                    1200,
                    5,
                    128,
                    0.78,
                    43,
                    43,
                    128,
                    {{"10.0.0.2", "lan", 1, "resolved", 43, 33.6, 33.3},
                     {"10.0.0.3", "wan", 2, "port_down", 0, 0, 0}}}};
  const std::string text = Render(result, {});
  EXPECT_THAT(text, HasSubstr("43 (least 43) of 128  10.0.0.2  lan        1  resolved"));
  EXPECT_THAT(text, HasSubstr("10.0.0.3  wan        2  port_down"));
  EXPECT_THAT(text, HasSubstr("2 groups (1 shown; --limit 0 shows all)"));
  EXPECT_EQ(Render(EcmpResult{}, {}), "no groups of several next hops\n");
}

TEST(RenderLists, EmptyOnesSaySo) {
  EXPECT_EQ(Render(PortsResult{}, {}), "no ports\n");
  EXPECT_EQ(Render(ServicesResult{}, {}), "no services\n");
  EXPECT_EQ(Render(BackendsResult{}, {}), "no backends\n");
  EXPECT_EQ(Render(NeighborsResult{}, {}), "no neighbours\n");
}

TEST(RenderLists, SyncNamesBothSidesOfADifference) {
  SyncResult result;
  result.kernel_routes = 3;
  result.queue_bytes = 2048;
  result.resyncs = 2;
  std::string text = Render(result, {});
  EXPECT_THAT(text, HasSubstr("routes     3 of the kernel; FIB: 0 IPv4, 0 IPv6; 0 refused"));
  EXPECT_THAT(text, HasSubstr("queue 2.0 KiB, lag "));
  EXPECT_THAT(text, Not(HasSubstr("difference")));
  result.compared = true;
  EXPECT_THAT(Render(result, {}), HasSubstr("difference 0\n"));
  result.differences = 1;
  result.diff = {{"10.9.0.0/16", 20, "forward via 10.0.0.2 lan proto bgp", ""}};
  text = Render(result, {});
  EXPECT_THAT(text, HasSubstr("difference 1\n"));
  EXPECT_THAT(text, HasSubstr("10.9.0.0/16      20  forward via 10.0.0.2 lan proto bgp  -\n"));
}

TEST(RenderLists, ExactAndHumanNumbers) {
  PortsResult ports;
  PortResult port;
  port.name = "wan";
  port.admin_up = port.link_up = true;
  port.speed_mbps = 10'000;
  port.rx_packets = 1'234'567;
  port.rx_bytes = 10'485'760;
  ports.ports = {port};
  EXPECT_THAT(Render(ports, {}), HasSubstr("wan   up    10 Gbit/s  1.2 M  10.0 MiB"));
  EXPECT_THAT(Render(ports, {.exact = true}), HasSubstr("1,234,567  10,485,760"));
}

TEST(RenderLists, BackendShowsWhyAndSinceWhen) {
  BackendsResult result;
  BackendResult backend;
  backend.service = "web";
  backend.name = "web1";
  backend.address = "10.0.0.11";
  backend.state = "down";
  backend.reason = "connect: Connection refused\x1b[31m";
  backend.since_seconds = 75;
  backend.weight = 100;
  result.backends = {backend};
  const std::string text = Render(result, {});
  EXPECT_THAT(text, HasSubstr("down   1m 15s  100 (0)  0.0 %"));
  EXPECT_THAT(text, HasSubstr("connect: Connection refused?[31m\n"));
}

TEST(RenderOthers, ConfigVersionReload) {
  EXPECT_EQ(Render(ConfigResult{"a: 1", "/etc/f.yaml", 3, "2026-01-02T03:04:05Z"}, {}),
            "# generation 3, loaded 2026-01-02T03:04:05Z from /etc/f.yaml\na: 1\n");
  EXPECT_EQ(Render(ReloadResult{4, true, {"mtu: 1500 -> 9000"}}, {}),
            "running generation 4\n  mtu: 1500 -> 9000\n");
  EXPECT_EQ(Render(ReloadResult{4, false, {}}, {}), "nothing changed, still generation 4\n");
  EXPECT_EQ(Render(BackendChangeResult{"web", "web1", 100, true}, {}),
            "web/web1: weight 100, drained\n");
}

TEST(RenderAnswer, EveryCommandHasItsText) {
  for (const char* command :
       {"show.ports", "show.lcores", "show.counters", "show.drops", "show.routes", "show.route",
        "show.neighbors", "show.sync", "show.ecmp", "show.services", "show.backends",
        "show.connections", "show.config", "show.version", "reload", "backend.drain",
        "backend.enable", "backend.weight"}) {
    const auto text = RenderAnswer(command, json::object(), {});
    ASSERT_TRUE(text.has_value()) << command;
    EXPECT_FALSE(text->empty()) << command;
    EXPECT_EQ(text->back(), '\n') << command;
    EXPECT_FALSE(RenderAnswer(command, json::array(), {}).has_value()) << command;
  }
  EXPECT_FALSE(RenderAnswer("show.ports", {{"ports", 7}}, {}).has_value());
  EXPECT_FALSE(RenderAnswer("show.future", json::object(), {}).has_value());
}

}  // namespace
}  // namespace flyover
