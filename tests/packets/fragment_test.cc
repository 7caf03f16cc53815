// Cutting IPv4 packets (RFC 791): every length and MTU, the switch, the books, memory that is out,
// pieces that wait for a neighbour.
#include <gtest/gtest.h>

#include <random>

#include "common/testing/packet_printer.h"
#include "tests/packets/lab/row.h"

namespace flyover::test {
namespace {

constexpr char kCut[] = "10.60.0.1";

Bytes Big(const char* dst, size_t payload, const Bytes& options = {}, unsigned in = kP3) {
  return From(in) / Ip4{.src = "10.4.0.2", .dst = dst, .proto = 17, .options = options} /
         Payload(payload);
}

void AddRoute(PathLab& lab, uint16_t mtu) {
  router::RibRoute route;
  route.prefix = *IpPrefix::Parse("10.60.0.0/16");
  route.nexthops = {{.gateway = IpAddress::Parse("10.2.0.2"), .port = PortIndex(kP1)}};
  route.mtu = mtu;
  ASSERT_TRUE(lab.rib().main().UpsertRoute(route).ok());
}

uint64_t Copies(PathLab& lab) {
  return lab.lcore(0).context().ledger()[PortSource(PortIndex(kP3))].copies;
}

// What a host would make of the pieces; checks each of them on the way.
Bytes Reassembled(const std::vector<SentFrame>& pieces, size_t mtu) {
  Bytes data;
  for (size_t n = 0; n < pieces.size(); ++n) {
    const Bytes& frame = pieces[n].bytes;
    const Bytes l3(frame.begin() + 14, frame.end());
    const size_t header = (l3[0] & 15u) * 4;
    const unsigned fragment = l3[6] << 8 | l3[7];
    EXPECT_LE(l3.size(), mtu);
    EXPECT_EQ(size_t{l3[2]} << 8 | l3[3], l3.size());
    EXPECT_EQ(InternetChecksum(Cut(l3, header)), 0);
    EXPECT_EQ((fragment & 0x1fff) * 8, data.size());
    EXPECT_EQ((fragment & 0x2000) != 0, n + 1 < pieces.size());
    EXPECT_TRUE(n + 1 == pieces.size() || (l3.size() - header) % 8 == 0);
    data.insert(data.end(), l3.begin() + static_cast<long>(header), l3.end());
  }
  return data;
}

TEST(Fragment, EveryLengthComesTogetherAgain) {
  const unsigned seed = std::random_device()();
  std::printf("seed %u\n", seed);
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::vector<Bytes> options = {{}, {148, 4, 0, 0}, Bytes(40, 1), {7, 39, 4}, {130, 11}};
  PathLab lab;
  for (const uint16_t mtu : std::initializer_list<uint16_t>{68, 576, 577, 1006, 1280, 1499}) {
    AddRoute(lab, mtu);
    for (int i = 0; i < 60; ++i) {
      Bytes with = options[random() % options.size()];
      if (with.size() > 1 && with.size() < 4) with.resize(with[1], 0);
      const size_t header = 20 + (with.size() + 3) / 4 * 4;
      // No more than 64 pieces.
      const size_t most = std::min<size_t>(8900, (mtu - header) / 8 * 8 * 60);
      if (most <= mtu) continue;
      const size_t payload = mtu - header + 1 + random() % (most - mtu);
      const Outcome outcome = lab.Pass(kP3, Big(kCut, payload, with),
                                       {Layout::kPlain, static_cast<uint16_t>(random() % 900)});
      ASSERT_GE(outcome.sent.size(), 2u) << mtu << " " << payload << outcome.ToString();
      ASSERT_TRUE(Reassembled(outcome.sent, mtu) == Payload(payload).bytes)
          << mtu << " " << payload << " " << header;
    }
  }
  lab.CheckAtRest();
}

TEST(Fragment, EachPieceButTheFirstIsACopyInTheBooks) {
  PathLab lab;
  const Outcome outcome = lab.Pass(kP3, Big(kFar4, 8000));
  EXPECT_EQ(outcome.sent.size(), 6u);
  EXPECT_EQ(Copies(lab), 5u);
  EXPECT_EQ(lab.lcore(0).router().fragmented, 1u);
  EXPECT_EQ(lab.lcore(0).router().fragments, 6u);
  lab.CheckAtRest();
}

TEST(Fragment, ABurstOfThemLeavesWhole) {
  PathLab lab;
  for (unsigned n = 0; n < kMaxBurst; ++n) lab.Send(kP3, Big(kFar4, 8000));
  EXPECT_EQ(lab.Settle().sent.size(), kMaxBurst * 6u);
  lab.CheckAtRest();
}

TEST(Fragment, OffRefusesWithTheMtuOfTheLink) {
  PathLab lab;
  lab.SetFeatures(kP2, {.fragment = false});
  const Bytes frame = From(kP0) / Ip4{.src = kClient4, .dst = "10.8.0.1"} / Payload(1400);
  const Outcome outcome = lab.Pass(kP0, frame);
  EXPECT_EQ(outcome.drops, (std::map<DropReason, uint64_t>{{DropReason::kMtuExceeded, 1}}));
  ASSERT_EQ(outcome.sent.size(), 1u);
  EXPECT_EQ(WithoutFreeFields(outcome.sent[0].bytes),
            WithoutFreeFields(Icmp4Error(To(kP0), "10.1.0.1", 3, 4, 1280, frame)));
  // Other ports go on cutting.
  EXPECT_EQ(lab.Pass(kP3, Big(kFar4, 2000)).sent.size(), 2u);
  lab.CheckAtRest();
}

TEST(Fragment, TooManyPiecesAreNotMade) {
  PathLab lab;
  AddRoute(lab, 68);
  const Outcome outcome = lab.Pass(kP3, Big(kCut, 8000));
  EXPECT_EQ(outcome.drops.at(DropReason::kMtuExceeded), Copies(lab) + 1);
  EXPECT_TRUE(outcome.sent.empty());
  lab.CheckAtRest();
}

TEST(Fragment, WithoutMemoryTheWholePacketIsDropped) {
  PathLab lab;
  lab.Send(kP3, Big(kFar4, 8000));
  std::vector<rte_mbuf*> taken;
  while (rte_mbuf* const m = rte_pktmbuf_alloc(lab.dataplane().pool())) taken.push_back(m);
  for (int n = 0; n < 3; ++n) {
    rte_pktmbuf_free(taken.back());
    taken.pop_back();
  }
  const Outcome outcome = lab.Settle();
  EXPECT_EQ(outcome.drops.size(), 1u) << outcome.ToString();
  EXPECT_EQ(outcome.drops.at(DropReason::kNoMemory), Copies(lab) + 1);
  EXPECT_TRUE(outcome.sent.empty());
  for (rte_mbuf* const m : taken) rte_pktmbuf_free(m);
  lab.ExpectCanaryPasses();
  lab.CheckAtRest();
}

TEST(Fragment, PiecesWaitForTheNeighbourAndLeaveInOrder) {
  PathLab lab;
  const Outcome held = lab.Pass(kP3, Big("10.30.0.1", 4000));
  EXPECT_TRUE(held.sent.empty() && held.drops.empty()) << held.ToString();
  EXPECT_EQ(lab.Held()[kP3], 3u);
  lab.rib().SetNeighbor(PortIndex(kP1), *IpAddress::Parse("10.2.0.77"), MacAddress{GatewayMac(1)});
  const Outcome outcome = lab.Settle();
  ASSERT_EQ(outcome.sent.size(), 3u) << outcome.ToString();
  EXPECT_TRUE(Reassembled(outcome.sent, 1500) == Payload(4000).bytes);
  for (const SentFrame& sent : outcome.sent) EXPECT_EQ(sent.bytes[14 + 8], 63) << "TTL once";
  lab.CheckAtRest();
}

}  // namespace
}  // namespace flyover::test
