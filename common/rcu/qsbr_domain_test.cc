#include "common/rcu/qsbr_domain.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "common/rcu/published.h"

namespace flyover {
namespace {

struct Counted {
  explicit Counted(int& alive) : alive_(alive) { ++alive_; }
  ~Counted() { --alive_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  int& alive_;
};

TEST(QsbrDomain, WithoutReadersFreesAtOnce) {
  QsbrDomain domain(4);
  int alive = 0;
  domain.Retire(std::make_unique<Counted>(alive));
  EXPECT_EQ(alive, 1);
  EXPECT_EQ(domain.pending(), 1u);
  EXPECT_EQ(domain.Reclaim(), 0u);
  EXPECT_EQ(alive, 0);
}

TEST(QsbrDomain, WaitsForEveryReaderThatWasOnline) {
  QsbrDomain domain(4);
  QsbrReader a(domain, 0), b(domain, 3);
  int alive = 0;
  domain.Retire(std::make_unique<Counted>(alive));
  a.Quiescent();
  EXPECT_EQ(domain.Reclaim(), 1u);
  b.Quiescent();
  EXPECT_EQ(domain.Reclaim(), 0u);
  EXPECT_EQ(alive, 0);
}

TEST(QsbrDomain, AnOfflineReaderDelaysNobody) {
  QsbrDomain domain(4);
  QsbrReader reader(domain, 1);
  int alive = 0;
  domain.Retire(std::make_unique<Counted>(alive));
  EXPECT_EQ(domain.Reclaim(), 1u);
  reader.Offline();
  EXPECT_EQ(domain.Reclaim(), 0u);
  domain.Retire(std::make_unique<Counted>(alive));
  reader.Online();
  EXPECT_EQ(domain.Reclaim(), 0u) << "it came back after the object was unlinked";
}

TEST(QsbrDomain, ALaterReaderDelaysNothingOlder) {
  QsbrDomain domain(4);
  int alive = 0;
  domain.Retire(std::make_unique<Counted>(alive));
  QsbrReader late(domain, 2);
  EXPECT_EQ(domain.Reclaim(), 0u);
}

TEST(QsbrDomain, FreesInOrderAndOnlyWhatIsOldEnough) {
  QsbrDomain domain(2);
  QsbrReader reader(domain, 0);
  std::vector<int> order;
  domain.RetireCall([&] { order.push_back(1); });
  domain.RetireCall([&] { order.push_back(2); });
  reader.Quiescent();
  domain.RetireCall([&] { order.push_back(3); });
  EXPECT_EQ(domain.Reclaim(), 1u);
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  reader.Quiescent();
  EXPECT_EQ(domain.Reclaim(), 0u);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(QsbrDomain, AnActionMayRetireMore) {
  QsbrDomain domain(2);
  int calls = 0;
  domain.RetireCall([&] { domain.RetireCall([&] { ++calls; }); });
  EXPECT_EQ(domain.Reclaim(), 0u);
  EXPECT_EQ(calls, 1);
}

TEST(QsbrDomain, ItsEndFreesAllThatIsLeft) {
  int alive = 0;
  int calls = 0;
  {
    QsbrDomain domain(2);
    {
      QsbrReader reader(domain, 0);
      for (int i = 0; i < 1000; ++i) domain.Retire(std::make_unique<Counted>(alive));
      EXPECT_EQ(domain.Reclaim(), 1000u);
    }
    // What an action retires at the very end is freed as well.
    for (int i = 0; i < 100; ++i) {
      domain.RetireCall([&] { domain.RetireCall([&] { ++calls; }); });
    }
  }
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(calls, 100);
}

TEST(Published, TheOldVersionLivesUntilItsReadersAreQuiescent) {
  QsbrDomain domain(2);
  int alive = 0;
  {
    Published<Counted> published;
    EXPECT_EQ(published.Load(), nullptr);
    QsbrReader reader(domain, 0);
    published.Publish(std::make_unique<Counted>(alive), domain);
    const Counted* const held = published.Load();
    published.Publish(std::make_unique<Counted>(alive), domain);
    EXPECT_NE(published.Load(), held);
    domain.Reclaim();
    EXPECT_EQ(alive, 2);
    reader.Quiescent();
    domain.Reclaim();
    EXPECT_EQ(alive, 1);
  }
  EXPECT_EQ(alive, 0);
}

// Two readers at full speed while the writer publishes: every version a reader sees is whole and
// not yet freed.
TEST(Published, ReadersNeverSeeAFreedVersion) {
  struct Version {
    explicit Version(uint64_t v) : first(v), second(~v) {}
    ~Version() { first = second = 0; }
    uint64_t first, second;
  };
  constexpr unsigned kReaders = 2;
  constexpr uint64_t kVersions = 20'000;
  QsbrDomain domain(kReaders);
  Published<Version> published;
  published.Publish(std::make_unique<Version>(1), domain);
  std::atomic<bool> stop{false};
  std::atomic<unsigned> running{0};
  std::atomic<uint64_t> bad{0};
  std::vector<std::thread> readers;
  for (unsigned r = 0; r < kReaders; ++r) {
    readers.emplace_back([&, r] {
      QsbrReader reader(domain, r);
      running.fetch_add(1);
      uint64_t newest = 0;
      for (unsigned round = 0; !stop.load(std::memory_order_relaxed); ++round) {
        const Version* const version = published.Load();
        if (version->first != ~version->second || version->first < newest) bad.fetch_add(1);
        newest = version->first;
        reader.Quiescent();
        if (round % 1024 == 0) {
          reader.Offline();
          std::this_thread::yield();
          reader.Online();
        }
      }
    });
  }
  while (running.load() < kReaders) std::this_thread::yield();
  for (uint64_t v = 2; v < kVersions; ++v) {
    published.Publish(std::make_unique<Version>(v), domain);
    domain.Reclaim();
  }
  stop.store(true);
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(bad.load(), 0u);
  EXPECT_EQ(domain.Reclaim(), 0u);
}

}  // namespace
}  // namespace flyover
