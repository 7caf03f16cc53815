#include "lb/service/backend_entry.h"

#include <gtest/gtest.h>

#include <cstring>

#include "common/net/headers.h"
#include "lb/service/service_table.h"

namespace flyover::lb {
namespace {

IpAddress Ip(const char* text) { return *IpAddress::Parse(text); }

TEST(BackendEntry, TunnelHeadersHoldWhatIsConstant) {
  const auto v4 =
      MakeTunnelBackend(ServiceId(3), BackendState::kActive, Ip("10.2.0.11"), Ip("10.255.0.1"));
  Ipv4Header ip;
  std::memcpy(&ip, v4.outer.data(), sizeof(ip));
  EXPECT_EQ(v4.outer_length, 20);
  EXPECT_FALSE(v4.v6);
  EXPECT_EQ(ip.version_ihl, 0x45);
  EXPECT_EQ(ip.ttl, 64);
  EXPECT_EQ(ip.src.host(), 0x0aff0001u);
  EXPECT_EQ(ip.dst.host(), 0x0a02000bu);
  EXPECT_EQ(v4.address, Ip("10.2.0.11").bytes());

  const auto v6 = MakeTunnelBackend(ServiceId(3), BackendState::kDown, Ip("2001:db8:2::11"),
                                    Ip("2001:db8:ff::1"));
  Ipv6Header ip6;
  std::memcpy(&ip6, v6.outer.data(), sizeof(ip6));
  EXPECT_EQ(v6.outer_length, 40);
  EXPECT_TRUE(v6.v6);
  EXPECT_EQ(ip6.version_class_flow.host(), 6u << 28);
  EXPECT_EQ(ip6.hop_limit, 64);
  EXPECT_EQ(std::memcmp(ip6.src, Ip("2001:db8:ff::1").data(), 16), 0);
  EXPECT_EQ(std::memcmp(ip6.dst, Ip("2001:db8:2::11").data(), 16), 0);
}

TEST(BackendEntry, DirectHasNoOuterHeader) {
  const auto entry = MakeDirectBackend(ServiceId(3), BackendState::kActive, Ip("10.2.0.11"));
  EXPECT_EQ(entry.outer_length, 0);
  EXPECT_EQ(entry.service, ServiceId(3));
}

TEST(ServiceTable, UnknownIdsAreAbsent) {
  ServiceTable table;
  EXPECT_EQ(table.Backend(BackendId(9)).state, BackendState::kAbsent);
  EXPECT_EQ(table.Backend(BackendId(9)).service, kNoService);
  table.longest_timeout = 300;
  EXPECT_EQ(table.connection_timeouts().Of(9), 300);
}

TEST(LbCounters, CountAndAddUp) {
  LbCounters counters;
  counters.service(ServiceId(kMaxServices - 1)).packets.Add(2);
  counters.backend(BackendId(kMaxBackends - 1)).bytes.Add(3);
  FlowTotals totals = counters.service(ServiceId(kMaxServices - 1)).Load();
  totals += counters.backend(BackendId(kMaxBackends - 1)).Load();
  EXPECT_EQ(totals, (FlowTotals{2, 3, 0, 0}));
  totals -= FlowTotals{1, 1, 0, 0};
  EXPECT_EQ(totals, (FlowTotals{1, 2, 0, 0}));
}

}  // namespace
}  // namespace flyover::lb
