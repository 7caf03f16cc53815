// Fragments to a VIP: all of a datagram go where whole packets of its flow go.
#include "lb/datapath/vip_fragment.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/net/headers.h"
#include "lb/datapath/test_bed.h"

namespace flyover::lb {
namespace {

class VipFragmentTest : public testing::TestWithParam<IpFamily> {
 protected:
  VipFragmentTest() {
    bed_.Apply(TwoBackends(ForwardMode::kIpip, IpFamily::kIpv4));
    bed_.context->set_now(1000 * bed_.context->tsc_hz());
  }
  bool v6() const { return GetParam() == IpFamily::kIpv6; }
  IpAddress client() const { return Ip(v6() ? "2001:db8:1::2" : "10.1.0.2"); }
  IpAddress vip() const { return Ip(v6() ? "2001:db8:100::1" : "192.0.2.1"); }

  Bytes Whole(uint16_t sport) const {
    IpFields fields;
    fields.protocol = kProtoUdp;
    return IpPacket(client(), vip(), fields, UdpDatagram(sport, 80, 64));
  }
  // In units of 8 bytes; the identification is that of the datagram.
  Bytes Piece(uint16_t id, uint16_t offset, bool more, const Bytes& payload) const {
    IpFields fields;
    fields.protocol = kProtoUdp;
    if (v6()) {
      const auto word = static_cast<uint16_t>(offset << 3 | (more ? 1 : 0));
      fields.ipv6_next = kProtoFragment;
      fields.between = {kProtoUdp, 0, static_cast<uint8_t>(word >> 8), static_cast<uint8_t>(word),
                        0,         0, static_cast<uint8_t>(id >> 8),   static_cast<uint8_t>(id)};
      return IpPacket(client(), vip(), fields, payload);
    }
    fields.ipv4_fragment = static_cast<uint16_t>((more ? kIpv4MoreFragments : 0) | offset);
    Bytes packet = IpPacket(client(), vip(), fields, payload);
    packet[4] = static_cast<uint8_t>(id >> 8);
    packet[5] = static_cast<uint8_t>(id);
    return packet;
  }
  Bytes First(uint16_t id, uint16_t sport) const {
    return Piece(id, 0, true, UdpDatagram(sport, 80, 64));
  }
  Bytes Later(uint16_t id) const { return Piece(id, 9, false, Bytes(40)); }

  // The backend of the one packet that went on; none: nothing did.
  std::optional<BackendId> Send(const Bytes& packet, unsigned lcore = 0) {
    bed_.Clear();
    bed_.Add(packet);
    return Run(lcore);
  }
  std::optional<BackendId> Run(unsigned lcore = 0) {
    const IndexList out = bed_.Run(lcore);
    if (out.size == 0) return std::nullopt;
    EXPECT_EQ(out.size, 1);
    return BackendId(bed_.burst.meta[0].backend);
  }
  // What waited, sent again.
  std::optional<BackendId> Resume(unsigned lcore = 0) {
    bed_.Clear();
    ResumeFragments(*bed_.context, *bed_.lcores[lcore], bed_.burst);
    bed_.context->FlushDrops();
    return bed_.burst.size == 0 ? std::nullopt : Run(lcore);
  }
  void Wait(double seconds) {
    const auto hz = static_cast<double>(bed_.context->tsc_hz());
    bed_.context->set_now(bed_.context->now() + static_cast<uint64_t>(seconds * hz));
  }
  uint64_t Dropped() const { return bed_.Drops(DropReason::kVipFragment); }
  void TearDown() override {
    for (auto& lcore : bed_.lcores) {
      Burst rest;
      lcore->fragments->ReleaseAll(rest);
      for (unsigned i = 0; i < rest.size; ++i) rte_pktmbuf_free(rest.pkt[i]);
    }
    bed_.Clear();
  }

