#include "lb/service/vip_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

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
  ASSERT_TRUE(index.Add(Ip("192.0.2.1"), kTcp, PortRange::One(80), ServiceId(1)).ok());
  ASSERT_TRUE(index.Add(Ip("192.0.2.1"), kTcp, PortRange::One(443), ServiceId(2)).ok());
  ASSERT_TRUE(index.Add(Ip("192.0.2.1"), kUdp, PortRange::One(80), ServiceId(3)).ok());
  ASSERT_TRUE(index.Add(Ip("2001:db8::1"), kTcp, PortRange::One(80), ServiceId(4)).ok());
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
  EXPECT_EQ(index.vips(), (std::vector<IpPrefix>{Ip("192.0.2.1"), Ip("2001:db8::1")}));
}

TEST(VipIndex, RefusesASecondServiceOnOnePort) {
  VipIndex index;
  ASSERT_TRUE(index.Add(Ip("192.0.2.1"), kTcp, PortRange::One(80), ServiceId(1)).ok());
  const Status status = index.Add(Ip("192.0.2.1"), kTcp, PortRange::One(80), ServiceId(2));
  EXPECT_EQ(status.code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(index.FindService(index.Find(Ip("192.0.2.1")), kTcp, 80), ServiceId(1));
}

TEST(VipIndex, LongestVipThatHasThePortCounts) {
  VipIndex index;
  const IpPrefix net = *IpPrefix::Parse("192.0.2.0/24");
  ASSERT_TRUE(index.Add(net, kTcp, PortRange::One(80), ServiceId(1)).ok());
  ASSERT_TRUE(index.Add(Ip("192.0.2.1"), kTcp, PortRange::One(443), ServiceId(2)).ok());
  ASSERT_TRUE(
      index.Add(*IpPrefix::Parse("192.0.0.0/16"), kTcp, PortRange::Any(), ServiceId(3)).ok());
  const auto service = [&](const char* address, uint16_t port) {
    const auto vip = index.Find(Ip(address));
    return vip == VipIndex::kNotVip ? kNoService : index.FindService(vip, kTcp, port);
  };
  EXPECT_EQ(service("192.0.2.1", 443), ServiceId(2));
  EXPECT_EQ(service("192.0.2.1", 80), ServiceId(1));
  EXPECT_EQ(service("192.0.2.1", 22), ServiceId(3));
  EXPECT_EQ(service("192.0.2.9", 80), ServiceId(1));
  EXPECT_EQ(service("192.0.2.9", 443), ServiceId(3));
  EXPECT_EQ(service("192.0.9.9", 80), ServiceId(3));
  EXPECT_EQ(service("192.1.0.1", 80), kNoService);
  EXPECT_EQ(index.vips()[0], net);
}

TEST(VipIndex, SinglePortBeforeRangeBeforeAny) {
  VipIndex index;
  const IpPrefix vip = Ip("2001:db8::1");
  ASSERT_TRUE(index.Add(vip, kUdp, PortRange::Any(), ServiceId(1)).ok());
  ASSERT_TRUE(index.Add(vip, kUdp, {8000, 8100}, ServiceId(2)).ok());
  ASSERT_TRUE(index.Add(vip, kUdp, PortRange::One(8080), ServiceId(3)).ok());
  const auto id = index.Find(Ip("2001:db8::1"));
  EXPECT_EQ(index.FindService(id, kUdp, 8080), ServiceId(3));
  EXPECT_EQ(index.FindService(id, kUdp, 8000), ServiceId(2));
  EXPECT_EQ(index.FindService(id, kUdp, 8100), ServiceId(2));
  EXPECT_EQ(index.FindService(id, kUdp, 8101), ServiceId(1));
  EXPECT_EQ(index.FindService(id, kUdp, 0), ServiceId(1));
  EXPECT_EQ(index.FindService(id, kTcp, 8080), kNoService);
  EXPECT_FALSE(index.Add(vip, kUdp, {8100, 8200}, ServiceId(4)).ok()) << "overlaps";
  EXPECT_FALSE(index.Add(vip, kUdp, PortRange::Any(), ServiceId(4)).ok());
  EXPECT_TRUE(index.Add(vip, kUdp, {8101, 8200}, ServiceId(4)).ok());
}

// What the index should say, by looking at everything.
class NaiveIndex {
 public:
  struct Entry {
    IpPrefix vip;
    uint8_t protocol;
    PortRange ports;
    ServiceId service;
  };

  bool Add(const Entry& entry) {
    for (const Entry& other : entries_) {
      const bool same_kind =
          other.ports.IsOne() == entry.ports.IsOne() && other.ports.IsAny() == entry.ports.IsAny();
      if (other.vip == entry.vip && other.protocol == entry.protocol && same_kind &&
          other.ports.Overlaps(entry.ports)) {
        return false;
      }
    }
    entries_.push_back(entry);
    return true;
  }
  ServiceId Find(const IpAddress& address, uint8_t protocol, uint16_t port) const {
    const auto width = [](const PortRange& ports) { return ports.last - ports.first; };
    const Entry* best = nullptr;
    for (const Entry& e : entries_) {
      if (!e.vip.Contains(address) || e.protocol != protocol || !e.ports.Contains(port)) continue;
      if (best == nullptr || e.vip.length() > best->vip.length() ||
          (e.vip.length() == best->vip.length() && width(e.ports) < width(best->ports))) {
        best = &e;
      }
    }
    return best == nullptr ? kNoService : best->service;
  }
  bool IsVip(const IpAddress& address) const {
    return std::any_of(entries_.begin(), entries_.end(),
                       [&](const Entry& e) { return e.vip.Contains(address); });
  }

 private:
  std::vector<Entry> entries_;
};

TEST(VipIndex, AgreesWithANaiveOne) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto below = [&](unsigned n) { return static_cast<uint32_t>(random() % n); };
  const auto address = [&]() -> IpAddress {
    const auto low = static_cast<uint8_t>(below(200));
    if (below(2) == 0) return Ipv4Address{0xc0000200u + low};
    Ipv6Address v6;
    v6.bytes[0] = 0x20;
    v6.bytes[7] = static_cast<uint8_t>(below(3));
    v6.bytes[15] = low;
    return v6;
  };
  VipIndex index;
  NaiveIndex naive;
  for (uint16_t service = 0; service < 600; ++service) {
    const IpAddress a = address();
    const unsigned shorter = below(4) == 0 ? below(a.is_v4() ? 12 : 70) : 0;
    const auto first = static_cast<uint16_t>(1 + below(20));
    const unsigned kind = below(8);
    const PortRange ports = kind == 0   ? PortRange::Any()
                            : kind == 1 ? PortRange{first, static_cast<uint16_t>(first + 2)}
                                        : PortRange::One(first);
    const NaiveIndex::Entry entry{IpPrefix(a, a.bits() - shorter), below(2) == 0 ? kTcp : kUdp,
                                  ports, ServiceId(service)};
    ASSERT_EQ(index.Add(entry.vip, entry.protocol, entry.ports, entry.service).ok(),
              naive.Add(entry));
  }
  for (int i = 0; i < 20'000; ++i) {
    const IpAddress a = address();
    const uint8_t protocol = below(2) == 0 ? kTcp : kUdp;
    const auto port = static_cast<uint16_t>(below(26));
    const auto id = index.Find(a);
    ASSERT_EQ(id != VipIndex::kNotVip, naive.IsVip(a)) << a.ToString();
    if (id == VipIndex::kNotVip) continue;
    ASSERT_EQ(index.FindService(id, protocol, port), naive.Find(a, protocol, port))
        << a.ToString() << " " << port;
  }
}

}  // namespace
}  // namespace flyover::lb
