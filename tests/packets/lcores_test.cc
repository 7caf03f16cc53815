// Several lcores over ports with one queue: frames are spread over rings so that a flow always
// meets the same lcore, and leave through the lcore that owns the transmit queue.
#include <gtest/gtest.h>

#include <random>

#include "common/testing/packet_printer.h"
#include "tests/packets/catalogue/catalogue.h"

namespace flyover::test {
namespace {

struct Shape {
  unsigned lcores;
  unsigned rx_queues;
  unsigned tx_queues;
};

class LcoresTest : public ::testing::TestWithParam<Shape> {
 protected:
  static LabOptions Options() {
    LabOptions options;
    options.lcores = GetParam().lcores;
    options.rx_queues = GetParam().rx_queues;
    options.tx_queues = GetParam().tx_queues;
    options.tx_ring_size = 4096;
    return options;
  }
  uint64_t Taken(unsigned l) { return lab_.lcore(l).stats().packets.Get(); }
  SourceLedger Sum() {
    SourceLedger sum;
    for (unsigned l = 0; l < GetParam().lcores; ++l) {
      for (const SourceLedger& source : lab_.lcore(l).context().ledger().sources) {
        sum.handed_over += source.handed_over;
        sum.taken_over += source.taken_over;
      }
    }
    return sum;
  }

  PathLab lab_{Options()};
};

constexpr unsigned kFlows = 600;
constexpr unsigned kPackets = 5;

TEST_P(LcoresTest, EachFlowMeetsOneLcoreAndStaysInOrder) {
  // A table that no flow agrees with was in force a moment ago: every flow gets an entry.
  const auto weigh = [&](std::initializer_list<const char*> backends, uint16_t weight) {
    for (const char* backend : backends) {
      ASSERT_TRUE(lab_.services().SetWeight("ipip44", backend, weight).ok());
    }
  };
  weigh({"b11", "b12"}, 0);
  weigh({"b11", "b12"}, 100);
  weigh({"b13", "b14"}, 0);
  for (uint16_t n = 0; n < kPackets; ++n) {
    for (uint16_t flow = 0; flow < kFlows; ++flow) {
      // Queues as RSS would choose them: by flow.
      lab_.Send(kP0,
                From(kP0) / Ip4{.src = kClient4, .dst = kVip44, .id = n} /
                    Tcp{.sport = static_cast<uint16_t>(1000 + flow)},
                {}, flow % GetParam().rx_queues);
    }
  }
  const Outcome outcome = lab_.Settle();
  EXPECT_TRUE(outcome.drops.empty()) << outcome.ToString();
  ASSERT_EQ(outcome.sent.size(), size_t{kFlows} * kPackets);
  std::map<unsigned, unsigned> seen;
  std::map<unsigned, Bytes> backends;
  for (const SentFrame& sent : outcome.sent) {
    ASSERT_EQ(WhatIsWrongWith(sent.bytes), std::nullopt);
    const Bytes inner(sent.bytes.begin() + 34, sent.bytes.end());
    const unsigned flow = inner[20] << 8 | inner[21];
    EXPECT_EQ(inner[4] << 8 | inner[5], static_cast<int>(seen[flow]++)) << "reordered";
    const Bytes backend(sent.bytes.begin(), sent.bytes.begin() + 6);
    EXPECT_EQ(backends.try_emplace(flow, backend).first->second, backend);
  }
  // A flow that met two lcores would have an entry on each.
  uint64_t entries = 0;
  for (unsigned l = 0; l < GetParam().lcores; ++l) {
    const uint64_t here = lab_.lcore(l).lb().connections->occupancy();
    EXPECT_NEAR(static_cast<double>(here), double{kFlows} / GetParam().lcores, kFlows * 0.12) << l;
    entries += here;
  }
  EXPECT_EQ(entries, kFlows);
  const SourceLedger sum = Sum();
  EXPECT_EQ(sum.handed_over, sum.taken_over);
  const bool fewer =
      GetParam().rx_queues < GetParam().lcores || GetParam().tx_queues < GetParam().lcores;
  EXPECT_EQ(sum.handed_over > 0, fewer) << "crossings between lcores";
  lab_.CheckAtRest();
}

TEST_P(LcoresTest, TheCatalogueFaresTheSame) {
  for (const Row& row : Catalogue()) {
    const Outcome outcome = lab_.Pass(row.port, row.in);
    EXPECT_EQ(outcome.drops, row.want.drops) << row.name << "\n" << outcome.ToString();
    EXPECT_EQ(outcome.sent.size(), row.want.sent.size()) << row.name;
    EXPECT_EQ(outcome.punted.size(), row.want.punted ? 1u : 0u) << row.name;
    if (HasFailure()) return;
  }
  lab_.CheckAtRest();
}

TEST_P(LcoresTest, ErrorsQuotingAFlowFindItOnAnyLcore) {
  for (uint16_t flow = 0; flow < 200; ++flow) {
    const auto sport = static_cast<uint16_t>(20000 + flow);
    const Outcome syn =
        lab_.Pass(kP0, From(kP0) / Ip4{.src = kClient4, .dst = kVipDsr4} / Tcp{.sport = sport});
    ASSERT_EQ(syn.sent.size(), 1u);
    const Outcome error = lab_.Pass(kP1, From(kP1) / Ip4{.src = "198.51.100.7", .dst = kVipDsr4} /
                                             Icmp{.type = 3, .code = 4, .rest = 1400} /
                                             Ip4{.src = kVipDsr4, .dst = kClient4} /
                                             Tcp{.sport = 80, .dport = sport});
    ASSERT_EQ(error.sent.size(), 1u) << error.ToString();
    EXPECT_TRUE(std::equal(syn.sent[0].bytes.begin(), syn.sent[0].bytes.begin() + 6,
                           error.sent[0].bytes.begin()))
        << "another backend";
  }
  lab_.CheckAtRest();
}

TEST_P(LcoresTest, DrainLeavesNothingBehind) {
  for (uint16_t flow = 0; flow < 100; ++flow) {
    lab_.Send(kP0, From(kP0) / Ip4{.src = kClient4, .dst = "10.2.0.50"} / Udp{.sport = flow});
  }
  lab_.Settle();
  lab_.Drain();
  lab_.CheckAtRest();
}

INSTANTIATE_TEST_SUITE_P(Shapes, LcoresTest,
                         ::testing::Values(Shape{1, 1, 1}, Shape{2, 1, 1}, Shape{3, 1, 1},
                                           Shape{2, 2, 2}, Shape{3, 2, 2}, Shape{3, 3, 1}),
                         [](const auto& shape) {
                           return std::to_string(shape.param.lcores) + "_lcores_" +
                                  std::to_string(shape.param.rx_queues) + "_rx_" +
                                  std::to_string(shape.param.tx_queues) + "_tx";
                         });

}  // namespace
}  // namespace flyover::test
