#include "lb/conntrack/connection_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <unordered_map>
#include <vector>

#include "lb/conntrack/coarse_clock.h"

namespace flyover::lb {
namespace {

constexpr uint16_t kTimeout = 60;
constexpr ConnectionTimeouts kTimeouts{nullptr, 0, kTimeout};

std::unique_ptr<ConnectionTable> Make(uint32_t capacity) {
  auto table = ConnectionTable::Create(capacity);
  EXPECT_TRUE(table.ok()) << table.status().message();
  return std::move(table).value();
}

ConnectionHit LookupOne(ConnectionTable& table, uint64_t flow, uint16_t tick,
                        Touch touch = Touch::kConfirm) {
  ConnectionHit hit;
  table.Lookup(&flow, 1, tick, &hit);
  if (hit.found) table.Keep(hit, tick, touch);
  return hit;
}

void SweepAll(ConnectionTable& table, uint16_t tick) {
  table.Sweep(static_cast<unsigned>(table.capacity() / ConnectionShard::kWays), tick, kTimeouts);
}

class Flows {  // random flow hashes, reproducible
 public:
  explicit Flows(uint64_t seed) : random_(seed) {}
  std::vector<uint64_t> Take(size_t n) {
    std::vector<uint64_t> flows(n);
    for (auto& flow : flows) flow = random_();
    return flows;
  }

