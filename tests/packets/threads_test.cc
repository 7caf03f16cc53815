// The machine as it runs: lcores on threads of their own, while the control thread changes routes,
// neighbours and services and reads the books.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "common/testing/packet_printer.h"
#include "tests/packets/lab/row.h"

namespace flyover::test {
namespace {

using Clock = std::chrono::steady_clock;

LabOptions TwoLcores() {
  LabOptions options;
  options.lcores = 2;
  options.tx_ring_size = 4096;
  options.dataplane.adaptive_idle = true;
  return options;
}

class ThreadsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const Status launched = lab_.dataplane().Launch();
    ASSERT_TRUE(launched.ok()) << launched.message();
  }
  void Collect() {
    const Outcome outcome = lab_.Collect();
    for (const SentFrame& frame : outcome.sent) {
      EXPECT_EQ(WhatIsWrongWith(frame.bytes), std::nullopt) << Describe(frame.bytes);
    }
    sent_ += outcome.sent.size();
    punted_ += outcome.punted.size();
  }
  void CollectUntil(size_t sent, size_t punted) {
    const auto deadline = Clock::now() + std::chrono::seconds(60);
    while ((sent_ < sent || punted_ < punted) && Clock::now() < deadline) {
      Collect();
      std::this_thread::yield();
    }
    EXPECT_EQ(sent_, sent);
    EXPECT_EQ(punted_, punted);
  }

  PathLab lab_{TwoLcores()};
  size_t sent_ = 0, punted_ = 0;
};

TEST_F(ThreadsTest, ChangesLoseNothingAndTheBooksBalanceAllTheTime) {
  size_t sent = 0, punted = 0;
  for (uint16_t round = 0; round < 150; ++round) {
    for (uint16_t i = 0; i < 16; ++i) {
      const auto sport = static_cast<uint16_t>(1000 + 16 * round + i);
      const Ip4 far{.src = kClient4, .dst = kFar4};
      lab_.Send(kP0, From(kP0) / far / Udp{.sport = sport});
      lab_.Send(kP0, From(kP0) / Ip4{.src = kClient4, .dst = kVip44} / Tcp{.sport = sport});
      lab_.Send(kP0, From(kP0) / Ip6{.src = kClient6, .dst = kVip66} / Tcp{.sport = sport});
      lab_.Send(kP0,
                From(kP0) / Ip4{.src = kClient4, .dst = kFar4, .ttl = 1} / Udp{.sport = sport});
      sent += 4;
    }
    lab_.Send(kP0, From(kP0) / Ip4{.src = kClient4, .dst = "10.1.0.1"} / Tcp{.dport = 22});
    ++punted;
    router::RibRoute route;
    route.prefix = *IpPrefix::Parse("10.9.0.0/16");
    const bool odd = round % 2 != 0;
    route.nexthops = {{.gateway = IpAddress::Parse(odd ? "10.3.0.2" : "10.4.0.2"),
                       .port = PortIndex(static_cast<uint8_t>(odd ? kP2 : kP3))}};
    ASSERT_TRUE(lab_.rib().main().UpsertRoute(route).ok());
    if (round % 10 == 0) {
      const Status weighed =
          lab_.services().SetWeight("ipip44", "b11", static_cast<uint16_t>(50 + round));
      ASSERT_TRUE(weighed.ok()) << weighed.message();
    }
    lab_.dataplane().qsbr().Reclaim();
    // Never more on the way than the rings between lcores hold.
    CollectUntil(sent, punted);
    if (::testing::Test::HasFailure()) break;
    for (unsigned l = 0; l < 2; ++l) {
      LedgerSnapshot& snapshot = lab_.lcore(l).snapshot();
      snapshot.Request();
      while (!snapshot.Ready()) std::this_thread::yield();
      for (size_t s = 0; s < kSourceCount; ++s) {
        const SourceLedger& books = snapshot.ledger().sources[s];
        uint64_t out = books.tx + books.punted + books.handed_over + snapshot.held()[s];
        for (const uint64_t n : books.drops) out += n;
        ASSERT_EQ(books.entered + books.copies + books.taken_over, out);
      }
    }
  }
  const auto stop = Clock::now();
  lab_.dataplane().Shutdown(1000);
  EXPECT_LT(Clock::now() - stop, std::chrono::seconds(5));
  Collect();
  lab_.dataplane().qsbr().Reclaim();
  EXPECT_EQ(lab_.dataplane().qsbr().pending(), 0u);
  EXPECT_EQ(lab_.DropCount(DropReason::kTtlExpired), 150u * 16);
  lab_.CheckAtRest();
}

TEST_F(ThreadsTest, ShutdownDropsByNameWhatStillWaits) {
  constexpr unsigned kWaiting = 10;
  for (unsigned i = 0; i < kWaiting; ++i) {
    lab_.Send(kP0,
              From(kP0) / Ip4{.src = kClient4, .dst = "10.2.0." + std::to_string(100 + i)} / Udp{});
  }
  const auto taken = [&] {
    uint64_t held = 0;
    for (unsigned l = 0; l < 2; ++l) {
      LedgerSnapshot& snapshot = lab_.lcore(l).snapshot();
      snapshot.Request();
      while (!snapshot.Ready()) std::this_thread::yield();
      for (const uint64_t n : snapshot.held()) held += n;
    }
    return held;
  };
  const auto deadline = Clock::now() + std::chrono::seconds(60);
  while (taken() < kWaiting && Clock::now() < deadline) std::this_thread::yield();
  lab_.dataplane().Shutdown(1000);
  Collect();
  EXPECT_EQ(lab_.DropCount(DropReason::kShutdown) + lab_.DropCount(DropReason::kHoldExpired),
            kWaiting);
  lab_.CheckAtRest();
}

}  // namespace
}  // namespace flyover::test
