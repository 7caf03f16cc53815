// Fragments to VIPs over the whole path: in every order and form they reach the backend of their
// flow, the books balance while some wait, and nothing is left when they give up.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "common/testing/packet_printer.h"
#include "tests/packets/lab/row.h"

namespace flyover::test {
namespace {

struct Way {
  const char* name;
  const char* vip;
  unsigned length;  // of the outer headers
};

class VipFragmentPathTest : public ::testing::TestWithParam<Way> {
 protected:
  bool v6() const { return std::string(GetParam().vip).find(':') != std::string::npos; }

  Bytes Whole(uint16_t sport) const {
    if (v6()) {
      return From(kP0) / Ip6{.src = kClient6, .dst = GetParam().vip} /
             Tcp{.sport = sport, .flags = 0x10} / Payload(40);
    }
    return From(kP0) / Ip4{.src = kClient4, .dst = GetParam().vip} /
           Tcp{.sport = sport, .flags = 0x10} / Payload(40);
  }
  Bytes First(uint16_t id, uint16_t sport) const {
    const Tcp tcp{.sport = sport, .flags = 0x10};
    if (v6()) {
      return From(kP0) / Ip6{.src = kClient6, .dst = GetParam().vip} /
             Frag6{.more = true, .id = id} / tcp / Payload(44);
    }
    return From(kP0) / Ip4{.src = kClient4, .dst = GetParam().vip, .id = id, .mf = true} / tcp /
           Payload(44);
  }
  Bytes Later(uint16_t id, uint16_t offset = 8) const {
    if (v6()) {
      return From(kP0) / Ip6{.src = kClient6, .dst = GetParam().vip} /
             Frag6{.offset = offset, .id = id, .next = 6} / Payload(40);
    }
    return From(kP0) /
           Ip4{.src = kClient4, .dst = GetParam().vip, .id = id, .frag = offset, .proto = 6} /
           Payload(40);
  }
  // The backends that packets went to.
  static std::vector<unsigned> BackendsOf(const Outcome& outcome) {
    std::vector<unsigned> backends;
    for (const SentFrame& sent : outcome.sent) backends.push_back(sent.bytes[5]);
    return backends;
  }
  unsigned Held() {
    uint64_t held = 0;
    for (const uint64_t n : lab_.Held()) held += n;
    return static_cast<unsigned>(held);
  }
  void TearDown() override { lab_.CheckAtRest(); }

  PathLab lab_;
};

TEST_P(VipFragmentPathTest, InOrderAndInEveryForm) {
  uint16_t id = 1;
  for (const Form& form : AllForms()) {
    SCOPED_TRACE(form.Name());
    const auto sport = static_cast<uint16_t>(2000 + id);
    const std::vector<unsigned> whole = BackendsOf(lab_.Pass(kP0, Whole(sport)));
    ASSERT_EQ(whole.size(), 1u);
    EXPECT_EQ(BackendsOf(lab_.Pass(kP0, First(id, sport), form)), whole);
    const Outcome later = lab_.Pass(kP0, Later(id), form);
    EXPECT_EQ(BackendsOf(later), whole) << later.ToString();
    ++id;
  }
}

// The bytes of the fragment arrive as they were, behind the outer header.
TEST_P(VipFragmentPathTest, BytesStayWhatTheyWere) {
  lab_.Pass(kP0, First(9, 1234));
  const Bytes in = Later(9);
  const Outcome outcome = lab_.Pass(kP0, in);
  ASSERT_EQ(outcome.sent.size(), 1u);
  const Bytes& out = outcome.sent[0].bytes;
  ASSERT_EQ(out.size(), in.size() + GetParam().length);
  EXPECT_TRUE(std::equal(in.begin() + 14, in.end(), out.begin() + 14 + GetParam().length));
}

TEST_P(VipFragmentPathTest, ThoseBeforeTheFirstFollowIt) {
  EXPECT_TRUE(lab_.Pass(kP0, Later(7, 16)).sent.empty());
  EXPECT_TRUE(lab_.Pass(kP0, Later(7, 8)).sent.empty());
  EXPECT_EQ(Held(), 2u);
  const std::vector<unsigned> all = BackendsOf(lab_.Pass(kP0, First(7, 1234)));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[1], all[0]);
  EXPECT_EQ(all[2], all[0]);
  EXPECT_EQ(Held(), 0u);
}

TEST_P(VipFragmentPathTest, AllInOneBurst) {
  for (const Bytes& frame : {Later(5, 16), First(5, 99), Later(5, 8)}) lab_.Send(kP0, frame);
  const std::vector<unsigned> all = BackendsOf(lab_.Settle());
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[1], all[0]);
  EXPECT_EQ(all[2], all[0]);
}

// A UDP datagram of 64 KB is 45 fragments of one burst; there was room for 16 of them.
TEST_P(VipFragmentPathTest, ADatagramThatFillsABurst) {
  lab_.Send(kP0, First(5, 99));
  for (uint16_t n = 1; n < kMaxBurst; ++n) {
    lab_.Send(kP0, Later(5, static_cast<uint16_t>(8 * n)));
  }
  const std::vector<unsigned> all = BackendsOf(lab_.Settle());
  ASSERT_EQ(all.size(), size_t{kMaxBurst});
  EXPECT_EQ(std::ranges::count(all, all[0]), kMaxBurst);
}

TEST_P(VipFragmentPathTest, AnOrphanIsDroppedInTime) {
  EXPECT_TRUE(lab_.Pass(kP0, Later(7)).sent.empty());
  const auto begun = std::chrono::steady_clock::now();
  while (Held() != 0) {
    ASSERT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  }
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(700));
  EXPECT_EQ(lab_.Settle().drops[DropReason::kVipFragment], 1u);
}

TEST_P(VipFragmentPathTest, TheEndDropsWhatWaits) {
  EXPECT_TRUE(lab_.Pass(kP0, Later(7)).sent.empty());
  EXPECT_EQ(lab_.Drain().drops[DropReason::kShutdown], 1u);
}

INSTANTIATE_TEST_SUITE_P(Ways, VipFragmentPathTest,
                         testing::Values(Way{"dsr4", kVipDsr4, 0}, Way{"ipip44", kVip44, 20},
                                         Way{"ipip46", kVip46, 40}, Way{"dsr6", kVipDsr6, 0},
                                         Way{"ipip66", kVip66, 40}, Way{"ipip64", kVip64, 20}),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace flyover::test
