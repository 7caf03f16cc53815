#include "tools/flyover_bench/traffic.h"

#include <gtest/gtest.h>

#include <set>

#include "common/net/checksum.h"
#include "common/net/headers.h"

namespace flyover {
namespace {

std::vector<IpPrefix> Prefixes(const Load& load, uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  return BenchPrefixes(load.ipv6, load.routes, random);
}

TEST(Load, NamesAreDistinctAndAllCanBeBuilt) {
  std::set<std::string> names;
  for (const Load& load : Loads()) {
    EXPECT_TRUE(names.insert(load.name).second) << load.name;
    EXPECT_TRUE(CheckLoad(load).ok()) << CheckLoad(load).message();
    EXPECT_EQ(FindLoad(load.name), &load);
  }
  EXPECT_EQ(FindLoad("nothing"), nullptr);
}

TEST(Load, WhatCannotBeIsSaidWithWhatCan) {
  Load load = *FindLoad("router-64");
  load.frame = 40;
  EXPECT_EQ(CheckLoad(load).message(),
            "router-64: frame 40; accepted: 60 to 9014 bytes (without FCS)");
  load.frame = 0;
  load.new_flows = 0.5;
  EXPECT_FALSE(CheckLoad(load).ok());
  load = *FindLoad("lb-ipip-4k");
  load.imix = true;
  EXPECT_FALSE(CheckLoad(load).ok());
}

TEST(Traffic, FragmentsAreTwoOfOneDatagram) {
  for (const bool ipv6 : {false, true}) {
    for (const unsigned services : {0u, 1u}) {
      Load load = *FindLoad("router-fragments");
      load.ipv6 = ipv6;
      load.services = services;
      Traffic traffic(load, Prefixes(load), 7);
      EXPECT_TRUE(traffic.CheckSpread().ok()) << traffic.CheckSpread().message();
      std::array<uint8_t, Traffic::kHeaders> first{}, later{};
      const uint16_t length = traffic.Next(first.data());
      EXPECT_EQ(traffic.Next(later.data()), length);
      if (ipv6) {
        const auto& ip = *reinterpret_cast<const Ipv6Header*>(&first[14]);
        EXPECT_EQ(14 + 40 + ip.payload_length.host(), length);
        EXPECT_EQ(ip.next_header, kProtoFragment);
        EXPECT_EQ(LoadBe16(&first[14 + 40 + 2]), 1);
        EXPECT_EQ(LoadBe16(&later[14 + 40 + 2]), ip.payload_length.host() - 8);
        EXPECT_TRUE(std::equal(&first[14 + 44], &first[14 + 48], &later[14 + 44]));
        continue;
      }
      const auto& a = *reinterpret_cast<const Ipv4Header*>(&first[14]);
      const auto& b = *reinterpret_cast<const Ipv4Header*>(&later[14]);
      EXPECT_TRUE(Ipv4ChecksumOk(a) && Ipv4ChecksumOk(b));
      EXPECT_EQ(a.id.host(), b.id.host());
      EXPECT_EQ(a.fragment.host(), kIpv4MoreFragments);
      EXPECT_EQ(b.fragment.host() * 8, a.total_length.host() - 20);
    }
  }
}

TEST(Traffic, FramesAreWholeAndTheSameForOneSeed) {
  for (const char* name : {"router-64", "router6-64", "lb-ipip-4k", "lb6-ipip-4k"}) {
    const Load& load = *FindLoad(name);
    Traffic a(load, Prefixes(load), 7), b(load, Prefixes(load), 7);
    EXPECT_TRUE(a.CheckSpread().ok()) << a.CheckSpread().message();
    for (int i = 0; i < 100; ++i) {
      std::array<uint8_t, Traffic::kHeaders> x{}, y{};
      const uint16_t length = a.Next(x.data());
      EXPECT_EQ(b.Next(y.data()), length);
      EXPECT_EQ(x, y);
      if (load.ipv6) {
        const auto& ip = *reinterpret_cast<const Ipv6Header*>(&x[14]);
        EXPECT_EQ(14 + 40 + ip.payload_length.host(), length);
      } else {
        const auto& ip = *reinterpret_cast<const Ipv4Header*>(&x[14]);
        EXPECT_EQ(14 + ip.total_length.host(), length);
        EXPECT_TRUE(Ipv4ChecksumOk(ip));
      }
    }
  }
}

TEST(Traffic, NewFlowsNeverRepeat) {
  const Load& load = *FindLoad("lb-new-flows");
  Traffic traffic(load, {}, 1);
  std::set<std::array<uint8_t, Traffic::kHeaders>> seen;
  for (int i = 0; i < 10'000; ++i) {
    std::array<uint8_t, Traffic::kHeaders> x{};
    traffic.Next(x.data());
    EXPECT_TRUE(Ipv4ChecksumOk(*reinterpret_cast<const Ipv4Header*>(&x[14])));
    EXPECT_TRUE(seen.insert(x).second);
  }
}

TEST(Traffic, OneDestinationIsNoSpread) {
  const Load& load = *FindLoad("router-64");
  Traffic traffic(load, {IpPrefix(Ipv4Address{0x14000001}, 32)}, 1);
  EXPECT_NE(traffic.CheckSpread().message().find("do not spread"), std::string::npos);
}

TEST(Traffic, PrefixesAreDistinctAndUnicast) {
  Load load;
  load.routes = 50'000;
  for (const bool ipv6 : {false, true}) {
    load.ipv6 = ipv6;
    std::set<std::string> seen;
    std::mt19937_64 random(3);
    for (const IpPrefix& prefix : Prefixes(load)) {
      EXPECT_TRUE(seen.insert(prefix.ToString()).second);
      EXPECT_FALSE(AddressIn(prefix, random).ToString().empty());
    }
  }
}

}  // namespace
}  // namespace flyover
