#include "lb/service/vip_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <tuple>

namespace flyover::lb {
namespace {

constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;

IpAddress Ip(const char* text) { return *IpAddress::Parse(text); }

TEST(VipIndex, EmptyKnowsNothing) {
  const VipIndex index;
  EXPECT_TRUE(index.empty());
  EXPECT_EQ(index.Find(Ip("192.0.2.1")), VipIndex::kNotVip);
  EXPECT_EQ(index.Find(Ip("0.0.0.0")), VipIndex::kNotVip);
  EXPECT_EQ(index.Find(Ip("::")), VipIndex::kNotVip);
}

TEST(VipIndex, ServicesShareAnAddress) {
  VipIndex index;
  ASSERT_TRUE(index.Add(Ip("192.0.2.1"), kTcp, 80, ServiceId(1)).ok());
  ASSERT_TRUE(index.Add(Ip("192.0.2.1"), kTcp, 443, ServiceId(2)).ok());
  ASSERT_TRUE(index.Add(Ip("192.0.2.1"), kUdp, 80, ServiceId(3)).ok());
  ASSERT_TRUE(index.Add(Ip("2001:db8::1"), kTcp, 80, ServiceId(4)).ok());
  const auto v4 = index.Find(Ip("192.0.2.1"));
  const auto v6 = index.Find(Ip("2001:db8::1"));
  ASSERT_NE(v4, VipIndex::kNotVip);
  ASSERT_NE(v6, VipIndex::kNotVip);
  EXPECT_EQ(index.FindService(v4, kTcp, 80), ServiceId(1));
  EXPECT_EQ(index.FindService(v4, kTcp, 443), ServiceId(2));
  EXPECT_EQ(index.FindService(v4, kUdp, 80), ServiceId(3));
  EXPECT_EQ(index.FindService(v4, kUdp, 443), kNoService);
  EXPECT_EQ(index.FindService(v6, kTcp, 80), ServiceId(4));
  EXPECT_EQ(index.Find(Ip("192.0.2.2")), VipIndex::kNotVip);
  EXPECT_EQ(index.addresses(), (std::vector{Ip("192.0.2.1"), Ip("2001:db8::1")}));
}

TEST(VipIndex, RefusesASecondServiceOnOnePort) {
  VipIndex index;
  ASSERT_TRUE(index.Add(Ip("192.0.2.1"), kTcp, 80, ServiceId(1)).ok());
  const Status status = index.Add(Ip("192.0.2.1"), kTcp, 80, ServiceId(2));
  EXPECT_EQ(status.code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(index.FindService(index.Find(Ip("192.0.2.1")), kTcp, 80), ServiceId(1));
}

TEST(VipIndex, AgreesWithAMap) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const auto address = [&]() -> IpAddress {
    const auto low = static_cast<uint8_t>(random() % 200);
    if (random() % 2 == 0) return Ipv4Address{0xc0000200u + low};
    Ipv6Address v6;
    v6.bytes[0] = 0x20;
    v6.bytes[15] = low;
    return v6;
  };
  VipIndex index;
  std::map<std::tuple<IpAddress, uint8_t, uint16_t>, ServiceId> naive;
  std::set<IpAddress> vips;
  for (uint16_t service = 0; service < 1000; ++service) {
    const IpAddress vip = address();
    const uint8_t protocol = random() % 2 == 0 ? kTcp : kUdp;
    const auto port = static_cast<uint16_t>(random() % 20);
    const bool is_new = naive.emplace(std::tuple(vip, protocol, port), ServiceId(service)).second;
    EXPECT_EQ(index.Add(vip, protocol, port, ServiceId(service)).ok(), is_new);
    vips.insert(vip);
  }
  EXPECT_EQ(index.addresses().size(), vips.size());
  for (int i = 0; i < 20'000; ++i) {
    const IpAddress vip = address();
    const uint8_t protocol = random() % 2 == 0 ? kTcp : kUdp;
    const auto port = static_cast<uint16_t>(random() % 22);
    const auto id = index.Find(vip);
    ASSERT_EQ(id != VipIndex::kNotVip, vips.contains(vip)) << vip.ToString();
    if (id == VipIndex::kNotVip) continue;
    const auto known = naive.find({vip, protocol, port});
    ASSERT_EQ(index.FindService(id, protocol, port),
              known == naive.end() ? kNoService : known->second);
  }
}

}  // namespace
}  // namespace flyover::lb
