#include "lb/service/backend_entry.h"

#include <gtest/gtest.h>

#include <cstring>

#include "common/net/headers.h"
#include "lb/service/service_table.h"

namespace flyover::lb {
namespace {

IpAddress Ip(const char* text) { return *IpAddress::Parse(text); }

ServiceConfig Service(ForwardMode forward) {
  ServiceConfig service;
  service.forward = forward;
  service.source = {Ip("10.255.0.1").v4(), Ip("2001:db8:ff::1").v6()};
  return service;
}

BackendEntry Entry(const ServiceConfig& service, const char* address,
                   BackendState state = BackendState::kActive) {
  BackendConfig backend;
  backend.address = Ip(address);
  return MakeBackendEntry(ServiceId(3), state, service, backend);
}

TEST(BackendEntry, TunnelHeadersHoldWhatIsConstant) {
  const BackendEntry v4 = Entry(Service(ForwardMode::kIpip), "10.2.0.11");
  Ipv4Header ip;
  std::memcpy(&ip, v4.outer.data(), sizeof(ip));
  EXPECT_EQ(v4.outer_length, 20);
  EXPECT_EQ(v4.overhead, 20);
  EXPECT_FALSE(v4.v6);
  EXPECT_EQ(ip.version_ihl, 0x45);
  EXPECT_EQ(ip.ttl, 64);
  EXPECT_EQ(ip.src.host(), 0x0aff0001u);
  EXPECT_EQ(ip.dst.host(), 0x0a02000bu);
  EXPECT_EQ(v4.address, Ip("10.2.0.11").bytes());

  const BackendEntry v6 = Entry(Service(ForwardMode::kIpip), "2001:db8:2::11", BackendState::kDown);
  Ipv6Header ip6{};
  std::memcpy(static_cast<void*>(&ip6), v6.outer.data(), v6.outer.size());
  EXPECT_EQ(v6.outer_length, 40);
  EXPECT_EQ(v6.overhead, 40);
  EXPECT_TRUE(v6.v6);
  EXPECT_EQ(v6.state, BackendState::kDown);
  EXPECT_EQ(ip6.version_class_flow.host(), 6u << 28);
  EXPECT_EQ(ip6.hop_limit, 64);
  EXPECT_EQ(std::memcmp(ip6.src, Ip("2001:db8:ff::1").data(), 16), 0);
  EXPECT_EQ(v6.address, Ip("2001:db8:2::11").bytes());
}

TEST(BackendEntry, OverheadIsAllThatIsPutInFront) {
  ServiceConfig gue = Service(ForwardMode::kGue);
  EXPECT_EQ(Entry(gue, "10.2.0.11").overhead, 20 + 8 + 4);
  EXPECT_EQ(Entry(gue, "2001:db8:2::11").overhead, 40 + 8 + 4);
  gue.gue = {1, 6081};
  EXPECT_EQ(Entry(gue, "10.2.0.11").overhead, 20 + 8);
  EXPECT_EQ(Entry(gue, "2001:db8:2::11").overhead, 40 + 8);
  EXPECT_EQ(Entry(gue, "10.2.0.11").gue_port, 6081);
  EXPECT_EQ(Entry(Service(ForwardMode::kGre), "10.2.0.11").overhead, 20 + 4);
  EXPECT_EQ(Entry(Service(ForwardMode::kGre), "2001:db8:2::11").overhead, 40 + 4);
}

TEST(BackendEntry, WhatMayBeCutHasNoDf) {
  ServiceConfig service = Service(ForwardMode::kIpip);
  service.fragment = true;
  EXPECT_TRUE(Entry(service, "10.2.0.11").may_cut);
  EXPECT_EQ(Entry(service, "10.2.0.11").df, DfPolicy::kClear);
  EXPECT_FALSE(Entry(service, "2001:db8:2::11").may_cut) << "IPv6 is not cut on the way";
}

TEST(BackendEntry, DirectHasNoOuterHeader) {
  for (const ForwardMode mode : {ForwardMode::kL2dsr, ForwardMode::kL3dsr}) {
    ServiceConfig service = Service(mode);
    service.dscp = 63;
    const BackendEntry entry = Entry(service, "10.2.0.11");
    EXPECT_EQ(entry.outer_length, 0);
    EXPECT_EQ(entry.overhead, 0);
    EXPECT_EQ(entry.service, ServiceId(3));
    EXPECT_EQ(entry.tos, 0xfc);
  }
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