  TestBed bed_{2};
};

TEST_P(VipFragmentTest, GoWhereTheFlowGoes) {
  for (uint16_t sport = 1000; sport < 1100; ++sport) {
    const auto whole = Send(Whole(sport));
    ASSERT_TRUE(whole.has_value());
    EXPECT_EQ(Send(First(sport, sport)), whole);
    EXPECT_EQ(Send(Later(sport)), whole);
    EXPECT_EQ(Send(Piece(sport, 14, true, Bytes(40))), whole);
  }
  EXPECT_EQ(Dropped(), 0u);
}

TEST_P(VipFragmentTest, ThoseThatComeTooEarlyWait) {
  EXPECT_EQ(Send(Later(7)), std::nullopt);
  EXPECT_EQ(Resume(), std::nullopt);
  const auto first = Send(First(7, 1234));
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(Resume(), first);
  EXPECT_FALSE(bed_.lcores[0]->fragments->anything_held());
  EXPECT_EQ(Dropped(), 0u);
}

TEST_P(VipFragmentTest, NotForLong) {
  EXPECT_EQ(Send(Later(7)), std::nullopt);
  Wait(0.7);
  EXPECT_EQ(Resume(), std::nullopt);
  EXPECT_EQ(Dropped(), 0u);
  Wait(0.6);
  EXPECT_EQ(Resume(), std::nullopt);
  EXPECT_EQ(Dropped(), 1u);
}

TEST_P(VipFragmentTest, NotMany) {
  for (uint16_t id = 0; id < FragmentTable::kMostHeld; ++id) Send(Later(id));
  EXPECT_EQ(Dropped(), 0u);
  Send(Later(99));
  bed_.context->FlushDrops();
  EXPECT_EQ(Dropped(), 1u) << "the oldest made room";
  Send(First(0, 1));
  EXPECT_EQ(Resume(), std::nullopt);
  Send(First(99, 1));
  EXPECT_TRUE(Resume().has_value());
}

TEST_P(VipFragmentTest, AnotherLcoreMayHaveTheFirst) {
  EXPECT_EQ(Send(Later(7), 1), std::nullopt);
  const auto first = Send(First(7, 1234), 0);
  EXPECT_EQ(Resume(1), first);
  EXPECT_EQ(Send(Later(7), 1), first);
}

// Within one tick all are of one age: the one that came last was replaced first.
TEST(FragmentTableTest, AFreshDatagramIsNotTheOneReplaced) {
  constexpr uint64_t kStep = 0x9e3779b97f4a7c15ULL;
  FragmentTable table;
  std::vector<uint64_t> keys;
  for (uint64_t n = 1; n <= FragmentTable::kDatagrams / 2; ++n) keys.push_back((n * kStep) | 1);
  for (size_t n = 0; n < keys.size(); ++n) {
    table.Learn(keys[n], {ServiceId(1), BackendId(static_cast<uint16_t>(n))}, 7);
    for (size_t back = 0; back < std::min<size_t>(n + 1, 3); ++back) {
      const auto found = table.Find(keys[n - back], 7);
      ASSERT_TRUE(found.has_value()) << n << ", " << back << " before";
      EXPECT_EQ(found->backend.value(), n - back);
    }
  }
  const auto known =
      std::ranges::count_if(keys, [&](uint64_t key) { return table.Find(key, 7).has_value(); });
  // Two to a set of four in the mean.
  EXPECT_GT(known, static_cast<int>(keys.size() * 9 / 10));
}

TEST_P(VipFragmentTest, ADatagramIsForgotten) {
  Send(First(7, 1234));
  Wait(3);
  EXPECT_EQ(Send(Later(7)), std::nullopt);
}

TEST_P(VipFragmentTest, OthersKeepApart) {
  Send(First(7, 1234));
  EXPECT_EQ(Send(Later(8)), std::nullopt) << "another datagram";
}

TEST_P(VipFragmentTest, AFloodOfThemIsBounded) {
  for (uint32_t n = 0; n < 20'000; ++n) {
    Send(n % 2 == 0 ? First(static_cast<uint16_t>(n), 1) : Later(static_cast<uint16_t>(n)));
  }
  EXPECT_TRUE(Send(First(7, 1234)).has_value());
  EXPECT_TRUE(Send(Later(7)).has_value());
}

// An entry of the flow on another lcore counts: there its whole packets are.
TEST_P(VipFragmentTest, FollowAnEntryOfAnotherLcore) {
  const auto home = Send(Whole(1234), 0);
  ASSERT_TRUE(home.has_value());
  const uint64_t hash = bed_.burst.meta[0].flow_hash;
  const BackendId b1 = bed_.IdOf("udp", "b1"), b2 = bed_.IdOf("udp", "b2");
  const BackendId other = *home == b1 ? b2 : b1;
  LbLcore& lcore = *bed_.lcores[0];
  lcore.connections->Insert(hash, other, lcore.clock.Tick(bed_.context->now()),
                            bed_.table().connection_timeouts(), EntryState::kTentative);
  // Lcore 1 has entries, too, or it would not look.
  bed_.lcores[1]->connections->Insert(hash + 1, other, lcore.clock.Tick(bed_.context->now()),
                                      bed_.table().connection_timeouts(), EntryState::kTentative);
  EXPECT_EQ(Send(First(7, 1234), 1), other);
  EXPECT_EQ(Send(Later(7), 1), other);
}

INSTANTIATE_TEST_SUITE_P(Families, VipFragmentTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6), [](const auto& test) {
                           return test.param == IpFamily::kIpv4 ? "IPv4" : "IPv6";
                         });

}  // namespace
}  // namespace flyover::lb
