#include "tools/flyoverd/daemon/ledger_collector.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>

namespace flyover {
namespace {

constexpr SourceId kSource = PortSource(PortIndex(1));

TEST(AddThread, SumsAndSeesAnEquationThatDoesNotHold) {
  const auto totals = std::make_unique<LedgerTotals>();
  const auto ledger = std::make_unique<Ledger>();
  HeldCounts held{};
  SourceLedger& books = (*ledger)[kSource];
  books.entered = 10;
  books.copies = 1;
  books.taken_over = 2;
  books.tx = 5;
  books.punted = 1;
  books.drops[3] = 2;
  books.handed_over = 4;
  held[kSource.value()] = 1;
  AddThread(*ledger, held, *totals);
  EXPECT_TRUE(totals->threads_balance);
  AddThread(*ledger, held, *totals);
  EXPECT_TRUE(totals->threads_balance);
  EXPECT_EQ(totals->ledger[kSource].entered, 20u);
  EXPECT_EQ(totals->ledger[kSource].drops[3], 4u);
  EXPECT_EQ(totals->Buffered(kSource), 2 + 8 - 4);
  ++books.tx;
  AddThread(*ledger, held, *totals);
  EXPECT_FALSE(totals->threads_balance);
}

// Answers for a forwarding thread.
void Answer(LedgerSnapshot& snapshot, uint64_t tx) {
  const auto ledger = std::make_unique<Ledger>();
  (*ledger)[kSource].entered = (*ledger)[kSource].tx = tx;
  snapshot.Answer(*ledger, HeldCounts{});
}

class LedgerCollectorTest : public ::testing::Test {
 protected:
  // Runs the loop until `done` is true.
  void RunUntil(const bool& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done && std::chrono::steady_clock::now() < deadline) {
      loop_.RunReady();
      std::this_thread::yield();
    }
    ASSERT_TRUE(done);
  }

  EventLoop loop_;
  std::unique_ptr<LedgerSnapshot> a_ = std::make_unique<LedgerSnapshot>();
  std::unique_ptr<LedgerSnapshot> b_ = std::make_unique<LedgerSnapshot>();
  std::unique_ptr<Ledger> control_ = std::make_unique<Ledger>();
  LedgerCollector collector_{loop_, {a_.get(), b_.get()}, *control_};
};

TEST_F(LedgerCollectorTest, WaitsForEveryThreadAndAddsTheControlThreadsOwn) {
  (*control_)[kGeneratedSource].entered = 3;
  (*control_)[kGeneratedSource].handed_over = 3;
  bool done = false;
  uint64_t tx = 0, announced = 0;
  collector_.Collect([&](const LedgerTotals* totals) {
    ASSERT_NE(totals, nullptr);
    tx = totals->ledger[kSource].tx;
    announced = totals->ledger[kGeneratedSource].entered;
    EXPECT_TRUE(totals->threads_balance);
    done = true;
  });
  EXPECT_TRUE(a_->Wanted());
  Answer(*a_, 5);
  loop_.RunReady();
  EXPECT_FALSE(done);
  Answer(*b_, 7);
  RunUntil(done);
  EXPECT_EQ(tx, 12u);
  EXPECT_EQ(announced, 3u);
}

TEST_F(LedgerCollectorTest, CallsMeanwhileShareOneAnswer) {
  int answers = 0;
  bool done = false;
  for (int i = 0; i < 5; ++i) {
    collector_.Collect([&](const LedgerTotals* totals) {
      EXPECT_NE(totals, nullptr);
      done = ++answers == 5;
    });
  }
  Answer(*a_, 1);
  Answer(*b_, 1);
  EXPECT_FALSE(a_->Wanted());
  RunUntil(done);
}

TEST_F(LedgerCollectorTest, GivesUpOnAThreadThatDoesNotAnswerAndTakesItsAnswerLater) {
  bool done = false;
  collector_.Collect([&](const LedgerTotals* totals) {
    EXPECT_EQ(totals, nullptr);
    done = true;
  });
  Answer(*a_, 1);
  RunUntil(done);
  done = false;
  collector_.Collect([&](const LedgerTotals* totals) {
    ASSERT_NE(totals, nullptr);
    EXPECT_EQ(totals->ledger[kSource].tx, 11u);
    done = true;
  });
  Answer(*b_, 9);
  Answer(*a_, 2);
  RunUntil(done);
}

}  // namespace
}  // namespace flyover
