#include "common/datapath/ledger_snapshot.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

namespace flyover {
namespace {

TEST(LedgerSnapshot, IsReadyOnceAnswered) {
  const auto snapshot = std::make_unique<LedgerSnapshot>();
  EXPECT_TRUE(snapshot->Ready());
  EXPECT_FALSE(snapshot->Wanted());
  snapshot->Request();
  EXPECT_FALSE(snapshot->Ready());
  EXPECT_TRUE(snapshot->Wanted());
  const auto ledger = std::make_unique<Ledger>();
  (*ledger)[PortSource(PortIndex(1))].tx = 7;
  snapshot->Answer(*ledger, HeldCounts{});
  EXPECT_TRUE(snapshot->Ready());
  EXPECT_FALSE(snapshot->Wanted());
  EXPECT_EQ(snapshot->ledger()[PortSource(PortIndex(1))].tx, 7u);
}

// The owner moves packets all the time; whenever the control thread looks, the books balance.
TEST(LedgerSnapshot, ACopyIsWholeWhileTheOwnerGoesOn) {
  const auto snapshot = std::make_unique<LedgerSnapshot>();
  std::atomic<bool> stop{false};
  std::thread owner([&] {
    const auto ledger = std::make_unique<Ledger>();
    HeldCounts held{};
    for (uint64_t n = 1; !stop.load(std::memory_order_relaxed); ++n) {
      for (const unsigned s : {0u, 31u, kSourceCount - 1}) {
        SourceLedger& source = ledger->sources[s];
        source.entered += 3;
        ++source.tx;
        ++source.drops[n % kDropReasonCount];
        ++held[s];
      }
      if (snapshot->Wanted()) snapshot->Answer(*ledger, held);
    }
  });
  uint64_t last = 0;
  for (int i = 0; i < 300; ++i) {
    snapshot->Request();
    while (!snapshot->Ready()) std::this_thread::yield();
    for (const unsigned s : {0u, 31u, kSourceCount - 1}) {
      const SourceLedger& source = snapshot->ledger().sources[s];
      uint64_t drops = 0;
      for (const uint64_t n : source.drops) drops += n;
      ASSERT_EQ(source.entered, source.tx + drops + snapshot->held()[s]);
    }
    EXPECT_GE(snapshot->ledger().sources[0].tx, last);
    last = snapshot->ledger().sources[0].tx;
  }
  stop.store(true);
  owner.join();
}

}  // namespace
}  // namespace flyover