 private:
  std::mt19937_64 random_;
};

TEST(ConnectionTable, CapacityIsRoundedUp) {
  EXPECT_EQ(Make(0)->capacity(), 128u);
  EXPECT_EQ(Make(128)->capacity(), 128u);
  EXPECT_EQ(Make(129)->capacity(), 256u);
  EXPECT_EQ(Make(1'048'576)->capacity(), 1'048'576u);
  EXPECT_EQ(Make(1'048'576)->memory_bytes(), 8u << 20);
}

TEST(ConnectionTable, FindsWhatWasInserted) {
  const auto table = Make(100'000);
  const auto flows = Flows(1).Take(50'000);
  for (size_t i = 0; i < flows.size(); ++i) {
    EXPECT_EQ(table->Insert(flows[i], BackendId(static_cast<uint16_t>(i % 1000)), 5, kTimeouts),
              InsertResult::kNew);
  }
  EXPECT_EQ(table->occupancy(), flows.size());
  EXPECT_EQ(table->inserts(), flows.size());
  EXPECT_EQ(table->evictions(), 0u);
  std::array<ConnectionHit, ConnectionTable::kMaxBatch> hits;
  for (size_t i = 0; i + hits.size() <= flows.size(); i += hits.size()) {
    table->Lookup(&flows[i], hits.size(), 7, hits.data());
    for (size_t k = 0; k < hits.size(); ++k) {
      ASSERT_TRUE(hits[k].found);
      EXPECT_EQ(hits[k].backend.value(), (i + k) % 1000);
      EXPECT_EQ(hits[k].idle, 2);
    }
  }
  EXPECT_EQ(LookupOne(*table, flows[0], 7).idle, 2);
  EXPECT_EQ(LookupOne(*table, flows[0], 7).idle, 0);  // what is kept had a packet
  for (const uint64_t other : Flows(2).Take(10'000)) {
    EXPECT_FALSE(LookupOne(*table, other, 7).found);
  }
}

TEST(ConnectionTable, FindDoesNotTouch) {
  const auto table = Make(128);
  table->Insert(42, BackendId(3), 10, kTimeouts);
  const ConnectionHit hit = table->Find(42, 30);
  EXPECT_TRUE(hit.found);
  EXPECT_EQ(hit.backend, BackendId(3));
  EXPECT_EQ(hit.idle, 20);
  EXPECT_EQ(table->Find(42, 30).idle, 20);
  EXPECT_EQ(table->Find(42, 9).idle, 0);  // another lcore, whose clock is a tick behind
  EXPECT_FALSE(table->Find(43, 30).found);
}

TEST(ConnectionTable, SameFlowIsOverwritten) {
  const auto table = Make(128);
  EXPECT_EQ(table->Insert(42, BackendId(3), 10, kTimeouts), InsertResult::kNew);
  EXPECT_EQ(table->Insert(42, BackendId(3), 11, kTimeouts), InsertResult::kUnchanged);
  EXPECT_EQ(table->Insert(42, BackendId(4), 12, kTimeouts), InsertResult::kMoved);
  EXPECT_EQ(table->occupancy(), 1u);
  EXPECT_EQ(LookupOne(*table, 42, 12).backend, BackendId(4));
}

TEST(ConnectionTable, FillsToNearlyAllPlacesBeforeItEvicts) {
  const auto table = Make(16'384);
  for (const uint64_t flow : Flows(3).Take(static_cast<size_t>(0.8 * 16'384))) {
    table->Insert(flow, BackendId(1), 1, kTimeouts);
  }
  EXPECT_LT(static_cast<double>(table->evictions()), 0.002 * 16'384);
}

TEST(ConnectionTable, NeverFailsAndEvictsTheLongestSilent) {
  const auto table = Make(128);  // one bucket a shard: 8 flows compete
  const auto flows = Flows(4).Take(10'000);
  for (const uint64_t flow : flows) table->Insert(flow, BackendId(1), 1, kTimeouts);
  EXPECT_EQ(table->occupancy(), 128u);
  EXPECT_EQ(table->inserts(), flows.size());
  EXPECT_EQ(table->evictions(), flows.size() - 128);

  // Newer ones survive, whatever comes: each bucket keeps its seven youngest and the newcomer.
  const auto old_ones = Flows(5).Take(10'000);
  for (const uint64_t flow : old_ones) table->Insert(flow, BackendId(1), 2, kTimeouts);
  table->Insert(42, BackendId(9), 3, kTimeouts);
  unsigned found = 0;
  table->ForEach([&](uint32_t, BackendId, uint16_t seen) {
    EXPECT_GE(seen, 2);
    ++found;
    return true;
  });
  EXPECT_EQ(found, 128u);
  // All others of 42's bucket are older and go first.
  const auto newcomers = Flows(6).Take(7);
  for (const uint64_t flow : newcomers) table->Insert(flow, BackendId(1), 4, kTimeouts);
  EXPECT_TRUE(table->Find(42, 4).found);
}

TEST(ConnectionTable, ExpiredPlacesGoBeforeLiveOnes) {
  const auto table = Make(128);
  // Backend 1's flows expire after 10 ticks, backend 0's after 1000.
  constexpr uint16_t kOf[] = {1000, 10};
  const ConnectionTimeouts timeouts{kOf, 2, 1000};
  for (const uint64_t flow : Flows(7).Take(10'000)) table->Insert(flow, BackendId(1), 50, timeouts);
  const uint64_t evicted = table->evictions();
  table->Insert(42, BackendId(0), 50, timeouts);
  const uint64_t evicted_then = table->evictions();
  EXPECT_EQ(evicted_then, evicted + 1);
  EXPECT_EQ(table->Insert(43, BackendId(0), 100, timeouts), InsertResult::kReplacedExpired);
  EXPECT_EQ(table->evictions(), evicted_then);
  EXPECT_TRUE(table->Find(42, 100).found);
  EXPECT_EQ(table->occupancy(), 128u);
}

TEST(ConnectionTable, SweepRemovesExactlyTheExpired) {
  const auto table = Make(4096);
  const auto early = Flows(8).Take(300);
  const auto late = Flows(9).Take(300);
  for (const uint64_t flow : early) table->Insert(flow, BackendId(1), 10, kTimeouts);
  for (const uint64_t flow : late) table->Insert(flow, BackendId(1), 40, kTimeouts);
  SweepAll(*table, 70);  // exactly the timeout: still there
  EXPECT_EQ(table->occupancy(), 600u);
  EXPECT_EQ(table->sweeps(), 1u);
  SweepAll(*table, 71);
  EXPECT_EQ(table->occupancy(), 300u);
  for (const uint64_t flow : early) EXPECT_FALSE(table->Find(flow, 71).found);
  for (const uint64_t flow : late) EXPECT_TRUE(table->Find(flow, 71).found);
}

TEST(ConnectionTable, AgesSurviveTheWrapOfTheClock) {
  const auto table = Make(128);
  table->Insert(42, BackendId(1), 32'762, kTimeouts);
  EXPECT_EQ(table->Find(42, 10).idle, 16);
  SweepAll(*table, 10);
  EXPECT_TRUE(table->Find(42, 10).found);
  SweepAll(*table, 100);
  EXPECT_FALSE(table->Find(42, 100).found);
}

TEST(ConnectionTable, TimeoutIsThatOfTheEntrysBackend) {
  constexpr uint16_t kOf[] = {100, 10};
  const ConnectionTimeouts timeouts{kOf, 2, 500};
  EXPECT_EQ(timeouts.Of(0), 100);
  EXPECT_EQ(timeouts.Of(1), 10);
  EXPECT_EQ(timeouts.Of(2), 500);
}

TEST(ConnectionTable, AgreesWithANaiveTableUnderRandomUse) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  const auto table = Make(8192);
  std::unordered_map<uint64_t, uint16_t> naive;
  const auto flows = Flows(seed).Take(2000);
  for (int step = 0; step < 100'000; ++step) {
    const uint64_t flow = flows[random() % flows.size()];
    if (random() % 4 == 0) {
      const auto backend = static_cast<uint16_t>(random() % 100);
      table->Insert(flow, BackendId(backend), 1, kTimeouts);
      naive[flow] = backend;
    } else {
      const ConnectionHit hit = LookupOne(*table, flow, 1);
      const auto known = naive.find(flow);
      ASSERT_EQ(hit.found, known != naive.end());
      if (hit.found) {
        ASSERT_EQ(hit.backend.value(), known->second);
      }
    }
  }
  EXPECT_EQ(table->occupancy(), naive.size());
}

// A reader never sees one flow's tag with another's backend, however fast places change hands.
TEST(ConnectionTable, ReadersSeeWholeEntries) {
  const auto table = Make(128);
  const auto flows = Flows(10).Take(4096);
  const auto backend_of = [](uint64_t flow) { return static_cast<uint16_t>(flow >> 49); };
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> found{0};
  std::thread reader([&] {
    for (size_t i = 0; !stop.load(); i = (i + 1) % flows.size()) {
      const ConnectionHit hit = table->Find(flows[i], 1);
      if (!hit.found) continue;
      EXPECT_EQ(hit.backend.value(), backend_of(flows[i]));
      ++found;
    }
  });
  for (int round = 0; round < 200 || found.load() < 1000; ++round) {
    for (const uint64_t flow : flows) {
      table->Insert(flow, BackendId(backend_of(flow)), 1, kTimeouts);
    }
  }
  stop = true;
  reader.join();
}

constexpr uint16_t kOne[] = {kTimeout, kTimeout | ConnectionTimeouts::kUdp};
constexpr ConnectionTimeouts kTcpAndUdp{kOne, 2, kTimeout};
constexpr BackendId kTcp(0), kUdp(1);

// What is given up first, and that age counts only among equals.
TEST(ConnectionTable, EvictsInTheDocumentedOrder) {
  const auto table = Make(128);
  const auto fill = [&](uint64_t seed, BackendId backend, uint16_t tick, EntryState state) {
    for (const uint64_t flow : Flows(seed).Take(2000)) {
      table->Insert(flow, backend, tick, kTcpAndUdp, state);
    }
  };
  const auto count = [&](BackendId wanted) {
    unsigned n = 0;
    table->ForEach([&](uint32_t, BackendId backend, uint16_t) {
      n += backend == wanted;
      return true;
    });
    return n;
  };
  fill(20, kTcp, 10, EntryState::kEstablished);
  EXPECT_EQ(count(kTcp), 128u);
  // All places hold established flows: the oldest makes room, and from then on the newcomer's.
  fill(21, kUdp, 50, EntryState::kTentative);
  EXPECT_EQ(count(kUdp), 16u) << "one place of each bucket's eight";
  fill(22, kUdp, 50, EntryState::kBrief);
  EXPECT_EQ(count(kUdp), 16u);
  // An established UDP flow takes the place of a forged one, then of another UDP flow.
  fill(23, kUdp, 50, EntryState::kEstablished);
  EXPECT_EQ(count(kTcp), 112u);
  fill(24, kTcp, 50, EntryState::kEstablished);
  EXPECT_EQ(count(kUdp), 0u);
}

TEST(ConnectionTable, RemovedOnceAndForAll) {
  const auto table = Make(128);
  table->Insert(42, kTcp, 1, kTcpAndUdp);
  const std::array<uint64_t, 2> twice = {42, 42};
  std::array<ConnectionHit, 2> hits;
  table->Lookup(twice.data(), 2, 1, hits.data());
  for (const ConnectionHit& hit : hits) {
    ASSERT_TRUE(hit.found);
    table->Remove(hit);
  }
  EXPECT_EQ(table->occupancy(), 0u);
  EXPECT_FALSE(table->Find(42, 1).found);
}

TEST(ConnectionTable, ARepeatedSynEarnsNothing) {
  const auto table = Make(128);
  table->Insert(42, kTcp, 1, kTcpAndUdp, EntryState::kBrief);
  LookupOne(*table, 42, 2, Touch::kOpen);
  EXPECT_TRUE(table->Find(42, 2).brief);
  LookupOne(*table, 42, 3, Touch::kConfirm);
  EXPECT_FALSE(table->Find(42, 3).brief);
  LookupOne(*table, 42, 4, Touch::kClose);
  EXPECT_TRUE(table->Find(42, 4).brief);
  EXPECT_EQ(table->Find(42, 4).backend, kTcp);
  EXPECT_EQ(table->Find(42, 4).idle, 0);
}

TEST(ConnectionTable, BriefFlowsAreForgottenSooner) {
  const auto table = Make(128);
  constexpr uint16_t kLong[] = {600};
  const ConnectionTimeouts timeouts{kLong, 1, 600};
  table->Insert(42, BackendId(0), 10, timeouts, EntryState::kBrief);
  table->Insert(43, BackendId(0), 10, timeouts, EntryState::kTentative);
  table->Insert(44, BackendId(0), 10, timeouts);
  const auto sweep = [&](uint16_t tick) { table->Sweep(16, tick, timeouts); };
  sweep(10 + ConnectionTimeouts::kBrief);
  EXPECT_EQ(table->occupancy(), 3u);
  sweep(11 + ConnectionTimeouts::kBrief);
  EXPECT_FALSE(table->Find(42, 70).found);
  EXPECT_EQ(table->occupancy(), 2u);
  sweep(610);
  EXPECT_EQ(table->occupancy(), 2u);
  sweep(611);
  EXPECT_EQ(table->occupancy(), 0u);
}

TEST(CoarseClock, CountsSeconds) {
  CoarseClock clock(1000);
  EXPECT_EQ(clock.Tick(0), 0);
  EXPECT_EQ(clock.Tick(999), 0);
  EXPECT_EQ(clock.Tick(1000), 1);
  EXPECT_EQ(clock.Tick(1999), 1);
  EXPECT_EQ(clock.Tick(5'000'500), 5000);
  EXPECT_EQ(clock.Tick(65'536'000), 0);
  CoarseClock other(1000);
  EXPECT_EQ(other.Tick(70'000'123), clock.Tick(70'000'123));
}

}  // namespace
}  // namespace flyover::lb
